import assert from "node:assert/strict";
import { test } from "node:test";
import { elementCount } from "@tfs/tensor";
import { strides, walk } from "../shape.ts";
import { newSimd } from "./index.ts";

let seed = 3;
const random = (n: number): Float32Array =>
  Float32Array.from({ length: n }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed / 2 ** 31 + 0.3;
  });

for (const size of [1, 2, 3, 4, 5, 16, 63, 1000])
  test(`softmax of rows of ${size}`, () => {
    const x = random(size * 3).map((v) => v * 20);
    const out = new Float32Array(x.length);
    newSimd().softmax(size, x, out);
    for (let r = 0; r < 3; r++) {
      const row = [...x.subarray(r * size, (r + 1) * size)];
      const most = Math.max(...row);
      const sum = row.reduce((all, v) => all + Math.exp(v - most), 0);
      for (const [i, v] of row.entries()) assert.ok(Math.abs(out[r * size + i]! - Math.exp(v - most) / sum) <= 1e-6 * (Math.exp(v - most) / sum) + 1e-12);
    }
  });

test("softmax of large numbers, and of what is not a number", () => {
  const out = new Float32Array(6);
  newSimd().softmax(3, Float32Array.of(1e30, 1e30, -Infinity, 1, Number.NaN, 2), out);
  assert.deepEqual([...out], [0.5, 0.5, 0, Number.NaN, Number.NaN, Number.NaN]);
});

for (const [outer, size, inner] of [
  [1, 1, 1],
  [3, 5, 1],
  [2, 1000, 1],
  [1, 70_000, 1],
  [4, 3, 7],
  [2, 200, 16],
  [1, 9, 1001],
] as const)
  test(`folds of [${outer}, ${size}, ${inner}]`, () => {
    const x = random(outer * size * inner);
    const all = { sum: (a: number, b: number) => a + b, max: (a: number, b: number) => Math.max(a, b), min: (a: number, b: number) => Math.min(a, b) };
    for (const how of ["sum", "max", "min"] as const) {
      const out = new Float32Array(outer * inner);
      newSimd().fold(how, [outer, size, inner], 1, x, out);
      out.forEach((got, at) => {
        const own = Array.from({ length: size }, (_, k) => x[(Math.floor(at / inner) * size + k) * inner + (at % inner)]!);
        const want = own.reduce(all[how]);
        assert.ok(Math.abs(got - want) <= (how === "sum" ? 2e-6 * Math.max(1, Math.abs(want)) : 0), `${how} ${at} is ${got}, not ${want}`);
      });
    }
  });

for (const [shape, order] of [
  [
    [3, 40],
    [1, 0],
  ],
  [
    [2, 3, 4, 5],
    [0, 2, 1, 3],
  ],
  [
    [2, 3, 4, 5],
    [3, 2, 1, 0],
  ],
  [
    [2, 3, 4, 5, 2],
    [4, 0, 3, 1, 2],
  ],
  [
    [2, 3, 1, 4, 5, 2],
    [2, 0, 1, 5, 3, 4],
  ],
] as const)
  test(`[${shape}] in the order ${order}`, () => {
    const x = random(elementCount(shape));
    const to = order.map((d) => shape[d]!);
    const steps = order.map((d) => strides(shape)[d]!);
    const out = new Float32Array(x.length);
    assert.ok(newSimd().permute(to, steps, x, out));
    assert.deepEqual(
      out,
      Float32Array.from(walk(to, steps), (at) => x[at]!),
    );
  });

test("six dimensions of which none go together are for others", () => {
  const shape = [2, 2, 2, 2, 2, 2];
  assert.ok(!newSimd().permute(shape, [...strides(shape)].reverse(), random(64), new Float32Array(64)));
});
