// The steps of TensorFlow Serving's public guide, against the server's process: README.md tells what each shows.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, test } from "node:test";
import { closeTo, golden } from "./golden.ts";
import { available, models, newGuide, type Served, serve } from "./server.ts";

const guide = newGuide();
after(() => guide[Symbol.dispose]());
const hasCurl = spawnSync("curl", ["--version"], { stdio: "ignore" }).status === 0;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
/** call asks as the guide does: with curl, where there is one. */
async function call(url: string, body?: string): Promise<Answer> {
  if (!hasCurl) {
    const got = await fetch(url, body === undefined ? {} : { method: "POST", body });
    return { status: got.status, body: await got.json() };
  }
  const { stdout, stderr, status } = spawnSync(
    "curl",
    ["--silent", "--show-error", "--write-out", "\n%{http_code}", ...(body === undefined ? [] : ["-X", "POST", "-d", body]), url],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, stderr);
  const at = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(at + 1)), body: JSON.parse(stdout.slice(0, at)) };
}
/** until asks again until an answer is as it shall be: what is polled comes by itself. */
async function until(url: string, body: string, isIt: (body: unknown) => boolean): Promise<void> {
  const started = performance.now();
  for (;;) {
    const got: unknown = await (await fetch(url, { method: "POST", body })).json();
    if (isIt(got)) return;
    assert.ok(performance.now() - started < 30_000, JSON.stringify(got));
  }
}
const [zero, one] = [golden("first_model", 0), golden("first_model", 1)];
const second = golden("second_model", 1);
const rows = zero.inputs["input_1"] as readonly number[][];
const first = (version: typeof zero) => version.outputs["output_1"];
const columns = JSON.stringify({ inputs: zero.inputs });
const path = (served: Served, what: string): string => `${served.rest}/v1/models/${what}`;
/** answers tells which version of first_model answers at a place: the two differ. */
async function answers(served: Served, at = ""): Promise<number | string> {
  const got = await call(path(served, `first_model${at}:predict`), columns);
  const versions = [zero, one].flatMap((g, i) => (closeTo(got.body, { outputs: g.outputs["output_1"] }) ? [i] : []));
  return versions[0] ?? (got.body as { readonly error: string }).error;
}
async function states(served: Served, at = ""): Promise<string> {
  const { model_version_status: all } = (await call(path(served, `first_model${at}`))).body as { model_version_status: { version: string; state: string }[] };
  return all.map(({ version, state }) => `${version} ${state}`).join(", ");
}

