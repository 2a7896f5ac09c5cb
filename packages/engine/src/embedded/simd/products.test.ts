import assert from "node:assert/strict";
import { test } from "node:test";
import { markWeight } from "../weight.ts";
import { relaxed, simd128 } from "./code.ts";
import { type Matrix, newSimd, type Numbers, simdForm } from "./index.ts";

let seed = 1;
type Kind = typeof Float32Array | typeof Float64Array;
function random(n: number, to: Kind = Float32Array): Numbers {
  const values = Float64Array.from({ length: n }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed / 2 ** 31;
  });
  return new to(values);
}

function matrix(rows: number, columns: number, transposed: boolean, to: Kind = Float32Array): Matrix {
  const data = random(rows * columns, to);
  return transposed ? { data, rows: columns, columns: rows, transposed } : { data, rows, columns, transposed };
}

const at = ({ data, columns, transposed }: Matrix, i: number, j: number): number => (transposed ? data[j * columns + i]! : data[i * columns + j]!);

/** check holds a product to sums in double precision; the error of k additions of numbers below one is below k × 2^-24 by far, and that of doubles k × 2^-53. */
function check(a: Matrix, b: Matrix, got: Numbers, [m, k, n]: readonly [number, number, number]): void {
  const unit = got instanceof Float64Array ? 4e-15 : 1e-6;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let want = 0;
      for (let p = 0; p < k; p++) want += at(a, i, p) * at(b, p, j);
      const off = Math.abs(got[i * n + j]! - want);
      assert.ok(off <= unit * Math.sqrt(k) + unit * Math.abs(want), `[${i}, ${j}] is ${got[i * n + j]}, not ${want}`);
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
  [135, 600, 10], // rows past those that are gone through at a time
];
for (const to of [Float32Array, Float64Array])
  for (const size of sizes)
    for (const ta of [false, true])
      for (const tb of [false, true])
        test(`${to.name}: [${size[0]}, ${size[1]}]${ta ? "ᵀ" : ""} × [${size[1]}, ${size[2]}]${tb ? "ᵀ" : ""} is what the sums say`, () => {
          const [m, k, n] = size;
          const [a, b] = [matrix(m, k, ta, to), matrix(k, n, tb, to)];
          const out = new to(m * n);
          newSimd().multiply(a, b, out);
          check(a, b, out, size);
        });

test("doubles that are many are copied in pieces", () => {
  const [m, k, n] = [150, 1, 20_000]; // more than a piece, of one row and another
  for (const ta of [false, true]) {
    const [a, b] = [matrix(m, k, ta, Float64Array), matrix(k, n, false, Float64Array)];
    const out = new Float64Array(m * n);
    newSimd().multiply(a, b, out);
    check(a, b, out, [m, k, n]);
  }
});

test("doubles of weights are laid out once, whatever is written to them later", () => {
  const products = newSimd();
  const [weight, other] = [matrix(30, 40, false, Float64Array), matrix(30, 40, false, Float64Array)];
  markWeight(weight.data);
  const a = matrix(2, 30, false, Float64Array);
  const [first, second] = [new Float64Array(80), new Float64Array(80)];
  products.multiply(a, weight, first);
  products.multiply(matrix(9, 30, false, Float64Array), other, new Float64Array(360));
  weight.data.fill(0); // nobody does: it tells what is read
  products.multiply(a, weight, second);
  assert.deepEqual(second, first);
});

for (const to of [Float32Array, Float64Array])
  test(`${to.name}: stacks of matrices whose rows lie apart`, () => {
    const [m, k, n] = [5, 7, 9];
    for (const ta of [false, true])
      for (const tb of [false, true]) {
        // Two of each, side by side in rows of 30.
        const [a, b] = [random(30 * 10, to), random(30 * 10, to)];
        const out = new to(2 * m * n);
        const [x, y] = [
          { data: a, rows: ta ? k : m, columns: ta ? m : k, transposed: ta, wide: 30, at: [0, 11] },
          { data: b, rows: tb ? n : k, columns: tb ? k : n, transposed: tb, wide: 30, at: [3, 15] },
        ];
        newSimd().multiplyEach(x, y, { data: out, wide: n, at: [0, m * n] });
        for (const which of [0, 1]) {
          const dense = (s: typeof x): Matrix => ({
            ...s,
            data: new to(s.data).map((_, i) => s.data[s.at[which]! + Math.floor(i / s.columns) * s.wide + (i % s.columns)]!),
          });
          check(dense(x), dense(y), out.subarray(which * m * n, (which + 1) * m * n), [m, k, n]);
        }
      }
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
