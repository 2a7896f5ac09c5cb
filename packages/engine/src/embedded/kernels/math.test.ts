// Elementwise arithmetic of the host over shapes that broadcast.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DType, elementCount, newTensor, type Tensor } from "@tfs/tensor";
import { broadcast, offsets } from "../shape.ts";
import { kernels } from "./index.ts";

const ops: Readonly<Record<string, (x: number, y: number) => number>> = {
  AddV2: (x, y) => x + y,
  Sub: (x, y) => x - y,
  Mul: (x, y) => x * y,
  RealDiv: (x, y) => x / y,
  SquaredDifference: (x, y) => (x - y) ** 2,
};
const shapes: readonly (readonly [a: readonly number[], b: readonly number[]])[] = [
  [
    [3, 50],
    [3, 50],
  ],
  [[3, 50], [50]],
  [[50], [3, 50]],
  [[3, 50], []],
  [
    [1, 1],
    [3, 50],
  ],
  [
    [3, 50],
    [3, 1],
  ],
  [
    [2, 1, 50],
    [4, 1],
  ],
  [[4000], []],
  [[5, 3], [3]],
  [
    [2, 3, 4, 5],
    [3, 4, 5],
  ],
  [[0, 9], [9]],
  [[1], [9]],
  [[], []],
];
const filled = (shape: readonly number[], step: number): Tensor =>
  newTensor(
    DType.Float,
    [...shape],
    Float32Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(i * step + 1)),
  );

for (const [op, of] of Object.entries(ops))
  for (const [left, right] of shapes)
    test(`${op} of [${left}] and [${right}]`, () => {
      const [a, b] = [filled(left, 0.7), filled(right, 1.3)];
      const kernel = kernels[op]!({ name: op, op, attrs: undefined as never, inputCount: 2, body: undefined as never });
      const got = kernel([a, b], undefined as never) as Tensor;
      const shape = broadcast(left, right);
      const [p, q] = [offsets(left, shape), offsets(right, shape)];
      const want = Float32Array.from(p, (at, i) => of((a.data as Float32Array)[at]!, (b.data as Float32Array)[q[i]!]!));
      assert.deepEqual([got.shape, got.data], [shape, want]);
    });
