import assert from "node:assert/strict";
import { test } from "node:test";
import { markWeight } from "../weight.ts";
import { bytesOf, Common, digestOf, laidBytes, newCommon } from "./common.ts";
import { newSimd } from "./simd.ts";

/** matrix is one of small whole numbers, whose products are exact. */
function matrix(rows: number, columns: number, seed: number) {
  return { data: Float32Array.from({ length: rows * columns }, (_, i) => ((i * 7 + seed) % 11) - 5), rows, columns, transposed: false };
}

test("common: who computes in one memory finds the weights that others have laid out, and has his own room for the rest", () => {
  const common = newCommon();
  const weights = [1, 2].map((seed) => matrix(40, 30, seed));
  const alone = newSimd();
  const wanted = weights.map((b) => {
    const out = new Float32Array(20 * 30);
    alone.multiply(matrix(20, 40, 3), b, out);
    return out;
  });
  let laid = 0;
  for (let who = 0; who < 3; who++) {
    const simd = newSimd(common);
    for (const [i, b] of weights.entries()) {
      const data = Float32Array.from(b.data); // each has it as an array of his own
      markWeight(data);
      const out = new Float32Array(20 * 30);
      simd.multiply(matrix(20, 40, 3), { ...b, data }, out);
      assert.deepEqual(out, wanted[i]);
    }
    if (who === 0) laid = laidBytes(common);
    assert.ok(laid > 2 * 40 * 30 * 4);
    assert.equal(laidBytes(common), laid);
  }
});

test("common: the memory grows for all who compute in it", () => {
  const common = newCommon();
  const [one, other] = [newSimd(common), newSimd(common)];
  const small = new Float32Array(4);
  other.multiply(matrix(2, 2, 1), matrix(2, 2, 2), small);
  const before = bytesOf(common);
  const large = new Float32Array(700 * 700);
  one.multiply(matrix(700, 2, 1), matrix(2, 700, 2), large);
  assert.ok(bytesOf(common) > before);
  const again = new Float32Array(700 * 700);
  other.multiply(matrix(700, 2, 1), matrix(2, 700, 2), again);
  assert.deepEqual(again, large);
});

test("common: a weight is found by what it is and how it lies, and not before it has been laid out", () => {
  const common = new Common(newCommon());
  const data = Float32Array.of(1, 2, 3);
  const digest = digestOf(data, "form");
  assert.equal(common.found(digest), undefined);
  common.laid(digest, 4096, 12);
  assert.equal(common.found(digestOf(Float32Array.of(1, 2, 3), "form")), 4096);
  assert.equal(common.found(digestOf(data, "other")), undefined);
  assert.equal(common.found(digestOf(Float32Array.of(1, 2, 4), "form")), undefined);
});

test("common: what the table has no place for is laid out by each", () => {
  const common = new Common(newCommon());
  const digest = (i: number): Int32Array => Int32Array.of(1, i, 0);
  for (let i = 0; i < 40; i++) common.laid(digest(i), 16 * (i + 1), 16);
  const found = Array.from({ length: 40 }, (_, i) => common.found(digest(i)));
  assert.deepEqual(
    found,
    Array.from({ length: 40 }, (_, i) => (i < 32 ? 16 * (i + 1) : undefined)),
  );
});
