import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary, fromJson } from "@bufbuild/protobuf";
import { type AttrValue, GraphDefSchema, NodeDefSchema } from "@tfs/proto";
import { Code } from "@tfs/std";
import { DType, fromMessage, newTensor, type Tensor } from "@tfs/tensor";
import type { FlatNode } from "../embedded/index.ts";
import { freeze, type FreezeOptions } from "./freeze.ts";

const edge = (node: number, output = 0) => ({ node, output });
const attrs = (json: object): { readonly [name: string]: AttrValue } => fromJson(NodeDefSchema, { attr: json } as never).attr;
const node = (name: string, op: string, inputs: FlatNode["inputs"] = [], json: object = {}): FlatNode => ({ name, op, attr: attrs(json), inputs, control: [] });

const table = newTensor(DType.Float, [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
const nodes = [
  node("x", "Placeholder"),
  node("ids", "Placeholder"),
  node("table", "VarHandleOp"),
  node("rows", "ResourceGather", [edge(2), edge(1)], { dtype: { type: 1 }, Tindices: { type: 3 }, _class: { s: "" } }),
  node("halves", "Split", [edge(5), edge(0)], { num_split: { i: "2" }, T: { type: 1 }, _output_shapes: { list: {} } }),
  node("axis", "Const"),
  node("y", "Mul", [edge(3), edge(4, 1)], { T: { type: 1 } }),
];
const axis = newTensor(DType.Int32, [], Int32Array.of(1));

function frozen(given: Partial<FreezeOptions> = {}) {
  const pieces = freeze({
    nodes,
    order: [3, 4, 6],
    inputs: [
      { edge: edge(0), dtype: DType.Float, shape: [-1, 4] },
      { edge: edge(1), dtype: DType.Int32, shape: [-1] },
    ],
    outputs: [edge(6), edge(4, 1)],
    constant: ({ node: n }): Tensor | undefined => (n === 2 ? table : n === 5 ? axis : undefined),
    types: () => DType.Float,
    ...given,
  });
  return fromBinary(GraphDefSchema, Buffer.concat([...pieces])).node;
}

test("freeze: placeholders, constants before their readers, nodes by number, an Identity for each output", () =>
  assert.deepEqual(
    frozen().map(({ name, op, input }) => [name, op, ...input].join(" ")),
    [
      "i0 Placeholder",
      "i1 Placeholder",
      "c2_0 Const",
      "a3 Const",
      "n3 GatherV2 c2_0 i1 a3",
      "c5_0 Const",
      "n4 Split c5_0 i0",
      "n6 Mul n3 n4:1",
      "o0 Identity n6",
      "o1 Identity n4:1",
    ],
  ));

test("freeze: a placeholder has its dtype and shape", () => {
  const [first] = frozen();
  assert.deepEqual(
    [first!.attr["dtype"]!.value.value, (first!.attr["shape"]!.value.value as { dim: { size: bigint }[] }).dim.map(({ size }) => size)],
    [1, [-1n, 4n]],
  );
});

test("freeze: constants hold their values", () => {
  const values = new Map(
    frozen().flatMap(({ name, attr }) => (attr["value"]?.value.case === "tensor" ? [[name, fromMessage(attr["value"].value.value)]] : [])),
  );
  assert.deepEqual(values.get("c2_0"), table);
  assert.deepEqual(values.get("c5_0"), axis);
});

test("freeze: attributes that only TensorFlow's runtime reads are left out", () =>
  assert.deepEqual(Object.keys(frozen().find(({ name }) => name === "n4")!.attr).sort(), ["T", "num_split"]));

test("freeze: a graph past two gigabytes is refused before it is written", () => {
  const data = new Float32Array(2 ** 28 - 8); // a gigabyte, which is not touched
  const big = { dtype: DType.Float, shape: [data.length], data };
  const pieces = freeze({
    nodes,
    order: [3, 4, 6],
    inputs: [],
    outputs: [],
    constant: ({ node: n }) => (n === 2 || n === 5 ? big : undefined),
    types: () => DType.Float,
  });
  assert.throws(
    () => {
      for (const _ of pieces);
    },
    { code: Code.Unimplemented, message: /more than 2147483647 bytes/ },
  );
});
