// The cases of TensorFlow Serving's end-to-end test (behaviour spec 13.5), over the server's process and real sockets.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ExampleSchema, InputSchema, ModelService, ModelSpecSchema, PredictionService, SignatureDefMapSchema, type TensorProto } from "@tfs/proto";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { bin, launch, models, type Running, scratch } from "./testing/index.ts";

const dir = scratch();
/** y = 0.5x + 2 and y = 0.5x + 3, as version 123. */
const half2 = dir.copy("half_plus_two/1", "half_plus_two/123");
const half3 = dir.copy("half_plus_two/2", "half_plus_three/123");
const opened: Running[] = [];
const managers: Http2SessionManager[] = [];
after(async () => {
  for (const manager of managers) manager.abort();
  for (const server of opened) await server[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});
async function open(args: readonly string[]): Promise<Running> {
  const server = await launch(args);
  opened.push(server);
  return server;
}
interface Clients {
  readonly prediction: Client<typeof PredictionService>;
  readonly model: Client<typeof ModelService>;
}
function clientsOf(server: Running): Clients {
  const sessionManager = new Http2SessionManager(server.grpc);
  managers.push(sessionManager);
  const transport = createGrpcTransport({ baseUrl: server.grpc, sessionManager });
  return { prediction: createClient(PredictionService, transport), model: createClient(ModelService, transport) };
}
const float = (shape: readonly number[], ...values: number[]): TensorProto => toMessage(newTensor(DType.Float, shape, Float32Array.from(values)));
const example = create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [2] } } } } } });
const input = create(InputSchema, { kind: { case: "exampleList", value: { examples: [example] } } });
const spec = (name: string, version: bigint, signatureName: string) =>
  create(ModelSpecSchema, { name, signatureName, versionChoice: { case: "version", value: { value: version } } });
const y = async ({ prediction }: Clients, name: string, x: TensorProto = float([], 2), signatureName = ""): Promise<number[] | undefined> =>
  Object.values((await prediction.predict({ modelSpec: { name, signatureName }, inputs: { x } })).outputs)[0]?.floatVal;
const rest = async (server: Running, path: string, body?: unknown): Promise<unknown> =>
  (await fetch(`${server.rest}/v1/models/${path}`, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })).json();
const config = (all: Readonly<Record<string, string>>): string =>
  `model_config_list: { ${Object.entries(all)
    .map(([name, path]) => `config: { name: "${name}", base_path: "${path}", model_platform: "tensorflow" }`)
    .join(", ")} }`;