test("the two versions of the first model answer differently", () => assert.ok(!closeTo(zero.outputs, one.outputs)));
test("the first model, named by the environment", async () => {
  await using served = await serve([], { MODEL_NAME: "first_model", MODEL_BASE_PATH: models.replace(/[/\\]$/, "") });
  assert.deepEqual([await answers(served), await states(served)], [1, "1 AVAILABLE"]);
});
test("the first model, named by flags", async () => {
  await using served = await serve(["--model_name=first_model", `--model_base_path=${join(models, "first_model")}`]);
  assert.deepEqual([await answers(served), await states(served)], [1, "1 AVAILABLE"]);
});
test("two models by a config file", async () => {
  await using served = await serve([`--model_config_file=${guide.file("models.config")}`]);
  assert.equal(await answers(served), 1);
  const { body } = await call(path(served, "second_model:predict"), JSON.stringify({ inputs: second.inputs }));
  assert.ok(closeTo(body, { outputs: second.outputs }), JSON.stringify(body));
});
test("one specific version, and then two, by a file that is polled", async () => {
  const file = guide.file("version_0.config");
  await using served = await serve([`--model_config_file=${file}`, "--model_config_file_poll_wait_seconds=1"]);
  assert.deepEqual([await answers(served), await states(served)], [0, "0 AVAILABLE"]);
  assert.equal(await answers(served, "/versions/1"), "Servable not found for request: Specific(first_model, 1)");
  guide.put("versions_0_1.config", "version_0.config");
  await available(served, "first_model/versions/1");
  assert.deepEqual([await answers(served), await answers(served, "/versions/0"), await answers(served, "/versions/1")], [1, 0, 1]);
  assert.equal(await states(served), "1 AVAILABLE, 0 AVAILABLE");
});
test("labels at the start need their flag", async () => {
  const flags = [`--model_config_file=${guide.file("labels.config")}`];
  await assert.rejects(serve(flags), /Request to assign label to version \d of model first_model, which is not currently available for inference/);
  await using served = await serve([...flags, "--allow_version_labels_for_unavailable_models=true"]);
  await available(served, "first_model/versions/0");
  assert.deepEqual([await answers(served, "/labels/stable"), await answers(served, "/labels/canary")], [0, 1]);
  assert.equal(await answers(served, "/labels/none"), "Unrecognized servable version label: none");
});
test("a label rolls over from one version to the next, and back", async () => {
  const file = guide.file("labels.config");
  await using served = await serve([
    `--model_config_file=${file}`,
    "--model_config_file_poll_wait_seconds=1",
    "--allow_version_labels_for_unavailable_models=true",
  ]);
  await available(served, "first_model/versions/0");
  assert.equal(await answers(served, "/labels/stable"), 0);
  for (const [content, g] of [
    ["labels_moved.config", one],
    ["labels.config", zero],
  ] as const) {
    guide.put(content, "labels.config");
    await until(path(served, "first_model/labels/stable:predict"), columns, (body) => closeTo(body, { outputs: g.outputs["output_1"] }));
  }
  assert.deepEqual([await answers(served, "/labels/stable"), await answers(served, "/labels/canary")], [0, 1]);
});
test("the monitoring file is taken, with its comma, and the page is there", async () => {
  await using served = await serve([`--model_config_file=${guide.file("models.config")}`, `--monitoring_config_file=${guide.file("monitoring.config")}`]);
  assert.equal(await answers(served), 1);
  const page = await (await fetch(`${served.rest}/metrics`)).text();
  assert.match(page, /^:tensorflow:serving:request_count\{model_name="first_model",status="OK"\} 1$/m);
});
test("the batching file of four lines batches", async () => {
  await using served = await serve([
    `--model_config_file=${guide.file("models.config")}`,
    "--enable_batching=true",
    `--batching_parameters_file=${guide.file("batching.config")}`,
  ]);
  const predict = async (inputs: readonly (readonly number[])[]): Promise<unknown> =>
    await (await fetch(path(served, "first_model:predict"), { method: "POST", body: JSON.stringify({ inputs }) })).json();
  const got = await Promise.all(Array.from({ length: 60 }, (_, i) => predict([rows[i % rows.length]!])));
  for (const [i, body] of got.entries()) assert.ok(closeTo(body, { outputs: [(first(one) as unknown[])[i % rows.length]] }), JSON.stringify(body));
  const many = Array.from({ length: 51 }, () => rows[0]!);
  assert.deepEqual(await predict(many), { error: "Task size 51 is larger than maximum input batch size 50" });
});
test("all flags of the guide at once", async () => {
  await using served = await serve([
    `--model_config_file=${guide.file("labels.config")}`,
    "--model_config_file_poll_wait_seconds=60",
    "--file_system_poll_wait_seconds=1",
    "--allow_version_labels_for_unavailable_models=true",
    `--monitoring_config_file=${guide.file("monitoring.config")}`,
    "--enable_batching=true",
    `--batching_parameters_file=${guide.file("batching.config")}`,
    "--rest_api_timeout_in_ms=30000",
    "--rest_api_num_threads=16",
    "--enable_model_warmup=true",
    "--tensorflow_intra_op_parallelism=2",
    "--tensorflow_inter_op_parallelism=2",
    "--flush_filesystem_caches=true",
    "--grpc_channel_arguments=grpc.max_connection_age_ms=300000",
  ]);
  await available(served, "first_model/versions/0");
  assert.deepEqual([await answers(served), await answers(served, "/labels/stable"), await answers(served, "/labels/canary")], [1, 0, 1]);
});

