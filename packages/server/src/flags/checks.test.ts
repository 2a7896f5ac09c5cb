import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, newLogger } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { checkConflicts, checkFlags, defaultLevel, readFlags, refuse, remark, runningLines, startFailure, table } from "./index.ts";

const cannot =
  "Either configure server_options.tensorflow_session_parallelism or (server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.";
const refusals: readonly { readonly argv: readonly string[]; readonly code?: Code; readonly want: string }[] = [
  { argv: ["--port=0"], want: "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set." },
  {
    argv: ["--use_alts_credentials", "--ssl_config_file=/f"],
    want: "Either use_alts_credentials must be false or ssl_config_file must be empty.",
  },
  { argv: ["--model_base_path="], want: "Both server_options.model_base_path and server_options.model_config_file are empty!" },
  { argv: ["--port=65536"], want: "--port=65536: a port is between 0 and 65535" },
  { argv: ["--metrics_path=metrics"], want: "--metrics_path=metrics: a path begins with /" },
  ...["/v1", "/v1/", "/v1/models/m:predict", "/V1/metrics", "/healthz", "/readyz", "/openapi.json"].map((path) => ({
    argv: [`--metrics_path=${path}`],
    want: `--metrics_path=${path}: the API is there`,
  })),
  { argv: ["--rest_api_port=-1"], want: "--rest_api_port=-1: a port is between 0 and 65535" },
  { argv: ["--grpc_channel_arguments=a=1,b"], want: '--grpc_channel_arguments: "b" is not key=value' },
  { argv: ["--grpc_channel_arguments=a=1,"], want: '--grpc_channel_arguments: "" is not key=value' },
  { argv: ["--grpc_channel_arguments==1"], want: '--grpc_channel_arguments: "=1" is not key=value' },
  {
    argv: ["--batching_parameters_file=/f"],
    want: "server_options.batching_parameters_file is set without setting server_options.enable_batching to true.",
  },
  { argv: ["--batching_low_priority_parameters_file=/f"], want: "--batching_low_priority_parameters_file is given without --enable_batching" },
  { argv: ["session", "intra_op", "inter_op"].map((part) => `--tensorflow_${part}_parallelism=1`), want: cannot },
  {
    argv: ["--platform_config_file=/f"],
    code: Code.Unimplemented,
    want: "--platform_config_file is not supported: it replaces every flag that says how models are run, and none of it would be obeyed",
  },
];
const check = (argv: readonly string[]): void => {
  const flags = readFlags(argv);
  checkFlags(flags);
  checkConflicts(flags);
  refuse(flags);
};
for (const { argv, code = Code.InvalidArgument, want } of refusals) {
  test(`flags: ${argv.join(" ")} is refused`, () => assert.throws(() => check(argv), { code, message: want }));
}

const fine: readonly (readonly string[])[] = [
  [],
  ["--port=0", "--grpc_socket_path=/s"],
  ["--port=65535", "--rest_api_port=0"],
  ["--use_alts_credentials"],
  ["--use_alts_credentials=false", "--ssl_config_file=/f", "--ssl_config_file="],
  ["--model_base_path=", "--model_config_file=/f"],
  ["--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb,a=b=c,d="],
  ...["", "/", "/v1metrics", "/v12/metrics", "/metrics/v1/x", "/healthz/metrics"].map((path) => [`--metrics_path=${path}`]),
  ["--enable_batching", "--batching_parameters_file=/f"],
  ["--tensorflow_intra_op_parallelism=1", "--tensorflow_inter_op_parallelism=2", "--tensorflow_session_parallelism=0"],
  ["--tensorflow_session_parallelism=2", "--tensorflow_intra_op_parallelism=1"],
];
for (const argv of fine) test(`flags: ${argv.join(" ") || "none"} is accepted`, () => check(argv));

