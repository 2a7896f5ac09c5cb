// Graphs that TensorFlow 2.21 dies of, or never gets done with, are refused before it sees them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { DataType, FunctionDefLibrarySchema, type MetaGraphDef, MetaGraphDefSchema, type NodeDef, NodeDefSchema } from "@tfs/proto";
import { Code } from "@tfs/std";
import { checkGraph, needsRanks } from "./check.ts";
import { changesState } from "./state.ts";

const node = (name: string, op: string, attr: JsonValue = {}, ...input: string[]): NodeDef => fromJson(NodeDefSchema, { name, op, input, attr });
const call = (f: string): NodeDef => node(`call_${f}`, "PartitionedCall", { f: { func: { name: f } } });
const shape = (...size: (number | string)[]) => ({ dim: size.map((s) => ({ size: String(s) })) });
const tensor = (...size: (number | string)[]): NodeDef => node("c", "Const", { value: { tensor: { dtype: "DT_FLOAT", tensorShape: shape(...size) } } });
const typed = (dtype: string): NodeDef => node("c", "Const", { dtype: { type: dtype }, value: { tensor: { dtype: "DT_FLOAT", tensorShape: {} } } });
const placeholder = (...size: (number | string)[]): NodeDef => node("x", "Placeholder", { shape: { shape: shape(...size) } });

function graph(nodes: readonly NodeDef[], functions: Readonly<Record<string, readonly NodeDef[]>> = {}): MetaGraphDef {
  const library = { function: Object.entries(functions).map(([name, nodeDef]) => ({ signature: { name }, nodeDef: [...nodeDef] })) };
  return create(MetaGraphDefSchema, {
    graphDef: { node: [...nodes], library },
    signatureDef: { s: { outputs: { y: { encoding: { case: "name", value: `${nodes.at(-1)?.name}:0` } } } } },
  });
}

function branching(outputs: number): MetaGraphDef {
  const f = { func: { name: "f" } };
  const types = { list: { type: ["DT_FLOAT"] } };
  const made = graph([node("i", "If", { then_branch: f, else_branch: f, Tin: types, Tout: types }, "p", "x")]);
  const arg = { name: "a", type: DataType.DT_FLOAT };
  made.graphDef!.library = create(FunctionDefLibrarySchema, {
    function: [{ signature: { name: "f", inputArg: [arg], outputArg: Array.from({ length: outputs }, () => arg) } }],
  });
  return made;
}

const chain = (n: number): Record<string, NodeDef[]> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, i + 1 < n ? [call(`f${i + 1}`)] : []]));
const doubling = (n: number): Record<string, NodeDef[]> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, i + 1 < n ? [call(`f${i + 1}`), call(`f${i + 1}`)] : []]));
const many = Array.from({ length: 255 }, () => 1);