/** What curl asks of both models, with both versions of the first and a label for each. */
const all = await serve([`--model_config_file=${guide.file("labels.config")}`, "--allow_version_labels_for_unavailable_models=true"]);
after(() => all[Symbol.asyncDispose]());
await available(all, "first_model/versions/0");
const [features, counts] = [second.inputs["features"] as readonly number[][], second.inputs["counts"] as readonly number[][]];
const secondRows = (second.outputs["total"] as readonly number[]).map((total, i) => ({
  total,
  weighted: (second.outputs["weighted"] as readonly number[][])[i],
}));
const forms: readonly { readonly name: string; readonly at: string; readonly body: object; readonly want: object }[] = [
  { name: "rows", at: "first_model", body: { instances: rows }, want: { predictions: first(one) } },
  { name: "one row", at: "first_model", body: { instances: rows.slice(0, 1) }, want: { predictions: (first(one) as unknown[]).slice(0, 1) } },
  { name: "rows by the input's name", at: "first_model", body: { instances: rows.map((row) => ({ input_1: row })) }, want: { predictions: first(one) } },
  { name: "a column", at: "first_model", body: { inputs: rows }, want: { outputs: first(one) } },
  { name: "a column by the input's name", at: "first_model", body: { inputs: { input_1: rows } }, want: { outputs: first(one) } },
  { name: "a signature by name", at: "first_model", body: { signature_name: "serving_default", instances: rows }, want: { predictions: first(one) } },
  { name: "version 0", at: "first_model/versions/0", body: { instances: rows }, want: { predictions: first(zero) } },
  { name: "version 1", at: "first_model/versions/1", body: { instances: rows }, want: { predictions: first(one) } },
  { name: "the label stable", at: "first_model/labels/stable", body: { instances: rows }, want: { predictions: first(zero) } },
  { name: "the label canary", at: "first_model/labels/canary", body: { inputs: rows }, want: { outputs: first(one) } },
  {
    name: "rows of two inputs and two outputs",
    at: "second_model",
    body: { instances: features.map((row, i) => ({ features: row, counts: counts[i] })) },
    want: { predictions: secondRows },
  },
  { name: "columns of two inputs and two outputs", at: "second_model", body: { inputs: second.inputs }, want: { outputs: second.outputs } },
];
for (const form of forms) {
  test(`predict by curl: ${form.name}`, async () => {
    const got = await call(path(all, `${form.at}:predict`), JSON.stringify(form.body));
    assert.equal(got.status, 200, JSON.stringify(got.body));
    assert.ok(closeTo(got.body, form.want), JSON.stringify(got.body));
  });
}
const refusals = [
  { name: "a model that is not served", at: "third_model", status: 404, error: "Servable not found for request: Latest(third_model)" },
  { name: "a version that is not served", at: "first_model/versions/7", status: 404, error: "Servable not found for request: Specific(first_model, 7)" },
  { name: "a label that nobody set", at: "first_model/labels/none", status: 400, error: "Unrecognized servable version label: none" },
];
for (const row of refusals) {
  test(`predict by curl: ${row.name} is told`, async () => {
    assert.deepEqual(await call(path(all, `${row.at}:predict`), columns), { status: row.status, body: { error: row.error } });
  });
}
test("status by curl: all versions, one, and one that there is not", async () => {
  const entry = (version: string) => ({ version, state: "AVAILABLE", status: { error_code: "OK", error_message: "" } });
  assert.deepEqual(await call(path(all, "first_model")), { status: 200, body: { model_version_status: [entry("1"), entry("0")] } });
  assert.deepEqual(await call(path(all, "first_model/versions/0")), { status: 200, body: { model_version_status: [entry("0")] } });
  assert.deepEqual(await call(path(all, "first_model/versions/7")), { status: 404, body: { error: "Could not find version 7 of model first_model" } });
});
test("metadata by curl: the inputs and outputs of the model, by version and label too", async () => {
  for (const [at, version] of [
    ["", "1"],
    ["/versions/0", "0"],
    ["/labels/stable", "0"],
  ]) {
    const { status, body } = await call(path(all, `first_model${at}/metadata`));
    const { model_spec: spec, metadata } = body as {
      model_spec: object;
      metadata: {
        signature_def: {
          signature_def: Record<string, { inputs: Record<string, { dtype: string; tensor_shape: { dim: { size: string }[] } }>; outputs: object }>;
        };
      };
    };
    const signature = metadata.signature_def.signature_def["serving_default"]!;
    const input = signature.inputs["input_1"]!;
    assert.deepEqual([status, spec, Object.keys(signature.outputs)], [200, { name: "first_model", signature_name: "", version }, ["output_1"]]);
    assert.deepEqual([input.dtype, input.tensor_shape.dim.map(({ size }) => size)], ["DT_INT64", ["-1", "31"]]);
  }
});
