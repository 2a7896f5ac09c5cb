// Starts that fail, with the real process: what is printed where, and the exit status.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { models } from "./testing/index.ts";

const bin = fileURLToPath(new URL("../bin/tfs-server.js", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tfs-failures-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const run = (...args: string[]) => spawnSync(process.execPath, [bin, ...args], { encoding: "utf8", timeout: 30_000 });

/** As in TensorFlow Serving: -1, to a shell. */
const failed = 255;

const misread: readonly { readonly argv: string[]; readonly text: string }[] = [
  { argv: ["--model_nam=m"], text: "unknown flag --model_nam; did you mean --model_name?" },
  { argv: ["--enable_profilerX"], text: "unknown flag --enable_profilerX; did you mean --enable_profiler?" },
  { argv: ["--zzz"], text: "unknown flag --zzz" },
  { argv: ["--port=abc"], text: "Couldn't interpret value abc for flag port." },
  { argv: ["--port=2147483648"], text: "Couldn't interpret value 2147483648 for flag port." },
  { argv: ["--per_process_gpu_memory_fraction=half"], text: "Couldn't interpret value half for flag per_process_gpu_memory_fraction." },
  { argv: ["--enable_batching=1"], text: "Couldn't interpret value 1 for flag enable_batching." },
  { argv: ["--enable_batching", "true"], text: "unknown argument: true; did you mean --enable_batching=true?" },
  { argv: ["--port"], text: "flag --port needs a value" },
  { argv: ["-port=1"], text: "unknown argument: -port=1; did you mean --port?" },
  { argv: ["serve"], text: "unknown argument: serve" },
  { argv: ["--", "--port=1"], text: "unknown argument: --" },
  { argv: ["--port=x", "--rest_api_port=y"], text: "Couldn't interpret value x for flag port.\nCouldn't interpret value y for flag rest_api_port." },
  { argv: ["--log_level=loud"], text: "--log_level=loud: expected one of debug, info, warn, error" },
];
for (const { argv, text } of misread) {
  test(`${argv.join(" ")} is no command line: said on standard error, exit 255`, () => {
    const { status, stdout, stderr } = run(...argv);
    assert.equal(stderr, `tfs-server: ${text}\ntfs-server --help lists the flags\n`);
    assert.equal(stdout, "");
    assert.equal(status, failed);
  });
}

let made = 0;
/** file writes a file and gives its path. */
function file(text: string): string {
  const path = join(scratch, `${made++}.txt`);
  writeFileSync(path, text);
  return path;
}
const list = (...configs: string[]): string =>
  `--model_config_file=${file(`model_config_list { ${configs.map((c) => `config { model_platform: "tensorflow" ${c} }`).join(" ")} }`)}`;
const parallelism = ["session", "intra_op", "inter_op"].map((part) => `--tensorflow_${part}_parallelism=2`);
const served = ["--port=1", "--rest_api_port=2", `--model_base_path=${join(models, "matrix")}`];
mkdirSync(join(scratch, "void/3"), { recursive: true });
const missing = join(scratch, "missing");

/** Behaviour spec 1.3, in its order, then the faults of a model config (4.2, 4.4) and ours. `text` begins what follows "Error: ". */
const failures: readonly { readonly name: string; readonly argv: readonly string[]; readonly text: string }[] = [
  {
    name: "nothing to listen on",
    argv: ["--port=0"],
    text: "INVALID_ARGUMENT: At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.\n",
  },
  {
    name: "two kinds of credentials",
    argv: ["--use_alts_credentials", `--ssl_config_file=${missing}`],
    text: "INVALID_ARGUMENT: Either use_alts_credentials must be false or ssl_config_file must be empty.\n",
  },
  {
    name: "no model",
    argv: ["--model_base_path="],
    text: "INVALID_ARGUMENT: Both server_options.model_base_path and server_options.model_config_file are empty!\n",
  },
  ...["model_config_file", "platform_config_file", "tensorflow_session_config_file", "ssl_config_file", "monitoring_config_file"].flatMap((flag) => [
    { name: `--${flag} is not there`, argv: [...served, `--${flag}=${missing}`], text: `NOT_FOUND: ${missing}; No such file or directory\n` },
    {
      name: `--${flag} does not parse`,
      argv: [...served, `--${flag}=${file("improperly formatted file")}`],
      text: `INVALID_ARGUMENT: Invalid protobuf file: '${join(scratch, `${made - 1}.txt`)}': Error parsing text-format tensorflow.`,
    },
  ]),
  {
    name: "batching parameters that do not parse",
    argv: [...served, "--enable_batching", `--batching_parameters_file=${file("max_batch_size: {")}`],
    text: `INVALID_ARGUMENT: Invalid protobuf file: '${join(scratch, `${made - 1}.txt`)}': Error parsing text-format tensorflow.serving.BatchingParameters: `,
  },
  {
    name: "no threads for batches",
    argv: [...served, "--enable_batching", `--batching_parameters_file=${file("num_batch_threads { value: 0 }")}`],
    text: "INVALID_ARGUMENT: num_batch_threads must be positive; was 0\n",
  },
  {
    name: "batching parameters without batching",
    argv: [...served, `--batching_parameters_file=${missing}`],
    text: "INVALID_ARGUMENT: server_options.batching_parameters_file is set without setting server_options.enable_batching to true.\n",
  },
  {
    name: "three kinds of parallelism",
    argv: [...served, ...parallelism],
    text: "INVALID_ARGUMENT: Either configure server_options.tensorflow_session_parallelism or (server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.\n",
  },
  {
    name: "a model that does not load, in a strict start",
    argv: ["--port=1", "--rest_api_port=0", "--strict_startup", "--max_num_load_retries=0", "--model_name=v", `--model_base_path=${join(scratch, "void")}`],
    text: "UNKNOWN: 1 servable(s) did not become available: {{{name: v version: 3} due to error: NOT_FOUND: Specified file path does not appear to contain a SavedModel bundle",
  },
  {
    name: "a base path that is not there, in a strict start",
    argv: ["--port=1", "--rest_api_port=0", "--strict_startup", `--model_base_path=${missing}`],
    text: `UNKNOWN: 1 servable(s) did not become available: {{{name: default} due to error: INVALID_ARGUMENT: Could not find base path ${missing} for servable default with error NOT_FOUND: `,
  },
  {
    name: "a model twice",
    argv: [list('name: "m" base_path: "/m"', 'name: "m" base_path: "/m"')],
    text: "INVALID_ARGUMENT: Illegal to list model m multiple times in config list\n",
  },
  {
    name: "a relative path",
    argv: [list('name: "m" base_path: "m"')],
    text: "INVALID_ARGUMENT: Expected model m to have an absolute path or URI; got base_path()=m\n",
  },
  {
    name: "a relative path by flag",
    argv: ["--model_name=m", "--model_base_path=m"],
    text: "INVALID_ARGUMENT: Expected model m to have an absolute path or URI; got base_path()=m\n",
  },
  {
    name: "a label at the start",
    argv: [list('name: "m" base_path: "/m" version_labels { key: "a" value: 1 }')],
    text: "FAILED_PRECONDITION: Request to assign label to version 1 of model m, which is not currently available for inference\n",
  },
  {
    name: "a custom config, which aborts TensorFlow Serving",
    argv: [`--model_config_file=${file("custom_model_config { }")}`],
    text: "INVALID_ARGUMENT: ModelServer does not yet support custom model config.\n",
  },
  {
    name: "TLS without a key",
    argv: [...served, `--ssl_config_file=${file("server_cert: 'c'")}`],
    text: `NOT_FOUND: --ssl_config_file=${join(scratch, `${made - 1}.txt`)}: server_cert: ${join(scratch, "c")}; No such file or directory\n`,
  },
  {
    name: "a platform config",
    argv: [...served, `--platform_config_file=${file("")}`],
    text: "UNIMPLEMENTED: --platform_config_file is not supported: it replaces every flag that says how models are run, and none of it would be obeyed\n",
  },
  {
    name: "an engine that there is not",
    argv: [...served, "--engine=abacus"],
    text: "INVALID_ARGUMENT: there is no engine abacus; known: auto, embedded, openvino, tensorflow, tfjs\n",
  },
  {
    name: "channel arguments that would crash TensorFlow Serving",
    argv: [...served, "--grpc_channel_arguments=a"],
    text: 'INVALID_ARGUMENT: --grpc_channel_arguments: "a" is not key=value\n',
  },
];
for (const { name, argv, text } of failures) {
  test(`a start fails: ${name}: TensorFlow Serving's line on standard output, the log on standard error, exit 255`, () => {
    const { status, stdout, stderr } = run(...argv);
    const want = `Failed to start server. Error: ${text}`;
    if (text.endsWith("\n")) assert.equal(stdout, want);
    else assert.ok(stdout.startsWith(want), stdout);
    assert.match(stderr, / ERROR did not start error=/);
    assert.equal(status, failed);
  });
}

test("a gRPC port that is taken ends the start with the port's name", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  assert.ok(address !== null && typeof address === "object");
  const { status, stdout } = run("--host=127.0.0.1", `--port=${address.port}`, "--rest_api_port=0", `--model_base_path=${join(models, "matrix")}`);
  taken.close();
  const why = `cannot listen on 127.0.0.1:${address.port}: address already in use`;
  assert.equal(stdout, `Failed to start server. Error: INVALID_ARGUMENT: Failed to BuildAndStart gRPC server: ${why}\n`);
  assert.equal(status, failed);
});
