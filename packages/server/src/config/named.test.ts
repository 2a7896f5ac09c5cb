import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Code } from "@tfs/std";
import { readFlags } from "../flags/index.ts";
import { scratch } from "../testing/index.ts";
import { checkNamed } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const missing = join(dir.path, "missing");
let made = 0;
function file(text: string): string {
  const path = join(dir.path, `${made++}.txt`);
  writeFileSync(path, text);
  return path;
}

const messages: readonly { readonly flag: string; readonly message: string; readonly good: string; readonly more?: readonly string[] }[] = [
  {
    flag: "platform_config_file",
    message: "PlatformConfigMap",
    good: 'platform_configs { key: "tensorflow" value { source_adapter_config { [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] { legacy_config { session_target: "x" } } } } }',
  },
  { flag: "tensorflow_session_config_file", message: "ConfigProto", good: "intra_op_parallelism_threads: 0x4 gpu_options < allow_growth: true >" },
  { flag: "thread_pool_factory_config_file", message: "ThreadPoolFactoryConfig", good: "# nothing" },
  { flag: "ssl_config_file", message: "SSLConfig", good: "server_key: 'a' \"b\"; server_cert: 'c', client_verify: true" },
  { flag: "rest_api_ssl_config_file", message: "SSLConfig", good: "" },
  {
    flag: "batching_parameters_file",
    message: "BatchingParameters",
    good: "max_batch_size { value: 32 } num_batch_threads: { value: 1 } allowed_batch_sizes: [8, 32]",
    more: ["--enable_batching"],
  },
  { flag: "monitoring_config_file", message: "MonitoringConfig", good: 'prometheus_config { enable: true path: "/metrics" }' },
];
for (const { flag, message, good, more = [] } of messages) {
  const check = (path: string) => checkNamed(readFlags([`--${flag}=${path}`, ...more]));
  test(`--${flag}: a good file is read`, () => check(file(good)));
  test(`--${flag}: a file that is not there ends the start`, () =>
    assert.rejects(check(missing), { code: Code.NotFound, message: `${missing}; No such file or directory` }));
  test(`--${flag}: a file that is no text format ends the start with its place`, async () => {
    const path = file("improperly formatted file");
    const full = `tensorflow.${message === "ConfigProto" ? "" : "serving."}${message}`;
    await assert.rejects(check(path), (err: Error) => {
      assert.ok(err.message.startsWith(`Invalid protobuf file: '${path}': Error parsing text-format ${full}: `), err.message);
      return true;
    });
  });
}

test("no threads for batches are refused", () =>
  assert.rejects(checkNamed(readFlags(["--enable_batching", `--batching_parameters_file=${file("num_batch_threads { value: 0 }")}`])), {
    code: Code.InvalidArgument,
    message: "num_batch_threads must be positive; was 0",
  }));
for (const argv of [["--rest_api_port=0"], ["--rest_api_port=8500"]])
  test(`a monitoring file is not looked at where there would be no page: ${argv}`, () =>
    checkNamed(readFlags([...argv, `--monitoring_config_file=${missing}`])));
