import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { NodeDefSchema } from "@tfs/proto";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import type { Edge, FlatNode } from "../embedded/index.ts";
import { followed, partition } from "./partition.ts";

const sizes = (...values: number[]): Tensor => newTensor(DType.Int32, [values.length], Int32Array.from(values));
const rowsOf = (n: number): Tensor => newTensor(DType.Float, [n, 2], new Float32Array(2 * n));

/** A line of a graph: name, op, inputs; a node's type attributes are T (float if not given) and what is in `attr`. */
interface Line {
  readonly name: string;
  readonly op: string;
  readonly from?: readonly string[];
  readonly T?: DType;
  readonly attr?: object;
  /** value makes it a constant. */
  readonly value?: Tensor;
}

const feed = (name: string, dtype: DType = DType.Float): Line => ({ name, op: "Placeholder", attr: { dtype: { type: dtype } } });
const constant = (name: string, value: Tensor): Line => ({ name, op: "Const", value, attr: { dtype: { type: value.dtype } } });
const op = (name: string, kind: string, ...from: string[]): Line => ({ name, op: kind, from });
const cast = (name: string, from: string, source: DType, to: DType): Line => ({
  name,
  op: "Cast",
  from: [from],
  attr: { SrcT: { type: source }, DstT: { type: to } },
});

/** divided partitions a graph from its placeholders to its last node, and gives the parts by name. */
function divided(lines: readonly Line[]) {
  const at = new Map(lines.map(({ name }, i) => [name, i]));
  const nodes = lines.map(
    ({ name, op, from = [], T = DType.Float, attr = {} }): FlatNode => ({
      name,
      op,
      attr: fromJson(NodeDefSchema, { attr: { T: { type: T }, ...attr } } as never).attr,
      inputs: from.map((ref) => ({ node: at.get(ref)!, output: 0 })),
      control: [],
    }),
  );
  const feeds = lines.flatMap((line, node): Edge[] => (line.op === "Placeholder" ? [{ node, output: 0 }] : []));
  const view = followed(nodes, feeds);
  const fetches = [view.follow({ node: lines.length - 1, output: 0 })];
  const parts = partition({ nodes: view.nodes, feeds, fetches, constant: (e) => lines[e.node]!.value });
  if (typeof parts === "string") return parts;
  const named = (edges: readonly Edge[]): string => edges.map((e) => lines[e.node]!.name).join(" ");
  return {
    native: parts.nodes.map((n) => lines[n]!.name).join(" "),
    inputs: named(parts.inputs),
    outputs: named(parts.outputs),
    before: named(parts.before),
    guards: parts.guards.map(({ edge, below }) => `${lines[edge.node]!.name} < ${below}`).join(" "),
  };
}

const int64 = DType.Int64;
const rows: { readonly name: string; readonly graph: readonly Line[]; readonly want: unknown }[] = [
  {
    name: "all of a dense layer",
    graph: [feed("x"), constant("w", rowsOf(2)), op("m", "MatMul", "x", "w"), op("y", "Relu", "m")],
    want: { native: "m y", inputs: "x", outputs: "y", before: "", guards: "" },
  },
  {
    name: "what only passes values on is not there",
    graph: [feed("x"), op("i", "Identity", "x"), op("r", "Relu", "i"), op("y", "Identity", "r")],
    want: { native: "r", inputs: "x", outputs: "r", before: "", guards: "" },
  },
  {
    name: "a table's look-up comes before",
    graph: [
      feed("s", DType.String),
      { ...op("t", "LookupTableFindV2", "s", "s", "s"), attr: { Tout: { type: int64 } } },
      constant("table", rowsOf(5)),
      constant("axis", sizes(0)),
      { ...op("g", "GatherV2", "table", "t", "axis"), attr: { Tparams: { type: 1 }, Tindices: { type: int64 } } },
      op("y", "Relu", "g"),
    ],
    want: { native: "g y", inputs: "t", outputs: "y", before: "t", guards: "t < 5" },
  },
  {
    name: "what the host does to a score comes after, with what follows on it",
    graph: [feed("x"), constant("w", rowsOf(2)), op("m", "MatMul", "x", "w"), op("top", "TopKV2", "m", "m"), op("y", "Mul", "top", "top")],
    want: { native: "m", inputs: "x", outputs: "m", before: "", guards: "" },
  },
  {
    name: "what the host needs of the native part without a heavy op it computes itself",
    graph: [feed("x"), op("a", "Relu", "x"), op("c", "Cumsum", "a", "a"), constant("w", rowsOf(2)), op("y", "MatMul", "c", "w")],
    want: { native: "y", inputs: "c", outputs: "y", before: "c", guards: "" },
  },
  {
    name: "arithmetic on what is fed as integers is the host's",
    graph: [feed("x", DType.Int32), { ...op("n", "AddV2", "x", "x"), T: DType.Int32 }, cast("f", "n", DType.Int32, DType.Float), op("y", "Relu", "f")],
    want: { native: "f y", inputs: "n", outputs: "y", before: "n", guards: "" },
  },
  {
    name: "int64 is not cast by OpenVINO, which has only its lower half",
    graph: [feed("x", int64), cast("f", "x", int64, DType.Float), op("y", "Relu", "f")],
    want: { native: "y", inputs: "f", outputs: "y", before: "f", guards: "" },
  },
  {
    name: "arithmetic on sizes is native",
    graph: [
      feed("x"),
      op("s", "Shape", "x"),
      { ...op("p", "Prod", "s", "s"), T: DType.Int32 },
      { ...op("d", "Pack", "p", "p"), T: DType.Int32 },
      op("r", "Reshape", "x", "d"),
      op("y", "Relu", "r"),
    ],
    want: { native: "s p d r y", inputs: "x", outputs: "y", before: "", guards: "" },
  },
  {
    name: "a division of sizes by a size is the host's: it may be 0",
    graph: [feed("x"), op("s", "Shape", "x"), { ...op("q", "FloorDiv", "s", "s"), T: DType.Int32 }, op("r", "Reshape", "x", "q"), op("y", "Relu", "r")],
    want: { native: "r y", inputs: "x q", outputs: "y", before: "q", guards: "" },
  },
  {
    name: "doubles are the host's",
    graph: [feed("x", DType.Double), { ...op("y", "Relu", "x"), T: DType.Double }],
    want: "what there is to compute is not for it: Relu",
  },
  { name: "a signature that gives back what it takes", graph: [feed("x"), op("y", "Identity", "x")], want: "there is nothing to compute in it" },
  {
    name: "batch normalization while training is the host's",
    graph: [feed("x"), { ...op("y", "FusedBatchNormV3", "x", "x", "x", "x", "x"), attr: { is_training: { b: true } } }],
    want: "what there is to compute is not for it: FusedBatchNormV3",
  },
  {
    name: "a constant index outside is the host's",
    graph: [
      constant("table", rowsOf(5)),
      constant("i", sizes(5)),
      constant("axis", sizes(0)),
      { ...op("y", "GatherV2", "table", "i", "axis"), attr: { Tparams: { type: 1 }, Tindices: { type: 3 } } },
    ],
    want: "what there is to compute is not for it: GatherV2",
  },
];
for (const { name, graph, want } of rows) test(`partition: ${name}`, () => assert.deepEqual(divided(graph), want));
