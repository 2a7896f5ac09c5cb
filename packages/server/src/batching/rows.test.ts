import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { checkOutputs, cut, glue, join, rowsOf, sizeFor } from "./rows.ts";

/** f makes floats of a shape: the values given, again and again. */
const f = (shape: readonly number[], ...values: readonly number[]): Tensor => {
  const n = shape.reduce((a, b) => a * b, 1);
  return newTensor(
    DType.Float,
    shape,
    Float32Array.from({ length: n }, (_, i) => values[i % values.length]!),
  );
};
const x = (t: Tensor) => new Map([["x", t]]);

const counts: readonly { readonly name: string; readonly feeds: ReadonlyMap<string, Tensor>; readonly want: number | string }[] = [
  { name: "one input", feeds: x(f([3, 2], 1)), want: 3 },
  { name: "two inputs that agree", feeds: new Map([...x(f([2], 1)), ["y", f([2, 5], 1)]]), want: 2 },
  { name: "no rows", feeds: x(f([0, 2], 1)), want: 0 },
  { name: "no inputs", feeds: new Map(), want: "Batching Run() must have at least one input tensor" },
  { name: "a scalar", feeds: x(f([], 1)), want: "Batching Run() input tensors must have at least one dimension" },
  {
    name: "inputs with 1 and 2 rows",
    feeds: new Map([...x(f([1], 1)), ["y", f([2], 1)]]),
    want: "Batching Run() input tensors must have equal 0th-dimension size",
  },
];
for (const { name, feeds, want } of counts)
  test(`rows of a task: ${name}`, () => {
    if (typeof want === "number") assert.equal(rowsOf(feeds), want);
    else assert.throws(() => rowsOf(feeds), { code: Code.InvalidArgument, message: want });
  });

const sizes: readonly [rows: number, allowed: readonly number[], want: number][] = [
  [2, [], 2],
  [2, [2, 4], 2],
  [3, [2, 4], 4],
  [5, [2, 4], 5],
  [0, [2, 4], 0],
];
for (const [rows, allowed, want] of sizes) test(`${rows} rows run as ${want} if [${allowed}] are allowed`, () => assert.equal(sizeFor(rows, allowed), want));

const options = { names: ["x"], pads: false };
const joins: readonly { readonly name: string; readonly given: readonly Tensor[]; readonly size?: number; readonly pads?: boolean; readonly want: Tensor }[] = [
  { name: "in the order of the tasks", given: [f([2], 1, 2), f([1], 3)], want: f([3], 1, 2, 3) },
  {
    name: "padding is the first row of the last task",
    given: [f([1, 2], 1, 2), f([2, 2], 3, 4, 5, 6)],
    size: 5,
    want: f([5, 2], 1, 2, 3, 4, 5, 6, 3, 4, 3, 4),
  },
  { name: "padding is the first row of the last task that has one", given: [f([1], 7), f([0], 1)], size: 2, want: f([2], 7, 7) },
  { name: "one task is padded too", given: [f([1], 7)], size: 3, want: f([3], 7, 7, 7) },
  { name: "strings", given: [fromStrings(["a"]), fromStrings(["b"])], size: 3, want: fromStrings(["a", "b", "b"]) },
  {
    name: "inner dimensions grow at their ends, filled with each tensor's own first element",
    given: [f([1, 2, 2], 1, 2, 3, 4), f([1, 3, 3], 5, 6, 7, 8, 9, 10, 11, 12, 13)],
    pads: true,
    want: f([2, 3, 3], 1, 2, 1, 3, 4, 1, 1, 1, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13),
  },
  {
    name: "the greatest of each dimension counts, wherever it is",
    given: [f([1, 1, 2], 1, 2), f([1, 2, 1], 3, 4)],
    pads: true,
    want: f([2, 2, 2], 1, 2, 1, 1, 3, 3, 4, 3),
  },
];
for (const { name, given, size, pads, want } of joins)
  test(`join: ${name}`, () => {
    const rows = given.reduce((sum, t) => sum + t.shape[0]!, 0);
    assert.deepEqual(join(given.map(x), { ...options, size: size ?? rows, pads: pads ?? false }).get("x"), want);
  });

const differ =
  "Tensors with name 'x' from different tasks have different shapes and padding is turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions starting with the first dim.";
const refused: readonly { readonly name: string; readonly given: readonly Tensor[]; readonly pads?: boolean; readonly code: Code; readonly text: string }[] = [
  { name: "inner dimensions that differ", given: [f([1, 2], 1), f([1, 3], 1)], code: Code.FailedPrecondition, text: differ },
  { name: "ranks that differ", given: [f([1], 1), f([1, 1], 1)], code: Code.FailedPrecondition, text: differ },
  { name: "ranks that differ, padding or not", given: [f([1], 1), f([1, 1], 1)], pads: true, code: Code.FailedPrecondition, text: differ },
  {
    name: "nothing to pad with",
    given: [f([1, 0], 1), f([1, 1], 1)],
    pads: true,
    code: Code.InvalidArgument,
    text: "Got empty tensor in batch of non-empty tensors.",
  },
  {
    name: "seven dimensions",
    given: [f([1, 1, 1, 1, 1, 1, 1], 1), f([1, 1, 1, 1, 1, 1, 2], 1)],
    pads: true,
    code: Code.InvalidArgument,
    text: "Only tensors with rank from 1 to 6 can be padded.",
  },
  { name: "dtypes that differ", given: [f([1], 1), fromStrings(["a"])], code: Code.InvalidArgument, text: "concat of float and string" },
];
for (const { name, given, pads = false, code, text } of refused)
  test(`not joined: ${name}`, () => assert.throws(() => join(given.map(x), { ...options, size: 2, pads }), { code, message: text }));

test("one task without padding is not copied", () => {
  const t = f([2], 1, 2);
  assert.equal(join([x(t)], { ...options, size: 2, pads: true }).get("x"), t);
});
test("what is cut is a view", () => {
  const t = f([3], 1, 2, 3);
  const [got] = cut([t], 1, 3);
  assert.deepEqual(got, f([2], 2, 3));
  assert.equal((got!.data as Float32Array).buffer, (t.data as Float32Array).buffer);
});
test("pieces are glued in their order, output by output", () =>
  assert.deepEqual(
    glue([
      [f([1], 1), f([1, 2], 5, 6)],
      [f([2], 2, 3), f([2, 2], 7, 8, 9, 10)],
    ]),
    [f([3], 1, 2, 3), f([3, 2], 5, 6, 7, 8, 9, 10)],
  ));

const outputs: readonly { readonly name: string; readonly t: Tensor; readonly text: string | undefined }[] = [
  { name: "as many rows", t: f([2, 1], 1), text: undefined },
  { name: "a scalar", t: f([], 1), text: "Batched output tensor has 0 dimensions" },
  {
    name: "another number of rows",
    t: f([1], 1),
    text: "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
  },
];
for (const { name, t, text } of outputs)
  test(`output of two rows: ${name}`, () => {
    if (text === undefined) checkOutputs([t], 2);
    else assert.throws(() => checkOutputs([f([2], 1), t], 2), { code: Code.FailedPrecondition, message: text });
  });