const forms = [
  { form: "TF1", path: half2 },
  { form: "TF2", path: dir.copy("half_plus_two_tf2/1", "half_plus_two_tf2/123") },
];
for (const { form, path } of forms) {
  const server = await open(["--model_name=default", `--model_base_path=${path}`]);
  const clients = clientsOf(server);
  const { prediction, model } = clients;
  test(`13.5 ${form}: GetModelStatus has one entry, of version 123, without an error`, async () => {
    const got = await model.getModelStatus({ modelSpec: { name: "default" } });
    assert.deepEqual(
      got.modelVersionStatus.map((s) => [s.version, s.status?.errorCode]),
      [[123n, 0]],
    );
  });
  test(`13.5 ${form}: GetModelMetadata has the name, the version and one key`, async () => {
    const got = await prediction.getModelMetadata({ modelSpec: { name: "default" }, metadataField: ["signature_def"] });
    assert.deepEqual(got.modelSpec, spec("default", 123n, ""));
    assert.deepEqual(Object.keys(got.metadata), ["signature_def"]);
    assert.ok(anyUnpack(got.metadata["signature_def"]!, SignatureDefMapSchema)?.signatureDef["serving_default"] !== undefined);
  });
  test(`13.5 ${form}: Classify gives one class with score 3 and the spec of what answered`, async () => {
    const got = await prediction.classify({ modelSpec: { name: "default", signatureName: "classify_x_to_y" }, input });
    assert.deepEqual(
      got.result?.classifications.map((row) => row.classes.map(({ score }) => score)),
      [[3]],
    );
    assert.deepEqual(got.modelSpec, spec("default", 123n, "classify_x_to_y"));
  });
  test(`13.5 ${form}: Regress gives 3 and the spec of what answered`, async () => {
    const got = await prediction.regress({ modelSpec: { name: "default", signatureName: "regress_x_to_y" }, input });
    assert.deepEqual(
      got.result?.regressions.map(({ value }) => value),
      [3],
    );
    assert.deepEqual(got.modelSpec, spec("default", 123n, "regress_x_to_y"));
  });
  test(`13.5 ${form}: MultiInference gives 3 by regress and by classify, each with its spec`, async () => {
    const task = (signatureName: string, verb: string) => ({ modelSpec: { name: "default", signatureName }, methodName: `tensorflow/serving/${verb}` });
    const got = await prediction.multiInference({ tasks: [task("regress_x_to_y", "regress"), task("classify_x_to_y", "classify")], input });
    const values = got.results.map(({ result }) =>
      result.case === "regressionResult" ? result.value.regressions[0]?.value : result.value?.classifications[0]?.classes[0]?.score,
    );
    assert.deepEqual(values, [3, 3]);
    assert.deepEqual(
      got.results.map((r) => r.modelSpec),
      [spec("default", 123n, "regress_x_to_y"), spec("default", 123n, "classify_x_to_y")],
    );
  });
  test(`13.5 ${form}: Predict gives 3`, async () => assert.deepEqual(await y(clients, "default", float([1], 2)), [3]));
  test(`13.5 ${form}: Predict with an output filter gives 3`, async () => {
    const got = await prediction.predict({ modelSpec: { name: "default" }, inputs: { x: float([1], 2) }, outputFilter: ["y"] });
    assert.deepEqual([Object.keys(got.outputs), got.outputs["y"]?.floatVal], [["y"], [3]]);
  });
  test(`13.5 ${form}: REST classify`, async () =>
    assert.deepEqual(await rest(server, "default:classify", { signature_name: "classify_x_to_y", examples: [{ x: 2.5 }, { x: 2.25 }] }), {
      results: [[["", 3.25]], [["", 3.125]]],
    }));
  test(`13.5 ${form}: REST regress`, async () =>
    assert.deepEqual(await rest(server, "default:regress", { signature_name: "regress_x_to_y", examples: [{ x: 2.5 }] }), { results: [3.25] }));
  test(`13.5 ${form}: REST predict in rows`, async () =>
    assert.deepEqual(await rest(server, "default:predict", { instances: [2, 3, 4] }), { predictions: [3, 3.5, 4] }));
  test(`13.5 ${form}: REST predict in columns`, async () =>
    assert.deepEqual(await rest(server, "default:predict", { inputs: [2, 3, 4] }), { outputs: [3, 3.5, 4] }));
  test(`13.5 ${form}: REST status`, async () =>
    assert.deepEqual(await rest(server, "default"), {
      model_version_status: [{ version: "123", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } }],
    }));
  test(`13.5 ${form}: REST metadata`, async () => {
    const got = (await rest(server, "default/metadata")) as {
      model_spec: unknown;
      metadata: { signature_def: { signature_def: Record<string, { method_name: string }> } };
    };
    assert.deepEqual(got.model_spec, { name: "default", signature_name: "", version: "123" });
    assert.equal(got.metadata.signature_def.signature_def["serving_default"]?.method_name, "tensorflow/serving/predict");
  });
}

