import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Code } from "@tfs/std";
import { readFlags } from "../flags/index.ts";
import { newHeard, scratch, silent } from "../testing/index.ts";
import { checkNamed, monitoringPath, readBatching } from "./index.ts";

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
  {
    flag: "batching_low_priority_parameters_file",
    message: "BatchingParameters",
    good: "max_batch_size { value: 32 }",
    more: ["--enable_batching"],
  },
  { flag: "monitoring_config_file", message: "MonitoringConfig", good: 'prometheus_config { enable: true path: "/metrics" }' },
];
for (const { flag, message, good, more = [] } of messages) {
  const check = async (path: string): Promise<void> => {
    const flags = readFlags([`--${flag}=${path}`, ...more]);
    await (flag.startsWith("batching_") ? readBatching(flags) : checkNamed(flags));
    await monitoringPath(flags, silent);
  };
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

test("no file of batching parameters is read without batching", async () =>
  assert.equal(await readBatching(readFlags([`--batching_parameters_file=${missing}`])), undefined));
test("batching needs no file", async () => assert.deepEqual(await readBatching(readFlags(["--enable_batching"])), { parameters: undefined, low: undefined }));
for (const argv of [["--rest_api_port=0"], ["--rest_api_port=8500"]])
  test(`a monitoring file is not looked at where there would be no page: ${argv}`, async () =>
    assert.equal(await monitoringPath(readFlags([...argv, `--monitoring_config_file=${missing}`]), silent), undefined));
for (const [content, path] of [
  ["prometheus_config { enable: true }", "/monitoring/prometheus/metrics"],
  ['prometheus_config { enable: true path: "/m" }', "/m"],
  ['prometheus_config { path: "/m" }', undefined],
  ["", undefined],
  ['prometheus_config { enable: true path: "m" }', "m"],
] as const)
  test(`a monitoring file with ${JSON.stringify(content)} has the page at ${path}`, async () => {
    const [heard, named] = [newHeard(), file(content)];
    assert.equal(await monitoringPath(readFlags([`--monitoring_config_file=${named}`]), heard.logger), path);
    assert.equal(heard.lines.length, path === "m" ? 1 : 0);
    for (const line of heard.lines) assert.ok(line.includes("WARN") && line.includes(named) && line.includes("path=m"), line);
  });
