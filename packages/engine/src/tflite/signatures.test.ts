import assert from "node:assert/strict";
import { test } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import { SignatureDefSchema } from "@tfs/proto";
import { Code } from "@tfs/std";
import { readModel, type TfModel } from "./schema.ts";
import { resolve, signaturesOf } from "./signatures.ts";
import { fileOf } from "./testing/index.ts";

/** shown gives signatures as `key: alias=tensor dtype[shape], … → …`. */
function shown(model: TfModel): string[] {
  return Object.entries(signaturesOf(model).defs).map(([key, def]) => {
    const infos = (list: typeof def.inputs): string =>
      Object.entries(list)
        .map(([alias, { encoding, dtype, tensorShape }]) => `${alias}=${String(encoding.value)} ${dtype}[${tensorShape?.dim.map(({ size }) => size) ?? "?"}]`)
        .sort()
        .join(", ");
    return `${key} (${def.methodName}): ${infos(def.inputs)} → ${infos(def.outputs)}`;
  });
}
const cases: readonly (readonly [model: string, want: readonly string[]])[] = [
  ["half_plus_two", ["serving_default (tensorflow/serving/predict): x=x 1[1,1] → y=y 1[1,1]"]],
  [
    "half_plus_two_kept",
    ["regress (tensorflow/serving/regress): x=tflite_input 1[?] → y=y 1[?]", "serving_default (tensorflow/serving/predict): x=tflite_input 1[?] → y=y 1[?]"],
  ],
  ["mlp", ["serving_default (tensorflow/serving/predict): x=serving_default_x:0 1[-1,8] → y=PartitionedCall:0 1[-1,4]"]],
  [
    "two_graphs",
    [
      "serving_default (tensorflow/serving/predict): a=serving_default_a:0 1[-1,2], b=serving_default_b:0 1[-1,2] → less=PartitionedCall:0 1[-1,2], more=PartitionedCall:1 1[-1,2]",
      "twice (tensorflow/serving/predict): a=twice_a:0 1[-1,2] → less=PartitionedCall_1:0 1[-1,2]",
    ],
  ],
];
for (const [model, want] of cases) test(`signatures: those of ${model}`, () => assert.deepEqual(shown(readModel(fileOf(model))), want));

/** renamed gives a model whose tensors have other names. */
function renamed(model: TfModel, names: Readonly<Record<string, string | undefined>>): TfModel {
  const graphs = model.graphs.map((graph) => ({
    ...graph,
    tensors: graph.tensors.map((t) => (t.name !== undefined && t.name in names ? { ...t, name: names[t.name] } : t)),
  }));
  return { ...model, graphs };
}
test("signatures: one that is made drops what follows the colon of a tensor's name from its alias, and not from the name", () =>
  assert.deepEqual(shown(renamed(readModel(fileOf("half_plus_two")), { x: "scope/x:0", y: "y:1" })), [
    "serving_default (tensorflow/serving/predict): scope/x=scope/x:0 1[1,1] → y=y:1 1[1,1]",
  ]));
for (const [what, names, code, message] of [
  [
    "kept ones that name an input that is not there",
    { tflite_input: "other" },
    Code.Internal,
    "Unknown tensor 'tflite_input:0'.\n\tSignature input x references an unknown tensor",
  ],
  ["kept ones that name an output that is not there", { y: "z" }, Code.Internal, "Unknown tensor 'y:0'.\n\tSignature output y references an unknown tensor"],
  ["an input without a name", { tflite_input: undefined }, Code.Internal, /^Input name missing for tensor index: \d+$/],
] as const)
  test(`signatures: ${what} are refused`, () => assert.throws(() => signaturesOf(renamed(readModel(fileOf("half_plus_two_kept")), names)), { code, message }));
test("signatures: two inputs of one name are refused", () =>
  assert.throws(() => signaturesOf(renamed(readModel(fileOf("two_graphs")), { "serving_default_a:0": "x", "serving_default_b:0": "x" })), {
    code: Code.AlreadyExists,
    message: "Input tensor name: x has multiple indices",
  }));
test("signatures: names that two graphs share are told apart by the signature's key", () => {
  const { defs, runnables } = signaturesOf(
    renamed(readModel(fileOf("two_graphs")), { "twice_a:0": "serving_default_a:0", "PartitionedCall_1:0": "PartitionedCall:0" }),
  );
  assert.deepEqual(
    runnables.map(({ inputs, outputs }) => [[...inputs.keys()].sort(), [...outputs.keys()].sort()]),
    [
      [
        ["serving_default_a:0", "serving_default_b:0"],
        ["PartitionedCall:0", "PartitionedCall:1"],
      ],
      [["twice/serving_default_a:0"], ["twice/PartitionedCall:0"]],
    ],
  );
  assert.deepEqual(toJson(SignatureDefSchema, defs["twice"]!), {
    inputs: { a: { name: "twice/serving_default_a:0", dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "-1" }, { size: "2" }] } } },
    outputs: { less: { name: "twice/PartitionedCall:0", dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "-1" }, { size: "2" }] } } },
    methodName: "tensorflow/serving/predict",
  });
});
test("signatures: a name is taken as it is, else without what follows its first colon", () => {
  const names = new Map([
    ["x", 0],
    ["y:0", 1],
  ]);
  assert.deepEqual(
    ["x", "x:0", "y:0", "y", "x:0:1"].map((name) => resolve(names, name)),
    ["x", "x", "y:0", undefined, "x"],
  );
});
