import assert from "node:assert/strict";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { DataType, ModelService, ModelSpecSchema, PredictionService, SignatureDefMapSchema, type TensorProto, TensorProtoSchema } from "@tfs/proto";
import { DType, fromMessage, newTensor, type Tensor, toMessage } from "@tfs/tensor";
import { scratch, serve, wires } from "../testing/index.ts";

const dir = scratch();
const m = { name: "m", basePath: dir.copy("half_plus_two/1", "half_plus_two/123") };
const broken = { name: "broken", basePath: dir.copy("half_plus_two/1/variables", "broken/1") };
const served = await serve([m, "half_plus_two", "defaults", "counter", "second_model", "first_model", broken]);
const all = wires(served.grpc);
after(async () => {
  for (const wire of all) wire[Symbol.dispose]();
  await served[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

interface Clients {
  readonly prediction: Client<typeof PredictionService>;
  readonly model: Client<typeof ModelService>;
}

type Init<T> = T extends (request: infer R, ...rest: never[]) => unknown ? R : never;
type PredictInit = Init<Clients["prediction"]["predict"]>;

const float = (shape: readonly number[], ...values: number[]): TensorProto => toMessage(newTensor(DType.Float, shape, Float32Array.from(values)));
const x = { x: float([], 2) };
const predict =
  (request: PredictInit) =>
  ({ prediction }: Clients) =>
    prediction.predict(request);
const metadata =
  (request: Init<Clients["prediction"]["getModelMetadata"]>) =>
  ({ prediction }: Clients) =>
    prediction.getModelMetadata(request);
const status =
  (request: Init<Clients["model"]["getModelStatus"]>) =>
  ({ model }: Clients) =>
    model.getModelStatus(request);
const version = (value: bigint) => ({ case: "version", value: { value } }) as const;
const label = (value: string) => ({ case: "versionLabel", value }) as const;

/** Behaviour spec 2.3, 2.4, 2.7, 2.8, 13.6, 13.8 and 17. */
const refusals = [
  { name: "a predict without a spec", call: predict({ inputs: x }), code: Code.InvalidArgument, text: "Missing ModelSpec" },
  { name: "a predict without a name", call: predict({ modelSpec: {}, inputs: x }), code: Code.InvalidArgument, text: "ModelSpec has no name specified." },
  {
    name: "a predict on an unknown model",
    call: predict({ modelSpec: { name: "none" }, inputs: x }),
    code: Code.NotFound,
    text: "Servable not found for request: Latest(none)",
  },
  {
    name: "a predict on an unknown version",
    call: predict({ modelSpec: { name: "m", versionChoice: version(9n) }, inputs: x }),
    code: Code.NotFound,
    text: "Servable not found for request: Specific(m, 9)",
  },
  {
    name: "a predict on an unknown label",
    call: predict({ modelSpec: { name: "m", versionChoice: label("prod") }, inputs: x }),
    code: Code.InvalidArgument,
    text: "Unrecognized servable version label: prod",
  },
  {
    name: "a predict on a model that did not load",
    call: predict({ modelSpec: { name: "broken" }, inputs: x }),
    code: Code.NotFound,
    text: "Servable not found for request: Latest(broken)",
  },
  {
    name: "a predict on an unknown signature",
    call: predict({ modelSpec: { name: "m", signatureName: "nope" }, inputs: x }),
    code: Code.FailedPrecondition,
    text: 'Serving signature key "nope" not found.',
  },
  {
    name: "a predict without inputs",
    call: predict({ modelSpec: { name: "m" } }),
    code: Code.InvalidArgument,
    text: "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
  },
  {
    name: "a predict with one input too many",
    call: predict({ modelSpec: { name: "m" }, inputs: { ...x, z: float([], 1) } }),
    code: Code.InvalidArgument,
    text: "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}.",
  },
  {
    name: "a predict with two unknown inputs",
    call: predict({ modelSpec: { name: "m" }, inputs: { unknown_key2: float([], 1), unknown_key1: float([], 1) } }),
    code: Code.InvalidArgument,
    text: "input size does not match signature: 2!=1 len({unknown_key1,unknown_key2}) != len({x}). Sent extra: {unknown_key1,unknown_key2}. Missing but required: {x}.",
  },
  {
    name: "a predict with an input of another name",
    call: predict({ modelSpec: { name: "m" }, inputs: { z: float([], 1) } }),
    code: Code.InvalidArgument,
    text: "Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs expected to be in the request {z}, or default input alias set: ",
  },
  {
    name: "a predict that leaves out an input without a default",
    call: predict({ modelSpec: { name: "defaults" }, inputs: { scale: float([], 1) } }),
    code: Code.InvalidArgument,
    text: "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default value provided. Inputs expected to be in the request {scale}, or default input alias set: scale",
  },
  {
    name: "a predict with an unknown name in the place of a default",
    call: predict({ modelSpec: { name: "defaults" }, inputs: { x: float([1], 1), z: float([], 1) } }),
    code: Code.InvalidArgument,
    text: "Inputs contains invalid name. Used request inputs: x, request input: x,z",
  },
  {
    name: "a predict with too few inputs and no defaults",
    call: predict({ modelSpec: { name: "second_model" }, inputs: { features: float([1, 4], 1, 2, 3, 4) } }),
    code: Code.InvalidArgument,
    text: "input size does not match signature: 1!=2 len({features}) != len({counts,features}). Sent extra: {}. Missing but required: {counts}.",
  },
  {
    name: "a bool in the place of a float",
    call: predict({ modelSpec: { name: "m" }, inputs: { x: toMessage(newTensor(DType.Bool, [1], Uint8Array.of(1))) } }),
    code: Code.InvalidArgument,
    text: "Expects arg[0] to be float but bool is provided",
  },
  {
    name: "a string in the place of a float",
    call: predict({ modelSpec: { name: "m" }, inputs: { x: toMessage(newTensor(DType.String, [1], [Uint8Array.of(65)])) } }),
    code: Code.InvalidArgument,
    text: "Expects arg[0] to be float but string is provided",
  },
  {
    name: "a tensor without a dtype",
    call: predict({ modelSpec: { name: "m" }, inputs: { x: create(TensorProtoSchema) } }),
    code: Code.InvalidArgument,
    text: "^tensor parsing error: x",
  },
  {
    name: "a tensor with less content than its shape",
    call: predict({
      modelSpec: { name: "m" },
      inputs: { x: { dtype: DataType.DT_FLOAT, tensorShape: { dim: [{ size: 3n }] }, tensorContent: new Uint8Array(8) } },
    }),
    code: Code.InvalidArgument,
    text: "^tensor parsing error: x",
  },
  {
    name: "a huge shape with one value",
    call: predict({ modelSpec: { name: "m" }, inputs: { x: { dtype: DataType.DT_FLOAT, tensorShape: { dim: [{ size: 1n << 40n }] }, floatVal: [1] } } }),
    code: Code.InvalidArgument,
    text: "^tensor parsing error: x",
  },
  {
    name: "a bad tensor for an unknown model is about the model",
    call: predict({ modelSpec: { name: "none" }, inputs: { x: create(TensorProtoSchema) } }),
    code: Code.NotFound,
    text: "Servable not found for request: Latest(none)",
  },
  {
    name: "an unknown output in the filter",
    call: predict({ modelSpec: { name: "m" }, inputs: x, outputFilter: ["output_filter"] }),
    code: Code.InvalidArgument,
    text: "output tensor alias not found in signature: output_filter Outputs expected to be in the set {y}.",
  },
  {
    name: "an output twice in the filter",
    call: predict({ modelSpec: { name: "m" }, inputs: x, outputFilter: ["y", "y"] }),
    code: Code.InvalidArgument,
    text: "duplicate output tensor alias: y",
  },
  { name: "metadata without a spec", call: metadata({ metadataField: ["signature_def"] }), code: Code.InvalidArgument, text: "Missing ModelSpec" },
  {
    name: "metadata without a name",
    call: metadata({ modelSpec: {}, metadataField: ["signature_def"] }),
    code: Code.InvalidArgument,
    text: "ModelSpec has no name specified.",
  },
  {
    name: "metadata without a field",
    call: metadata({ modelSpec: { name: "m" } }),
    code: Code.InvalidArgument,
    text: "GetModelMetadataRequest must specify at least one metadata_field",
  },
  {
    name: "metadata of an unknown field",
    call: metadata({ modelSpec: { name: "m" }, metadataField: ["some_stuff"] }),
    code: Code.InvalidArgument,
    text: "Metadata field some_stuff is not supported",
  },
  {
    name: "metadata of an unknown model",
    call: metadata({ modelSpec: { name: "none" }, metadataField: ["signature_def"] }),
    code: Code.NotFound,
    text: "Servable not found for request: Latest(none)",
  },
  { name: "a status without a spec", call: status({}), code: Code.InvalidArgument, text: "Missing ModelSpec" },
  { name: "a status without a name", call: status({ modelSpec: {} }), code: Code.NotFound, text: "Could not find any versions of model " },
  {
    name: "the status of an unknown model",
    call: status({ modelSpec: { name: "none" } }),
    code: Code.NotFound,
    text: "Could not find any versions of model none",
  },
  {
    name: "the status of an unknown version",
    call: status({ modelSpec: { name: "m", versionChoice: version(9n) } }),
    code: Code.NotFound,
    text: "Could not find version 9 of model m",
  },
  {
    name: "a reload that lists no models",
    call: ({ model }: Clients) => model.handleReloadConfigRequest({}),
    code: Code.InvalidArgument,
    text: "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported",
  },
  {
    name: "a text beyond 1024 bytes, cut there",
    call: predict({ modelSpec: { name: "n".repeat(2000) }, inputs: x }),
    code: Code.NotFound,
    text: `${`Servable not found for request: Latest(${"n".repeat(2000)}`.slice(0, 1024)}...TRUNCATED`,
  },
  {
    name: "a text whose 1024th byte lies within a character, cut before it",
    call: predict({ modelSpec: { name: "模".repeat(700) }, inputs: x }),
    code: Code.NotFound,
    text: `Servable not found for request: Latest(${"模".repeat(328)}...TRUNCATED`,
  },
  {
    name: "a text that is not ASCII",
    call: predict({ modelSpec: { name: "modèle 模型 %\n" }, inputs: x }),
    code: Code.NotFound,
    text: "Servable not found for request: Latest(modèle 模型 %\n)",
  },
];

const values = (t: TensorProto | undefined): Tensor => fromMessage(t ?? create(TensorProtoSchema));
const spec = (name: string, at: bigint, signatureName: string) => create(ModelSpecSchema, { name, signatureName, versionChoice: version(at) });

for (const wire of all) {
  const clients: Clients = { prediction: createClient(PredictionService, wire.transport), model: createClient(ModelService, wire.transport) };
  const { prediction, model } = clients;

  for (const row of refusals) {
    test(`${wire.name}: ${row.name} is refused`, async () => {
      await assert.rejects(row.call(clients), (err) => {
        assert.ok(err instanceof ConnectError, String(err));
        assert.equal(Code[err.code], Code[row.code], err.rawMessage);
        if (row.text.startsWith("^")) assert.ok(err.rawMessage.startsWith(row.text.slice(1)), err.rawMessage);
        else assert.equal(err.rawMessage, row.text);
        return true;
      });
    });
  }

  test(`${wire.name}: a scalar gives a scalar, in value fields, and the spec of what answered`, async () => {
    const got = await prediction.predict({ modelSpec: { name: "m" }, inputs: x });
    assert.deepEqual(Object.keys(got.outputs), ["y"]);
    assert.deepEqual(values(got.outputs["y"]), newTensor(DType.Float, [], Float32Array.of(3)));
    assert.deepEqual([got.outputs["y"]!.floatVal, got.outputs["y"]!.tensorContent.length], [[3], 0]);
    assert.ok(got.outputs["y"]!.tensorShape !== undefined, "rank 0 is an empty shape message, not a missing one");
    assert.deepEqual(got.modelSpec, spec("m", 123n, "serving_default"));
  });
  test(`${wire.name}: tensor_content is read as well as value fields, and a short list repeats its last value`, async () => {
    const content = Float32Array.of(1, 2, 5);
    const asked = { dtype: DataType.DT_FLOAT, tensorShape: { dim: [{ size: 3n }] } };
    const first = await prediction.predict({ modelSpec: { name: "m" }, inputs: { x: { ...asked, tensorContent: new Uint8Array(content.buffer) } } });
    assert.deepEqual(first.outputs["y"]?.floatVal, [2.5, 3, 4.5]);
    const filled = await prediction.predict({ modelSpec: { name: "m" }, inputs: { x: { ...asked, floatVal: [2, 4] } } });
    assert.deepEqual(filled.outputs["y"]?.floatVal, [3, 4, 4]);
  });
  test(`${wire.name}: a filter chooses outputs`, async () => {
    const inputs = { features: float([1, 4], 1, 2, 3, 4), counts: toMessage(newTensor(DType.Int32, [1, 3], Int32Array.of(1, 2, 3))) };
    const both = await prediction.predict({ modelSpec: { name: "second_model" }, inputs });
    assert.deepEqual(Object.keys(both.outputs).sort(), ["total", "weighted"]);
    const some = await prediction.predict({ modelSpec: { name: "second_model" }, inputs, outputFilter: ["weighted"] });
    assert.deepEqual(Object.keys(some.outputs), ["weighted"]);
    assert.deepEqual(some.outputs["weighted"], both.outputs["weighted"]);
  });
  test(`${wire.name}: a default fills in for an input left out`, async () => {
    const left = await prediction.predict({ modelSpec: { name: "defaults" }, inputs: { x: float([2], 1, 2) } });
    const sent = await prediction.predict({ modelSpec: { name: "defaults" }, inputs: { x: float([2], 1, 2), scale: float([], 10) } });
    assert.notDeepEqual(left.outputs["y"]?.floatVal, sent.outputs["y"]?.floatVal);
  });
  test(`${wire.name}: signatures of other methods answer a predict by their own names`, async () => {
    const inputs = { inputs: float([2, 1], 1, 2) };
    const got = await prediction.predict({ modelSpec: { name: "m", signatureName: "regress_x2_to_y3" }, inputs });
    assert.deepEqual(got.outputs["outputs"]?.floatVal, [3.5, 4]);
    assert.equal(got.modelSpec?.signatureName, "regress_x2_to_y3");
  });
  test(`${wire.name}: the greatest version is meant when none is named`, async () => {
    const got = await prediction.predict({ modelSpec: { name: "half_plus_two" }, inputs: x });
    assert.deepEqual(
      [got.outputs["y"]?.floatVal, got.modelSpec?.versionChoice.value],
      [[4], create(ModelSpecSchema, { versionChoice: version(2n) }).versionChoice.value],
    );
  });
  test(`${wire.name}: a counter counts`, async () => {
    const call = async (signatureName: string, inputs: PredictInit["inputs"] = {}, outputFilter: string[] = []) => {
      const got = await prediction.predict({ modelSpec: { name: "counter", signatureName }, inputs, outputFilter });
      return values(got.outputs["output"]);
    };
    const scalar = (value: number) => newTensor(DType.Float, [], Float32Array.of(value));
    await call("reset_counter");
    assert.deepEqual(await call("get_counter"), scalar(0));
    assert.deepEqual(await call("incr_counter"), scalar(1));
    assert.deepEqual(await call("reset_counter"), scalar(0));
    assert.deepEqual(await call("incr_counter", {}, ["output"]), scalar(1));
    assert.deepEqual(await call("incr_counter_by", { delta: float([], 3) }), scalar(4));
    // A value of another shape is refused, and leaves the counter as it was for whoever comes next.
    await assert.rejects(call("incr_counter_by", { delta: float([1], 1) }), {
      code: Code.InvalidArgument,
      rawMessage: /^Parameters and update must be the same size/,
    });
    assert.deepEqual(await call("get_counter"), scalar(4));
  });
  test(`${wire.name}: metadata gives the signatures under one key, name and version without a signature`, async () => {
    const got = await prediction.getModelMetadata({ modelSpec: { name: "m", signatureName: "serving_default" }, metadataField: ["signature_def"] });
    assert.deepEqual(got.modelSpec, spec("m", 123n, ""));
    assert.deepEqual(Object.keys(got.metadata), ["signature_def"]);
    const any = got.metadata["signature_def"]!;
    assert.equal(any.typeUrl, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
    const map = anyUnpack(any, SignatureDefMapSchema);
    assert.deepEqual(map?.signatureDef["regress_x_to_y"]?.outputs["outputs"]?.encoding, { case: "name", value: "y:0" });
    assert.equal(Object.keys(map?.signatureDef ?? {}).length, 6);
  });
  test(`${wire.name}: a status names the version, its state and no error`, async () => {
    for (const choice of [undefined, version(123n), label("ignored")]) {
      const asked = choice === undefined ? { name: "m" } : { name: "m", versionChoice: choice };
      const got = await model.getModelStatus({ modelSpec: asked });
      assert.deepEqual(
        got.modelVersionStatus.map((s) => [s.version, s.state, s.status?.errorCode, s.status?.errorMessage]),
        [[123n, 30, 0, ""]],
      );
    }
  });
  test(`${wire.name}: the status of a model that did not load gives its error`, async () => {
    const got = await model.getModelStatus({ modelSpec: { name: "broken" } });
    const [first] = got.modelVersionStatus;
    assert.deepEqual([first?.version, first?.state, first?.status?.errorCode], [1n, 50, Code.NotFound]);
    assert.match(first?.status?.errorMessage ?? "", /does not appear to contain a SavedModel bundle/);
  });
}

test("Connect with JSON: a dtype by a name that is not known is told as such, not as one that is missing", async () => {
  const body = JSON.stringify({ modelSpec: { name: "m" }, inputs: { x: { dtype: "DT_FLAOT", floatVal: [1] } } });
  const answer = await fetch(`${served.grpc}/tensorflow.serving.PredictionService/Predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  assert.deepEqual(
    [answer.status, await answer.json()],
    [400, { code: "invalid_argument", message: 'cannot decode enum tensorflow.DataType from JSON: "DT_FLAOT"' }],
  );
});
