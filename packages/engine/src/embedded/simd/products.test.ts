import assert from "node:assert/strict";
import { test } from "node:test";
import { markWeight } from "../weight.ts";
import { relaxed, simd128 } from "./code.ts";
import { type Matrix, newSimd, simdForm } from "./index.ts";

let seed = 1;
function random(n: number): Float32Array {
  return Float32Array.from({ length: n }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed / 2 ** 31;
  });
}

function matrix(rows: number, columns: number, transposed: boolean): Matrix {
  return transposed ? { data: random(rows * columns), rows: columns, columns: rows, transposed } : { data: random(rows * columns), rows, columns, transposed };
}

const at = ({ data, columns, transposed }: Matrix, i: number, j: number): number => (transposed ? data[j * columns + i]! : data[i * columns + j]!);

/** check holds a product to sums in double precision; the error of k additions of numbers below one is below k × 2^-24 by far. */
function check(a: Matrix, b: Matrix, got: Float32Array, [m, k, n]: readonly [number, number, number]): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let want = 0;
      for (let p = 0; p < k; p++) want += at(a, i, p) * at(b, p, j);
      const off = Math.abs(got[i * n + j]! - want);
      assert.ok(off <= 1e-6 * Math.sqrt(k) + 1e-6 * Math.abs(want), `[${i}, ${j}] is ${got[i * n + j]}, not ${want}`);
    }
  }
}

const sizes: readonly (readonly [m: number, k: number, n: number])[] = [
  [1, 1, 1],
  [1, 64, 8],
  [1, 100, 33], // four panels at once, and one more that is not whole
  [2, 3, 5],
  [3, 7, 16], // rows by two, then one
  [4, 512, 8], // one whole block
  [5, 513, 9], // one row of a block more, one row and one column more
  [7, 1025, 17],
  [64, 64, 32],
  [33, 77, 45],
];
for (const size of sizes)
  for (const ta of [false, true])
    for (const tb of [false, true])
      test(`[${size[0]}, ${size[1]}]${ta ? "ᵀ" : ""} × [${size[1]}, ${size[2]}]${tb ? "ᵀ" : ""} is what the sums say`, () => {
        const [m, k, n] = size;
        const [a, b] = [matrix(m, k, ta), matrix(k, n, tb)];
        const out = new Float32Array(m * n);
        newSimd().multiply(a, b, out);
        check(a, b, out, size);
      });

test("weights are laid out once, other matrices each time, and memory grows for what comes later", () => {
  const products = newSimd();
  const weight = matrix(300, 40, false);
  markWeight(weight.data);
  const other: Matrix = { ...weight, rows: 40, columns: 300, transposed: true }; // the same data as the transpose of another matrix
  const fresh = matrix(300, 40, false);
  for (const [m, b, k, n] of [
    [2, weight, 300, 40],
    [3, fresh, 300, 40],
    [2000, weight, 300, 40],
    [2, other, 300, 40],
    [1, weight, 300, 40],
  ] as const) {
    const a = matrix(m, k, false);
    const out = new Float32Array(m * n);
    products.multiply(a, b, out);
    check(a, b, out, [m, k, n]);
  }
  fresh.data.fill(1); // not marked: its new values count
  const ones: Matrix = { data: new Float32Array(300).fill(1), rows: 1, columns: 300, transposed: false };
  const out = new Float32Array(40);
  products.multiply(ones, fresh, out);
  assert.deepEqual(
    [...out],
    Array.from({ length: 40 }, () => 300),
  );
});

test("what is not a number stays where it belongs", () => {
  const out = new Float32Array(4);
  const [a, b] = [matrix(2, 20, false), matrix(20, 2, false)];
  a.data[0] = Number.NaN;
  b.data[39] = Number.POSITIVE_INFINITY;
  a.data[39] = 1;
  newSimd().multiply(a, b, out);
  assert.ok(Number.isNaN(out[0]) && Number.isNaN(out[1]) && Number.isFinite(out[2]));
  assert.equal(out[3], Number.POSITIVE_INFINITY);
});

test("more than four gigabytes are refused", () => {
  const huge = { data: new Float32Array(1), rows: 1, columns: 2 ** 31, transposed: false };
  assert.throws(() => newSimd().multiply(huge, { ...huge, rows: 2 ** 31, columns: 1 }, new Float32Array(1)), { code: 8, message: /needs \d+ bytes/ });
});

test("one form of the code runs wherever there is SIMD, the other where there is relaxed SIMD", () => {
  const runs = (text: string): boolean => WebAssembly.validate(Buffer.from(text, "base64"));
  assert.ok(runs(simd128));
  assert.equal(simdForm(), runs(relaxed) ? "relaxed SIMD" : "SIMD");
  assert.ok((simd128.length + relaxed.length) * 0.75 <= 200_000);
});