const rows: { readonly name: string; readonly graph: MetaGraphDef; readonly want?: string }[] = [
  { name: "a graph", graph: graph([tensor(2, 3), placeholder(-1, 3), call("f")], { f: [] }) },
  { name: "a constant without a shape", graph: graph([tensor()]) },
  { name: "a constant of 2^64 elements", graph: graph([tensor(2 ** 32, 2 ** 32)]), want: "the node c (Const) has a tensor of a shape that cannot be" },
  { name: "a constant of a negative size", graph: graph([tensor(-1)]), want: "the node c (Const) has a tensor of a shape that cannot be" },
  { name: "a constant of 255 dimensions", graph: graph([tensor(...many)]), want: "the node c (Const) has a tensor of a shape that cannot be" },
  { name: "a constant in a function", graph: graph([call("f")], { f: [tensor(-1)] }), want: "the node c (Const) has a tensor of a shape that cannot be" },
  { name: "a placeholder of 255 dimensions", graph: graph([placeholder(...many)]), want: "the node x (Placeholder) has a shape that cannot be" },
  {
    name: "a list of shapes",
    graph: graph([node("q", "Queue", { shapes: { list: { shape: [shape(2), shape(-7)] } } })]),
    want: "the node q (Queue) has a shape that cannot be",
  },
  { name: "a constant of the dtype that it says", graph: graph([typed("DT_FLOAT")]) },
  {
    name: "a constant of another dtype than it says",
    graph: graph([typed("DT_INT64")]),
    want: "the node c (Const) has a tensor of another dtype than it says",
  },
  {
    name: "an op of more inputs than memory",
    graph: graph([node("j", "StringJoin", { N: { i: "2147483648" } })]),
    want: "the node j (StringJoin) has 2147483648 for N",
  },
  { name: "an op of less than no inputs", graph: graph([node("j", "StringJoin", { N: { i: "-1" } })]), want: "the node j (StringJoin) has -1 for N" },
  { name: "as many hash buckets as there may be", graph: graph([node("h", "StringToHashBucketFast", { num_buckets: { i: "2147483648" } })]) },
  { name: "a node without a name", graph: graph([node("", "NoOp")]), want: "the node  (NoOp) has no name" },
  { name: "an identity of nothing", graph: graph([node("i", "Identity", {}, "^c")]), want: "the node i (Identity) has no input" },
  {
    name: "a loop without its body",
    graph: graph([node("w", "While", { cond: { func: { name: "c" } }, body: { func: { name: "b" } } })], {}),
    want: "the node w (While) calls the function c, which the graph does not have",
  },
  { name: "a branch that gives what its node says", graph: branching(1) },
  {
    name: "a branch that gives less than its node says",
    graph: branching(0),
    want: "the node i (If) calls the function f, which takes 1 and gives 0: another number than the node says",
  },
  { name: "a function that calls itself", graph: graph([call("f")], { f: [call("f")] }), want: "the function f calls itself" },
  { name: "two that call each other", graph: graph([call("f")], { f: [call("g")], g: [call("f")] }), want: "the function f calls itself" },
  { name: "one that calls itself and that nobody calls", graph: graph([call("g")], { f: [call("f")], g: [] }) },
  { name: "a hundred functions deep", graph: graph([call("f0")], chain(100)) },
  { name: "a thousand functions deep", graph: graph([call("f0")], chain(1000)), want: "functions call each other more than 100 deep, down to f101" },
  {
    name: "functions that double each other",
    graph: graph([call("f0")], doubling(40)),
    want: "with its functions put in, the graph has more than 10000000 nodes",
  },
];
for (const { name, graph: given, want } of rows)
  test(`${want === undefined ? "taken" : "refused"}: ${name}`, async () => {
    if (want === undefined) await checkGraph(given);
    else await assert.rejects(checkGraph(given), { code: Code.InvalidArgument, message: want });
  });

test("feeds of a graph with a convolution, wherever that is, must have their ranks", () => {
  assert.equal(needsRanks(graph([call("f")], { f: [node("c", "Conv2D")] })), true);
  assert.equal(needsRanks(graph([node("m", "MaxPool"), node("r", "Relu")])), false);
});

const states: { readonly name: string; readonly nodes: readonly NodeDef[]; readonly want: boolean }[] = [
  { name: "reads a variable", nodes: [node("y", "ReadVariableOp")], want: false },
  { name: "adds to a variable", nodes: [node("a", "AssignAddVariableOp"), node("y", "Identity", {}, "^a")], want: true },
  { name: "adds to a variable of TensorFlow 1", nodes: [node("y", "AssignAdd")], want: true },
  { name: "scatters into a new tensor", nodes: [node("y", "ScatterNd")], want: false },
  { name: "is only restored", nodes: [node("save", "AssignVariableOp"), node("y", "ReadVariableOp")], want: false },
];
for (const { name, nodes, want } of states)
  test(`a model that ${name} ${want ? "changes" : "does not change"} its state`, () => assert.equal(changesState(graph(nodes)), want));
