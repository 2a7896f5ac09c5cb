// What variables hold goes into the weights of a plan: a run that changes one is seen by the next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson } from "@bufbuild/protobuf";
import { GraphDefSchema, MetaGraphDefSchema } from "@tfs/proto";
import { background } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { compile } from "./compile.ts";
import { type Model, newModel } from "./model.ts";

const float = { type: "DT_FLOAT" };
const named = (name: string) => ({ s: Buffer.from(name).toString("base64") });
const shape = (...dims: number[]) => ({ shape: { dim: dims.map((size) => ({ size: String(size) })) } });
const node = (name: string, op: string, input: readonly string[] = [], attr: object = { T: float }) => ({ name, op, input, attr });

/** y = relu(x w + b), where w is a resource and b a reference; each may be assigned. */
const graph = fromJson(GraphDefSchema, {
  node: [
    node("x", "Placeholder", [], { dtype: float }),
    node("given", "Placeholder", [], { dtype: float }),
    node("w", "VarHandleOp", [], { dtype: float, shared_name: named("w"), shape: shape(2, 2) }),
    node("assign_w", "AssignVariableOp", ["w", "given"], { dtype: float }),
    node("new_w", "ReadVariableOp", ["w", "^assign_w"], { dtype: float }),
    node("add_w", "AssignAddVariableOp", ["w", "given"], { dtype: float }),
    node("more_w", "ReadVariableOp", ["w", "^add_w"], { dtype: float }),
    node("less_w", "Neg", ["more_w"]),
    node("part_w", "Relu", ["less_w"]),
    node("b", "VariableV2", [], { dtype: float, shape: shape(2) }),
    node("new_b", "Assign", ["b", "given"]),
    node("at", "Placeholder", [], { dtype: { type: "DT_INT32" } }),
    node("scattered_b", "ScatterAdd", ["b", "at", "given"], { T: float, Tindices: { type: "DT_INT32" } }),
    node("nd_b", "ScatterNdAdd", ["b", "at", "given"], { T: float, Tindices: { type: "DT_INT32" } }),
    node("read_w", "ReadVariableOp", ["w"], { dtype: float }),
    node("read_b", "Identity", ["b"]),
    node("product", "MatMul", ["x", "read_w"]),
    node("sum", "BiasAdd", ["product", "read_b"]),
    node("y", "Relu", ["sum"]),
  ],
} as never);

const matrix = (...values: number[]): Tensor => newTensor(DType.Float, [values.length / 2, 2], Float32Array.from(values));
const vector = (...values: number[]): Tensor => newTensor(DType.Float, [values.length], Float32Array.from(values));

async function run(model: Model, fetch: string, feeds: Readonly<Record<string, Tensor>>): Promise<number[]> {
  const [got] = await model.run(background(), new Map(Object.entries(feeds).map(([name, t]) => [`${name}:0`, t])), [`${fetch}:0`]);
  return [...(got!.data as Float32Array)];
}

test("a plan that counts on what variables hold is made anew when one has changed", async () => {
  const model = newModel(create(MetaGraphDefSchema, { graphDef: graph }), compile(graph, new Map()), new Map());
  const x = matrix(1, 2, 3, 4);
  await run(model, "new_w", { given: matrix(1, 0, 0, 1) });
  await run(model, "new_b", { given: vector(10, 20) });
  for (let i = 0; i < 2; i++) assert.deepEqual(await run(model, "y", { x }), [11, 22, 13, 24]);
  await run(model, "new_b", { given: vector(1, -100) });
  for (let i = 0; i < 2; i++) assert.deepEqual(await run(model, "y", { x }), [2, 0, 4, 0]);
  assert.deepEqual(await run(model, "more_w", { given: matrix(1, 1, 1, 1) }), [2, 1, 1, 2]);
  for (let i = 0; i < 2; i++) assert.deepEqual(await run(model, "y", { x }), [5, 0, 11, 0]);
  for (let i = 3; i < 6; i++) {
    await run(model, "new_w", { given: matrix(i, 0, 0, 0) });
    assert.deepEqual(await run(model, "y", { x }), [i + 1, 0, 3 * i + 1, 0]);
  }
  await model.close();
});

test("what a run reads after it has assigned is new", async () => {
  const model = newModel(create(MetaGraphDefSchema, { graphDef: graph }), compile(graph, new Map()), new Map());
  for (const value of [1, 2]) assert.deepEqual(await run(model, "new_w", { given: matrix(value, 0, 0, 0) }), [value, 0, 0, 0]);
  await model.close();
});

test("what is computed from it is one op, and new", async () => {
  const model = newModel(create(MetaGraphDefSchema, { graphDef: graph }), compile(graph, new Map()), new Map());
  await run(model, "new_w", { given: matrix(-5, 1, 1, 1) });
  for (const want of [
    [4, 0, 0, 0],
    [3, 0, 0, 0],
  ])
    assert.deepEqual(await run(model, "part_w", { given: matrix(1, 1, 1, 1) }), want);
  await model.close();
});

test("a value that a variable took from a run stays when the run is over", async () => {
  const model = newModel(create(MetaGraphDefSchema, { graphDef: graph }), compile(graph, new Map()), new Map());
  const large = newTensor(DType.Float, [20, 2], new Float32Array(40).fill(1));
  await run(model, "new_w", { given: large });
  await run(model, "more_w", { given: large });
  await run(model, "new_b", { given: vector(0, 0) });
  await run(model, "y", { x: newTensor(DType.Float, [50, 20], new Float32Array(1000).fill(1)) });
  assert.deepEqual(await run(model, "read_w", {}), new Array<number>(40).fill(2));
  await model.close();
});

test("a plan sees what a reference was changed by in a part of it", async () => {
  const model = newModel(create(MetaGraphDefSchema, { graphDef: graph }), compile(graph, new Map()), new Map());
  const x = matrix(1, 2);
  await run(model, "new_w", { given: matrix(1, 0, 0, 1) });
  await run(model, "new_b", { given: vector(10, 20) });
  assert.deepEqual(await run(model, "y", { x }), [11, 22]);
  await run(model, "scattered_b", { at: newTensor(DType.Int32, [1], Int32Array.of(1)), given: vector(5) });
  assert.deepEqual(await run(model, "y", { x }), [11, 27]);
  await run(model, "nd_b", { at: newTensor(DType.Int32, [1, 1], Int32Array.of(0)), given: vector(3) });
  assert.deepEqual(await run(model, "y", { x }), [14, 27]);
  await model.close();
});
