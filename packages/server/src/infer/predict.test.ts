// What the other tests of Predict leave out of TensorFlow Serving's predict_util_test (behaviour spec 13.6).
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { ExampleSchema, ModelSpecSchema, PredictionService } from "@tfs/proto";
import { DType, newTensor, type Tensor, toMessage } from "@tfs/tensor";
import { scratch, serve, wires, writeModel } from "../testing/index.ts";

const dir = scratch();
const float = (shape: readonly number[], ...values: number[]): Tensor => newTensor(DType.Float, shape, Float32Array.from(values));
writeModel(join(dir.path, "written"), { y: float([], 7) }, { serving_default: { method: "not/supported/method", inputs: { x: "ex" }, outputs: { y: "y" } } });
const sources = [
  { name: "m", basePath: dir.copy("half_plus_two/1", "half_plus_two/123") },
  { name: "w", basePath: join(dir.path, "written") },
];
const [lax, strict] = [await serve(sources), await serve(sources, { checkMethodName: true })];
const open = [lax, strict].map((served) => wires(served.grpc)[0]!);
after(async () => {
  for (const wire of open) wire[Symbol.dispose]();
  for (const served of [lax, strict]) await served[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});
const [client, strictClient] = [createClient(PredictionService, open[0]!.transport), createClient(PredictionService, open[1]!.transport)];
const spec = (signatureName: string) => create(ModelSpecSchema, { name: "m", signatureName, versionChoice: { case: "version", value: { value: 123n } } });
const example = toBinary(ExampleSchema, create(ExampleSchema, { features: { feature: { x: { kind: { case: "floatList", value: { value: [2] } } } } } }));
const examples = toMessage(newTensor(DType.String, [1], [example]));
const column = toMessage(float([2, 1], 1, 2));

const named = [
  { name: "a regression signature answers by its own names", signature: "regress_x_to_y", inputs: { inputs: examples }, output: "outputs", want: [3] },
  { name: "a classification signature answers by its own names", signature: "classify_x_to_y", inputs: { inputs: examples }, output: "scores", want: [3] },
  { name: "a regression signature whose input is a float", signature: "regress_x2_to_y3", inputs: { inputs: column }, output: "outputs", want: [3.5, 4] },
  { name: "a classification signature whose input is a float", signature: "classify_x2_to_y3", inputs: { inputs: column }, output: "scores", want: [3.5, 4] },
];
for (const row of named) {
  test(`predict: ${row.name}`, async () => {
    for (const from of [client, strictClient]) {
      const got = await from.predict({ modelSpec: { name: "m", signatureName: row.signature }, inputs: row.inputs });
      assert.deepEqual([Object.keys(got.outputs), got.outputs[row.output]?.floatVal, got.modelSpec], [[row.output], row.want, spec(row.signature)]);
    }
  });
}
test("predict: a filter that names the one output changes nothing", async () => {
  const asked = { modelSpec: { name: "m" }, inputs: { x: toMessage(float([], 2)) } };
  assert.deepEqual(await client.predict({ ...asked, outputFilter: ["y"] }), await client.predict(asked));
});
test("predict: a signature of an unknown method answers, unless method names are checked", async () => {
  const asked = { modelSpec: { name: "w" }, inputs: { x: examples } };
  assert.deepEqual((await client.predict(asked)).outputs["y"]?.floatVal, [7]);
  await assert.rejects(strictClient.predict(asked), {
    code: Code.Internal,
    rawMessage: /^Expected prediction signature method_name to be one of .*\. Was: not\/supported\/method$/,
  });
});
test("predict: declared shapes are not checked, the graph decides", async () => {
  for (const shape of [[], [2], [2, 2], [1, 2, 1]]) {
    const n = shape.reduce((a, b) => a * b, 1);
    const got = await client.predict({ modelSpec: { name: "m" }, inputs: { x: toMessage(float(shape, ...new Array<number>(n).fill(2))) } });
    assert.deepEqual([got.outputs["y"]?.tensorShape?.dim.map(({ size }) => Number(size)), got.outputs["y"]?.floatVal], [shape, new Array<number>(n).fill(3)]);
  }
});
