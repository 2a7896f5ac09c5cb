import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { helpText, readFlags, table } from "./index.ts";

/** The flags of tensorflow_model_server (main.cc), with type and default; 0 stands for what it computes from the number of CPUs. */
const theirs: readonly (readonly [name: string, kind: string, fallback: string | number | boolean])[] = [
  ["port", "int32", 8500],
  ["grpc_socket_path", "string", ""],
  ["rest_api_port", "int32", 0],
  ["rest_api_num_threads", "int32", 0],
  ["rest_api_timeout_in_ms", "int32", 30000],
  ["rest_api_enable_cors_support", "bool", false],
  ["enable_batching", "bool", false],
  ["batching_parameters_file", "string", ""],
  ["enable_per_model_batching_parameters", "bool", false],
  ["allow_version_labels_for_unavailable_models", "bool", false],
  ["model_config_file", "string", ""],
  ["model_config_file_poll_wait_seconds", "int32", 0],
  ["model_name", "string", "default"],
  ["model_base_path", "string", ""],
  ["num_load_threads", "int32", 0],
  ["num_unload_threads", "int32", 0],
  ["max_num_load_retries", "int32", 5],
  ["load_retry_interval_micros", "int64", 60000000],
  ["file_system_poll_wait_seconds", "int32", 1],
  ["flush_filesystem_caches", "bool", true],
  ["tensorflow_session_parallelism", "int64", 0],
  ["tensorflow_session_config_file", "string", ""],
  ["tensorflow_intra_op_parallelism", "int64", 0],
  ["tensorflow_inter_op_parallelism", "int64", 0],
  ["use_alts_credentials", "bool", false],
  ["ssl_config_file", "string", ""],
  ["platform_config_file", "string", ""],
  ["per_process_gpu_memory_fraction", "float", 0],
  ["saved_model_tags", "string", "serve"],
  ["grpc_channel_arguments", "string", ""],
  ["grpc_max_threads", "int32", 0],
  ["enable_model_warmup", "bool", true],
  ["num_request_iterations_for_warmup", "int32", 0],
  ["version", "bool", false],
  ["monitoring_config_file", "string", ""],
  ["remove_unused_fields_from_bundle_metagraph", "bool", true],
  ["prefer_tflite_model", "bool", false],
  ["num_tflite_pools", "int32", 0],
  ["num_tflite_interpreters_per_pool", "int32", 1],
  ["enable_signature_method_name_check", "bool", false],
  ["xla_cpu_compilation_enabled", "bool", false],
  ["xla_gpu_compilation_enabled", "bool", false],
  ["enable_profiler", "bool", true],
  ["thread_pool_factory_config_file", "string", ""],
  ["mixed_precision", "string", ""],
  ["skip_initialize_tpu", "bool", false],
  ["enable_grpc_healthcheck_service", "bool", false],
  ["enable_serialization_as_tensor_content", "bool", false],
];

/** Where another default was chosen: the port that the public container image listens on, and health, which here follows the models. */
const chosen: Readonly<Record<string, number | boolean>> = { rest_api_port: 8501, enable_grpc_healthcheck_service: true };

for (const [name, kind, fallback] of theirs) {
  test(`flags: --${name} has TensorFlow Serving's type and default`, () => {
    const flag = table.find((f) => f.name === name);
    assert.ok(flag !== undefined, "there is no such flag");
    assert.notEqual(flag.fate, "own");
    assert.deepEqual([flag.kind, flag.fallback], [kind, chosen[name] ?? fallback]);
  });
}

test("flags: what TensorFlow Serving does not have is called our own, and stands once", () => {
  const names = new Set(theirs.map(([name]) => name));
  assert.deepEqual(
    table.filter((flag) => !names.has(flag.name) && flag.fate !== "own").map(({ name }) => name),
    [],
  );
  assert.equal(new Set(table.map(({ name }) => name)).size, table.length);
});

test("flags: whatever does not do what it says gives a reason, and whatever does needs none", () => {
  for (const { name, fate, why } of table) assert.equal(why === "", fate === "in force" || fate === "own", name);
});

test("flags: of a flag that is given twice the last counts, as the container's entry point relies on", () => {
  const flags = readFlags(["--port=8500", "--model_name=a", "--port=9000", "--model_name=b"]);
  assert.deepEqual([flags.int("port"), flags.string("model_name")], [9000, "b"]);
});