test("13.5 a good model config file: both models answer", async () => {
  const file = join(dir.path, "good.config");
  writeFileSync(file, config({ half_plus_two: half2, half_plus_three: half3 }));
  const clients = clientsOf(await open([`--model_config_file=${file}`]));
  assert.deepEqual([await y(clients, "half_plus_two"), await y(clients, "half_plus_three")], [[3], [4]]);
});
test("13.5 a bad model config file ends the process, and standard error names the message that does not parse", () => {
  const file = join(dir.path, "bad.config");
  writeFileSync(file, "improperly formatted file");
  const { status, stderr } = spawnSync(process.execPath, [bin, `--model_config_file=${file}`], { encoding: "utf8", timeout: 60_000 });
  assert.notEqual(status, 0);
  assert.match(stderr, /Error parsing text-format tensorflow\.serving\.ModelServerConfig/);
});
test("13.5 a config file that is rewritten: polled, the new model is served; not polled, the old one goes on alone", async () => {
  const file = join(dir.path, "changing.config");
  writeFileSync(file, config({ default: half2 }));
  const once = await open([`--model_config_file=${file}`, "--model_config_file_poll_wait_seconds=0"]);
  const polled = await open([`--model_config_file=${file}`, "--model_config_file_poll_wait_seconds=1"]);
  const [static_, following] = [clientsOf(once), clientsOf(polled)];
  assert.deepEqual([await y(static_, "default"), await y(following, "default")], [[3], [3]]);
  writeFileSync(file, config({ half_plus_three: half3 }));
  await polled.logged('"event":"loaded"', '"model":"half_plus_three"');
  assert.deepEqual(await y(following, "half_plus_three"), [4]);
  // As long as the one took to follow, the other has not moved.
  assert.deepEqual(await y(static_, "default"), [3]);
  await assert.rejects(y(static_, "half_plus_three"), { rawMessage: "Servable not found for request: Latest(half_plus_three)" });
  assert.ok(!once.lines.some((line) => line.includes("half_plus_three")));
});
test("13.5 channel arguments are taken, and the server serves", async () => {
  const args = ["--model_name=default", `--model_base_path=${half2}`, "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb"];
  assert.deepEqual(await y(clientsOf(await open(args)), "default"), [3]);
});
test("13.5 Predict over a unix socket gives 3", async () => {
  const path = join(dir.path, "grpc.sock");
  await open(["--model_name=default", `--model_base_path=${half2}`, `--grpc_socket_path=${path}`]);
  const baseUrl = "http://localhost";
  const sessionManager = new Http2SessionManager(baseUrl, {}, { createConnection: () => connect(path) });
  managers.push(sessionManager);
  const prediction = createClient(PredictionService, createGrpcTransport({ baseUrl, sessionManager }));
  const got = await prediction.predict({ modelSpec: { name: "default" }, inputs: { x: float([], 2) } });
  assert.deepEqual(got.outputs["y"]?.floatVal, [3]);
});

/** Our own models of the forms that upstream serves. */
const others = await open([
  `--model_config_file=${(() => {
    const file = join(dir.path, "others.config");
    writeFileSync(file, config(Object.fromEntries(["product", "two_signatures", "keras_identity", "text"].map((name) => [name, join(models, name)]))));
    return file;
  })()}`,
]);
const other = clientsOf(others);
test("13.5 a TF2 model of two variables: 3 · 2 · 2 is 12", async () => assert.deepEqual(await y(other, "product", float([1], 2)), [12]));
test("13.5 two signatures: the custom one gives 2, the default one 1", async () => {
  const x = float([1], 1);
  assert.deepEqual([await y(other, "two_signatures", x, "custom_signature_key"), await y(other, "two_signatures", x)], [[2], [1]]);
});
test("13.5 a Keras Sequential that gives its input back, with a batch: 2", async () =>
  assert.deepEqual(await y(other, "keras_identity", float([1, 1], 2)), [2]));
test("13.5 a TF2 model of text is served", async () => {
  const got = (await rest(others, "text:predict", { instances: ["serving"] })) as { predictions?: unknown[] };
  assert.equal(got.predictions?.length, 1, JSON.stringify(got));
});
