import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelSpecSchema, PredictRequestEnvelopeSchema, PredictRequestSchema, PredictResponseEnvelopeSchema, PredictResponseSchema } from "@tfs/proto";
import { decode, DType, encode, fromStrings, newTensor, type Tensor, toMessage } from "@tfs/tensor";
import fc from "fast-check";
import { newAnswerEncoder, newPredictEncoder, type Target, versionOf } from "./index.ts";

const targets: { name: string; target: Target; signature: string; want: object }[] = [
  { name: "a model", target: { model: "m" }, signature: "", want: { name: "m" } },
  { name: "a signature", target: { model: "m" }, signature: "other", want: { name: "m", signatureName: "other" } },
  {
    name: "a version",
    target: { model: "m", version: 2n ** 63n - 1n },
    signature: "s",
    want: { name: "m", signatureName: "s", versionChoice: { case: "version", value: { value: 2n ** 63n - 1n } } },
  },
  { name: "version 0", target: { model: "m", version: 0n }, signature: "", want: { name: "m", versionChoice: { case: "version", value: { value: 0n } } } },
  {
    name: "a label",
    target: { model: "größe", label: "canary" },
    signature: "",
    want: { name: "größe", versionChoice: { case: "versionLabel", value: "canary" } },
  },
  { name: "a name of 300 bytes", target: { model: "m".repeat(300) }, signature: "", want: { name: "m".repeat(300) } },
];

const floats = (shape: number[], divisor = 3): Tensor =>
  newTensor(
    DType.Float,
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i / divisor),
  );
const inputs: { name: string; inputs: [string, Tensor][] }[] = [
  { name: "no input", inputs: [] },
  { name: "a scalar", inputs: [["x", floats([])]] },
  { name: "an empty tensor", inputs: [["x", floats([2, 0])]] },
  {
    name: "lengths of two and three bytes",
    inputs: [
      ["x", floats([1, 40])],
      ["a longer name", floats([40, 200])],
    ],
  },
  { name: "an image", inputs: [["images", floats([1, 224, 224, 3])]] },
  {
    name: "strings and integers",
    inputs: [
      ["größe", fromStrings(["a", "é"])],
      ["i", newTensor(DType.Int64, [1], BigInt64Array.of(-1n))],
    ],
  },
];

/** messageOf checks the prefix and gives the message behind it. */
function messageOf(framed: Uint8Array): Uint8Array {
  assert.equal(framed[0], 0);
  assert.equal(new DataView(framed.buffer, framed.byteOffset).getUint32(1), framed.length - 5);
  return framed.subarray(5);
}

for (const { name, target, signature, want } of targets)
  for (const tc of inputs)
    test(`${name} with ${tc.name} is what generated code writes, and reads`, () => {
      const encoder = newPredictEncoder(target, signature);
      encoder.encode(new Map(tc.inputs.map(([alias, t]) => [alias, t.dtype === DType.Float ? floats([...t.shape], 7) : t]))); // the same shapes, other values
      const message = messageOf(encoder.encode(new Map(tc.inputs)));
      const tensors = Object.fromEntries(tc.inputs.map(([alias, t]) => [alias, encode(t)]));
      assert.deepEqual(message, toBinary(PredictRequestEnvelopeSchema, create(PredictRequestEnvelopeSchema, { modelSpec: want, inputs: tensors })));
      const read = fromBinary(PredictRequestSchema, message);
      assert.deepEqual(
        read,
        create(PredictRequestSchema, { modelSpec: want, inputs: Object.fromEntries(tc.inputs.map(([alias, t]) => [alias, toMessage(t)])) }),
      );
    });