test("flags: a number out of its type's range is refused", () => {
  assert.throws(() => readFlags(["--port=2147483648"]), { code: Code.InvalidArgument, message: "Couldn't interpret value 2147483648 for flag port." });
  assert.equal(readFlags(["--load_retry_interval_micros=-9223372036854775808"]).int("load_retry_interval_micros"), -(2 ** 63));
  assert.equal(readFlags(["--per_process_gpu_memory_fraction=0.25"]).float("per_process_gpu_memory_fraction"), 0.25);
});

test("--help has every flag with its default and its fate, in 100 columns", () => {
  const text = helpText();
  for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  const joined = text.replace(/\n {6}/g, " ");
  for (const { name, fate } of table) {
    const [, said = ""] = new RegExp(`^  --${name}(?:=[A-Z]+)? (.*)$`, "m").exec(joined) ?? assert.fail(`--help lacks --${name}`);
    assert.match(said, /\(default .+\)$/, name);
    assert.equal(/Means nothing here: /.test(said), fate === "moot", name);
    assert.equal(/Not in force yet: /.test(said), fate === "not yet", name);
    assert.equal(/Refused: /.test(said), fate === "refused", name);
  }
});

const meant: readonly (readonly [typed: string, want: string | undefined])[] = [
  ["--rest_port", "rest_api_port"],
  ["--rest_prt", "rest_api_port"],
  ["--http_port", "rest_api_port"],
  ["--grpc_port", "port"],
  ["--model_config", "model_config_file"],
  ["--config", "model_config_file"],
  ["--model_path", "model_base_path"],
  ["--model-base-path", "model_base_path"],
  ["--base_path", "model_base_path"],
  ["--name", "model_name"],
  ["--ssl", "ssl_config_file"],
  ["--session_run", "enable_session_run"],
  ["-port", "port"],
  ["-h", "help"],
  ["--usage", "help"],
  ["-v", "version"],
  ["--version_labels", "allow_version_labels_for_unavailable_models"],
  ["--threads", undefined],
];
for (const [typed, want] of meant) {
  test(`flags: whoever writes ${typed} means ${want === undefined ? "none that can be told" : `--${want}`}`, () => {
    const hint = want === undefined ? "" : `; did you mean --${want}?`;
    assert.throws(() => readFlags([`${typed}=1`]), {
      message: typed.startsWith("--") ? `unknown flag ${typed}${hint}` : `unknown argument: ${typed}=1${hint}`,
    });
  });
}

/** Numbers below 0: refused where they make no sense, taken where TensorFlow Serving gives them a meaning (behaviour spec 1.2). */
const below: Readonly<Record<string, number | undefined>> = {
  drain_ms: 0,
  rest_api_num_threads: 0,
  grpc_max_threads: 0,
  num_load_threads: 0,
  num_unload_threads: 0,
  max_num_load_retries: 0,
  num_tflite_pools: 0,
  num_tflite_interpreters_per_pool: 0,
  total_model_memory_limit_bytes: 0,
  request_log_file_bytes: 1,
  request_log_file_seconds: 1,
  request_log_files: 1,
  request_log_total_bytes: 1,
  request_log_queue_bytes: 1,
  request_log_task_index: undefined,
  rest_api_timeout_in_ms: undefined,
  file_system_poll_wait_seconds: undefined,
  model_config_file_poll_wait_seconds: undefined,
  load_retry_interval_micros: undefined,
  max_concurrent_requests: 0,
  num_request_iterations_for_warmup: undefined,
  tensorflow_session_parallelism: undefined,
  tensorflow_intra_op_parallelism: undefined,
  tensorflow_inter_op_parallelism: undefined,
};
for (const [name, least] of Object.entries(below)) {
  const text = String((least ?? 0) - 1);
  test(`flags: --${name}=${text} is ${least === undefined ? "taken" : "refused"}`, () => {
    const read = () => readFlags([`--${name}=${text}`]).int(name);
    if (least === undefined) assert.equal(read(), Number(text));
    else assert.throws(read, { code: Code.InvalidArgument, message: `--${name}=${text}: expected ${least} or more` });
  });
}
test("flags: of every number it is decided what one below 0 is; of ports and downloads where they are used", () => {
  const numbers = table.filter(({ kind, name }) => kind.startsWith("int") && !/port$|^model_download/.test(name));
  assert.deepEqual(numbers.map(({ name }) => name).sort(), Object.keys(below).sort());
});
