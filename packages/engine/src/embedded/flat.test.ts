import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type FunctionDef, type GraphDef, FunctionDefSchema, GraphDefSchema } from "@tfs/proto";
import { Code } from "@tfs/std";
import { newFlat } from "./flat.ts";

/** More nodes in a row than JavaScript's stack has room for. */
const deep = 50_000;

const call = (name: string, fn: string, ...input: string[]) => ({ name, op: "PartitionedCall", input, attr: { f: { func: { name: fn } } } });
const fn = (name: string, args: readonly string[], nodeDef: readonly object[], ret: string): FunctionDef => {
  const inputArg = args.map((arg) => ({ name: arg, type: "DT_FLOAT" }));
  return fromJson(FunctionDefSchema, {
    signature: { name, inputArg, outputArg: [{ name: "r", type: "DT_FLOAT" }] },
    nodeDef,
    ret: { r: ret },
  } as unknown as JsonValue);
};
const graph = (...node: readonly object[]): GraphDef => fromJson(GraphDefSchema, { node } as unknown as JsonValue);
const chain = (n: number, first: string, link: (name: string, from: string) => object): object[] =>
  Array.from({ length: n }, (_, i) => link(`n${i}`, i === 0 ? first : `n${i - 1}`));
const neg = (name: string, from: string) => ({ name, op: "Neg", input: [from] });
const twice = fn("twice", ["a"], [{ name: "t", op: "Add", input: ["a", "a"] }], "t:z:0");

const x = { name: "x", op: "Placeholder" };
const rows: {
  readonly name: string;
  readonly graph: GraphDef;
  readonly functions?: readonly FunctionDef[];
  readonly ask: string;
  readonly ops: Readonly<Record<string, number>>;
}[] = [
  { name: "a row of nodes, each the input of the next", graph: graph(x, ...chain(deep, "x", neg)), ask: `n${deep - 1}`, ops: { Neg: deep, Placeholder: 1 } },
  {
    name: "a row of nodes, each to run before the next",
    graph: graph(x, ...chain(deep, "x", (name, from) => ({ name, op: "NoOp", input: [`^${from}`] }))),
    ask: `n${deep - 1}`,
    ops: { NoOp: deep, Placeholder: 1 },
  },
  {
    name: "a row of calls",
    graph: graph(x, ...chain(5_000, "x", (name, from) => call(name, "twice", from))),
    functions: [twice],
    ask: "n4999",
    ops: { Add: 5_000, Placeholder: 1 },
  },
  {
    name: "a row in a function",
    graph: graph(x, call("y", "long", "x")),
    functions: [
      fn(
        "long",
        ["a"],
        chain(deep, "a", (name, from) => neg(name, from === "a" ? "a" : `${from}:y:0`)),
        `n${deep - 1}:y:0`,
      ),
    ],
    ask: "y",
    ops: { Neg: deep, Placeholder: 1 },
  },
  {
    name: "a call of a call of one function",
    graph: graph(x, call("y", "twice", "x"), call("z", "twice", "y")),
    functions: [twice],
    ask: "z",
    ops: { Add: 2, Placeholder: 1 },
  },
  {
    name: "what a function does not use is not asked of it, though it goes round",
    graph: graph(x, { name: "loop", op: "Merge", input: ["next"] }, { name: "next", op: "NextIteration", input: ["loop"] }, call("y", "first", "x", "loop")),
    functions: [fn("first", ["a", "b"], [{ name: "i", op: "Neg", input: ["a"] }], "i:y:0")],
    ask: "y",
    ops: { Neg: 1, Placeholder: 1 },
  },
];

for (const row of rows)
  test(`flattened: ${row.name}`, () => {
    const flat = newFlat(row.graph, new Map(row.functions?.map((f) => [f.signature!.name, f])));
    const edge = flat.tensor(row.ask);
    assert.ok(edge !== undefined);
    const counted: Record<string, number> = {};
    const seen = new Set<number>();
    const todo = [edge.node];
    for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
      if (seen.has(n)) continue;
      seen.add(n);
      const { op, inputs, control } = flat.nodes[n]!;
      counted[op] = (counted[op] ?? 0) + 1;
      todo.push(...inputs.map((e) => e.node), ...control);
    }
    assert.deepEqual(counted, row.ops);
  });

test("a graph that goes round is refused, by a node of the round", () => {
  const round = graph({ name: "a", op: "Neg", input: ["b"] }, { name: "b", op: "Neg", input: ["a"] });
  assert.throws(() => newFlat(round, new Map()).tensor("a"), { code: Code.InvalidArgument, message: /^node [ab] is part of a cycle/ });
});

test("a node that is not there is named each time somebody asks", () => {
  const flat = newFlat(create(GraphDefSchema, { node: [{ name: "y", op: "Neg", input: ["gone"] }] }), new Map());
  for (let i = 0; i < 2; i++) assert.throws(() => flat.tensor("y"), { code: Code.InvalidArgument, message: "there is no node gone" });
});

for (const output of ["-1", "0.5", "z", "65536", "1e12"])
  test(`flat: an input from output ${output} is refused, and takes no time`, () => {
    const flat = newFlat(graph(x, { name: "y", op: "Enter", input: [`x:${output}`] }), new Map());
    assert.throws(() => flat.tensor("y:0"), { code: Code.InvalidArgument, message: `x:${Number(output)}: the operation has no such output` });
    assert.throws(() => flat.tensor(`x:${output}`), { code: Code.InvalidArgument });
  });
