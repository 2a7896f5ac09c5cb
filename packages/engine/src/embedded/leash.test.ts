import assert from "node:assert/strict";
import { test } from "node:test";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { newAttrs } from "./attrs.ts";
import type { Node, State } from "./kernel.ts";
import { kernels } from "./kernels/index.ts";
import { hold, left, newLeash, perValue } from "./leash.ts";

const ever = 1e9;
const whole = (...values: readonly number[]): Tensor => newTensor(DType.Int32, [values.length], Int32Array.from(values));
const one = newTensor(DType.Float, [], Float32Array.of(1));
const scalar = (value: number): Tensor => newTensor(DType.Int32, [], Int32Array.of(value));
const floats = (n: number): Tensor => newTensor(DType.Float, [n], new Float32Array(n));

for (const { op, inputs } of [
  { op: "Fill", inputs: [whole(30_000, 30_000), one] },
  { op: "Range", inputs: [scalar(0), scalar(1e9), scalar(1)] },
  { op: "Tile", inputs: [floats(1), whole(1e9)] },
  { op: "BroadcastTo", inputs: [floats(1), whole(1e9)] },
  { op: "OneHot", inputs: [whole(1, 2), scalar(1e9), one, one] },
] as const)
  test(`leash: ${op} that makes much of little is given up before it makes anything`, () => {
    const node: Node = {
      name: "n",
      op,
      attrs: newAttrs("n", {}),
      inputCount: inputs.length,
      body() {
        throw new Error("there is none");
      },
    };
    const state = { leash: newLeash(2, ever) } as unknown as State; // it looks at nothing else before
    assert.throws(
      () => kernels[op]!(node)(inputs, state),
      (err) => err === left,
    );
  });

test("leash: what steps are known to take adds up", () => {
  const leash = newLeash(2, ever);
  for (let i = 0; i < 19; i++) leash.step(0.1);
  assert.throws(
    () => leash.step(0.11),
    (err) => err === left,
  );
});

test("leash: a run that changes something stays", () => {
  const leash = newLeash(2, ever);
  hold(leash, { ns: perValue("AssignVariableOp"), changes: true }, [one]);
  leash.step(1000);
});

test("leash: by the clock a run is given up too, if not at each step", () => {
  const leash = newLeash(2, 0);
  assert.throws(
    () => {
      for (let i = 0; i < 100; i++) leash.step(0);
    },
    (err) => err === left,
  );
});

test("leash: what an op is given counts, strings by their bytes", () => {
  const leash = newLeash(2, ever);
  const long = newTensor(DType.String, [1], [new Uint8Array(1_000_000)]);
  assert.throws(
    () => hold(leash, { ns: perValue("StaticRegexReplace"), changes: false }, [long]),
    (err) => err === left,
  );
  hold(newLeash(2, ever), { ns: perValue("Identity"), changes: false }, [long]);
});

const matrix = (rows: number, columns: number): Tensor => newTensor(DType.Float, [rows, columns], new Float32Array(rows * columns));
for (const { name, op, inputs, isLong } of [
  { name: "a column and a row", op: "Mul", inputs: [matrix(3000, 1), matrix(1, 3000)], isLong: true },
  { name: "a matrix and a row", op: "Mul", inputs: [matrix(3, 1000), matrix(1, 1000)], isLong: false },
  { name: "look-ups in a large table", op: "GatherV2", inputs: [matrix(20_000, 500), whole(1, 2, 3)], isLong: false },
  { name: "a part of something large", op: "StridedSlice", inputs: [matrix(20_000, 500), whole(0), whole(1), whole(1)], isLong: false },
  { name: "a sum of something large", op: "Sum", inputs: [matrix(20_000, 500), whole(0)], isLong: true },
])
  test(`leash: ${name}: ${isLong ? "given up" : "run where it is"}`, () => {
    const run = (): void => hold(newLeash(2, ever), { ns: perValue(op), changes: false }, inputs);
    if (isLong) assert.throws(run, (err) => err === left);
    else run();
  });
