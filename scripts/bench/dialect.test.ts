import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { create, toBinary } from "@bufbuild/protobuf";
import { PredictResponseSchema } from "@tfs/proto";
import { DType, newTensor, toBytes, toMessage } from "@tfs/tensor";
import { tfServing, v2 } from "../../bench/server/peers/dialect.ts";

const x = newTensor(DType.Float, [1, 2, 2], Float32Array.of(1, 0.1, -2, 1e-7));
const digit = newTensor(DType.Int64, [1], BigInt64Array.of(7n));

test("requests of the Open Inference Protocol are as its documents have them", () => {
  assert.equal(v2.restRequest("image", x), '{"id":"1","inputs":[{"name":"image","datatype":"FP32","shape":[1,2,2],"data":[1,0.1,-2,1e-7]}]}');
  const tensor = Buffer.from([10, 5, ...Buffer.from("image"), 18, 4, ...Buffer.from("FP32"), 26, 3, 1, 2, 2]);
  const want = [10, 1, ...Buffer.from("m"), 26, 1, ...Buffer.from("1"), 42, tensor.length, ...tensor, 58, 16, ...toBytes(x)];
  assert.deepEqual([...v2.grpcRequest("m", "image", x)], want);
});

test("requests of TensorFlow Serving's REST API are rows", () => {
  assert.equal(tfServing.restRequest("image", x), '{"instances":[[[1,0.1],[-2,1e-7]]]}');
});

/** answer is a ModelInferResponse: outputs in field 5, their bytes in field 6. */
function answer(): Uint8Array {
  const w = new BinaryWriter().tag(1, WireType.LengthDelimited).string("m");
  for (const [name, type] of [
    ["digit", "INT64"],
    ["scores", "FP32"],
  ] as const) {
    w.tag(5, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name).tag(2, WireType.LengthDelimited).string(type).join();
  }
  for (const t of [digit, x]) w.tag(6, WireType.LengthDelimited).bytes(toBytes(t));
  return w.finish();
}

const response = create(PredictResponseSchema, { outputs: { digit: toMessage(digit, "values"), scores: toMessage(x, "values") } });
const floats = [1, Math.fround(0.1), -2, Math.fround(1e-7)];

const answers = [
  { name: "gRPC, TensorFlow Serving", got: tfServing.grpcNumbers(toBinary(PredictResponseSchema, response)), want: { digit: [7], scores: floats } },
  { name: "gRPC, Open Inference Protocol", got: v2.grpcNumbers(answer()), want: { digit: [7], scores: floats } },
  { name: "REST, one output", got: tfServing.restNumbers('{"predictions":[[1,[2]]]}'), want: { undefined: [1, 2] } },
  { name: "REST, two outputs", got: tfServing.restNumbers('{"predictions":[{"digit":7,"scores":[1,2]}]}'), want: { digit: [7], scores: [1, 2] } },
  { name: "REST, Open Inference Protocol", got: v2.restNumbers('{"outputs":[{"name":"digit","data":[7]}]}'), want: { digit: [7] } },
];
for (const { name, got, want } of answers) {
  test(`numbers of an answer: ${name}`, () => {
    assert.deepEqual(Object.fromEntries(got), want);
  });
}