function remarksOn(argv: readonly string[]): string[] {
  const lines: string[] = [];
  remark(readFlags(argv), newLogger({ write: (line) => lines.push(line), clock: fakeClock(), format: "json" }));
  return lines.map((line) => {
    const { level, event, flag } = JSON.parse(line) as { level: string; event: string; flag: string };
    return `${level} ${flag}: ${event}`;
  });
}
const moot = "a flag is accepted and means nothing here";
const notYet = "a flag is accepted but not in force yet";
const forTensorFlow = "a flag is about models that TensorFlow runs";
const remarks: readonly { readonly name: string; readonly argv: readonly string[]; readonly want: readonly string[] }[] = [
  { name: "no flags, no remarks", argv: [], want: [] },
  { name: "flags in force are not remarked on", argv: ["--port=1", "--model_name=m", "--drain_ms=5"], want: [] },
  { name: "a number that means nothing", argv: ["--rest_api_num_threads=64"], want: [`warn rest_api_num_threads: ${moot}`] },
  {
    name: "a flag that is given twice is remarked on once",
    argv: ["--grpc_max_threads=1", "--grpc_max_threads=2"],
    want: [`warn grpc_max_threads: ${moot}`],
  },
  {
    name: "several, in the table's order",
    argv: ["--enable_profiler=true", "--per_process_gpu_memory_fraction=0.5", "--xla_cpu_compilation_enabled"],
    want: [`warn per_process_gpu_memory_fraction: ${forTensorFlow}`, `warn xla_cpu_compilation_enabled: ${notYet}`, `warn enable_profiler: ${moot}`],
  },
  {
    name: "what is asked not to be done, and is not, needs no remark",
    argv: [
      "--enable_profiler=false",
      "--enable_model_warmup=false",
      "--prefer_tflite_model=false",
      "--mixed_precision=",
      "--num_tflite_interpreters_per_pool=1",
    ],
    want: [],
  },
  {
    name: "TensorFlow's threads, where models may be TensorFlow's",
    argv: ["--engine=auto", "--tensorflow_session_parallelism=2", "--tensorflow_session_config_file=x"],
    want: [],
  },
  {
    name: "TensorFlow's threads, where OpenVINO runs models",
    argv: ["--engine=openvino", "--tensorflow_inter_op_parallelism=2"],
    want: [`warn tensorflow_inter_op_parallelism: ${forTensorFlow}`],
  },
  { name: "XLA that is asked for", argv: ["--xla_cpu_compilation_enabled"], want: [`warn xla_cpu_compilation_enabled: ${notYet}`] },
  {
    name: "channel arguments that mean nothing, in one line",
    argv: ["--grpc_channel_arguments=a=1,grpc.keepalive_time_ms=3,b=2"],
    want: ["warn grpc_channel_arguments: gRPC channel arguments are accepted and mean nothing here"],
  },
];
for (const { name, argv, want } of remarks) test(`flags: remarks: ${name}`, () => assert.deepEqual(remarksOn(argv), want));

test("flags: each flag that does nothing is remarked on when it asks for something", () => {
  const other = { string: "x", bool: "true", int: "7", int32: "7", int64: "7", float: "0.7" };
  for (const { name, kind, fate } of table) {
    const session = /^(tensorflow_session_config|tensorflow_intra|per_process_gpu)/.test(name); // in force for other engines than the default
    const text = session ? forTensorFlow : fate === "moot" ? moot : fate === "not yet" ? notYet : undefined;
    const want = text === undefined ? [] : [`warn ${name}: ${text}`];
    const value = name === "grpc_channel_arguments" ? "grpc.keepalive_time_ms=1" : other[kind]; // the one text that is checked before
    assert.deepEqual(remarksOn([`--${name}=${value}`]), want, name);
  }
});

const levels: readonly [string | undefined, string][] = [
  [undefined, "info"],
  ["", "info"],
  ["0", "info"],
  ["1", "warn"],
  ["2", "error"],
  ["3", "error"],
  ["99", "error"],
  ["loud", "info"],
];
for (const [value, want] of levels) {
  test(`TF_CPP_MIN_LOG_LEVEL=${value ?? "(not set)"} logs from ${want}`, () => {
    assert.equal(defaultLevel(value === undefined ? {} : { TF_CPP_MIN_LOG_LEVEL: value }), want);
  });
}

const running: readonly { readonly argv: readonly string[]; readonly rest: boolean; readonly want: readonly string[] }[] = [
  { argv: [], rest: true, want: ["Running gRPC ModelServer at 0.0.0.0:8500 ...", "Exporting HTTP/REST API at:localhost:8501 ..."] },
  { argv: ["--port=0", "--grpc_socket_path=/s"], rest: false, want: ["Running gRPC ModelServer at UNIX socket /s ..."] },
  { argv: ["--host=127.0.0.1", "--port=1"], rest: false, want: ["Running gRPC ModelServer at 127.0.0.1:1 ..."] },
];
for (const { argv, rest, want } of running)
  test(`the lines of a start with ${argv.join(" ") || "no flags"}`, () => assert.deepEqual(runningLines(readFlags(argv), rest), want));

test("a start that fails for a fault of ours is an INTERNAL one", () => {
  assert.match(startFailure(new Error("x")), /^Failed to start server\. Error: INTERNAL: .*\n$/);
});