for (const form of ["content", "values"] as const) {
  const allocate = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0xaa);
  const encodeAnswer = newAnswerEncoder({ form, allocate });
  for (const { name, want } of targets)
    for (const tc of inputs)
      test(`an answer of ${name} with ${tc.name} as ${form} is what generated code writes`, () => {
        const spec = create(PredictResponseEnvelopeSchema, { modelSpec: want }).modelSpec!;
        const outputs = Object.fromEntries(tc.inputs.map(([alias, t]) => [alias, encode(t, form)]));
        const wanted = toBinary(PredictResponseEnvelopeSchema, create(PredictResponseEnvelopeSchema, { modelSpec: spec, outputs }));
        for (const _ of ["made", "remembered"]) assert.deepEqual(encodeAnswer(new Map(tc.inputs), spec), wanted);
      });
  test(`answers as ${form}: specs that differ are told apart, more of them than are remembered`, () => {
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < 100; i++) {
        const spec = create(ModelSpecSchema, { name: `m${i % 7}`, signatureName: `${i % 5}`, versionChoice: { case: "version", value: { value: BigInt(i) } } });
        assert.deepEqual(fromBinary(PredictResponseSchema, encodeAnswer(new Map(), spec)).modelSpec, spec);
      }
  });
}

test("an encoder keeps nothing between messages", () => {
  const encoder = newPredictEncoder({ model: "m" }, "");
  const one = encoder.encode(new Map([["x", floats([2])]]));
  const copy = one.slice();
  encoder.encode(new Map([["x", floats([3])]]));
  assert.deepEqual(one, copy);
});

test("what an encoder remembers of shapes is taken for no other names, dtypes or shapes", () => {
  const encoder = newPredictEncoder({ model: "m" }, "s");
  const kinds = [
    [["x", floats([2, 3])]],
    [["x", floats([3, 2])]],
    [["x", floats([6])]],
    [["x", floats([6, 1])]],
    [["y", floats([2, 3])]],
    [["x", newTensor(DType.Int32, [2, 3], new Int32Array(6))]],
    [["x", fromStrings(["a", "bc"])]],
    [["x", fromStrings(["abc", ""])]],
    [
      ["x", floats([2, 3])],
      ["y", floats([1])],
    ],
    [
      ["y", floats([1])],
      ["x", floats([2, 3])],
    ],
    [],
  ] as const;
  for (let round = 0; round < 3; round++)
    for (const kind of kinds) {
      const made = new Map(kind as readonly (readonly [string, Tensor])[]);
      const tensors = Object.fromEntries([...made].map(([alias, t]) => [alias, encode(t)]));
      const want = create(PredictRequestEnvelopeSchema, { modelSpec: { name: "m", signatureName: "s" }, inputs: tensors });
      assert.deepEqual(fromBinary(PredictRequestEnvelopeSchema, messageOf(encoder.encode(made))), want);
    }
});

test("random tensors come back as they were", () => {
  const encoder = newPredictEncoder({ model: "m" }, "s");
  const tensor = fc.tuple(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }), fc.array(fc.float(), { minLength: 1, maxLength: 9 }));
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), tensor, { maxKeys: 4 }), (all) => {
      const made = new Map(
        Object.entries(all).map(([alias, [shape, values]]) => {
          const n = shape.reduce((a, b) => a * b, 1);
          return [
            alias,
            newTensor(
              DType.Float,
              shape,
              Float32Array.from({ length: n }, (_, i) => values[i % values.length]!),
            ),
          ];
        }),
      );
      const read = fromBinary(PredictRequestEnvelopeSchema, messageOf(encoder.encode(made)));
      assert.deepEqual(new Set(Object.keys(read.inputs)), new Set(made.keys()));
      for (const [alias, t] of made) assert.deepEqual(decode(read.inputs[alias]!), t);
    }),
    { seed: 12, numRuns: 300 },
  );
});

test("versionOf reads the version that answered, wherever it stands", () => {
  const named = (version: bigint) => ({ modelSpec: { name: "m", signatureName: "s", versionChoice: { case: "version", value: { value: version } } as const } });
  const y = { y: toMessage(newTensor(DType.Float, [2], Float32Array.of(1, 2))) };
  for (const [message, want] of [
    [{ ...named(7n), outputs: y }, 7],
    [named(1_700_000_000_000n), 1_700_000_000_000],
    [{ outputs: y }, 0],
    [{ modelSpec: { name: "m" } }, 0],
  ] as const)
    assert.equal(versionOf(toBinary(PredictResponseSchema, create(PredictResponseSchema, message))), want);
});
