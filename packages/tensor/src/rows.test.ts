import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, DType, fromStrings, newTensor, pad, reshape, rowCount, slice, strings } from "./index.ts";

const float = (shape: number[], ...values: number[]) => newTensor(DType.Float, shape, Float32Array.from(values));

test("slice views rows", () => {
  const t = float([3, 2], 1, 2, 3, 4, 5, 6);
  const got = slice(t, 1, 3);
  assert.deepEqual(got, float([2, 2], 3, 4, 5, 6));
  assert.equal((got.data as Float32Array).buffer, (t.data as Float32Array).buffer);
});
test("slice of no rows is empty", () => assert.deepEqual(slice(float([3, 2], 1, 2, 3, 4, 5, 6), 3, 3), float([0, 2])));
test("slice refuses rows that are not there", () => assert.throws(() => slice(float([2], 1, 2), 1, 3), /rows 1 to 3 of a tensor with 2/));
test("slice refuses rows that are no numbers", () => assert.throws(() => slice(float([2], 1, 2), Number.NaN, 1), /rows NaN to 1/));
test("slice and concat work on complex pairs", () => {
  const t = newTensor(DType.Complex64, [2], Float32Array.of(1, 2, 3, 4));
  assert.deepEqual(slice(t, 1, 2).data, Float32Array.of(3, 4));
  assert.deepEqual(concat([slice(t, 1, 2), slice(t, 0, 1)]).data, Float32Array.of(3, 4, 1, 2));
});
test("a scalar has no rows", () => assert.throws(() => rowCount(float([], 1)), /dimension 0/));
test("concat of strings", () => assert.deepEqual(strings(concat([fromStrings(["a"]), fromStrings(["b", "c"])])), ["a", "b", "c"]));
test("concat copies: the parts may be somebody's request", () => {
  const part = float([1], 1);
  const joined = concat([part]);
  assert.notEqual((joined.data as Float32Array).buffer, (part.data as Float32Array).buffer);
});
test("concat refuses different dtypes, scalars and nothing", () => {
  assert.throws(() => concat([float([1], 1), newTensor(DType.Int32, [1], Int32Array.of(1))]), /concat of float and int32/);
  assert.throws(() => concat([float([], 1), float([], 2)]), /dimension 0/);
  assert.throws(() => concat([]), /concat of no tensors/);
});
test("concat refuses different inner shapes", () =>
  assert.throws(() => concat([float([1, 2], 1, 2), float([1, 1], 1)]), /concat of shapes \[1,2\] and \[1,1\]/));
test("pad continues with the tensor's own first element", () => {
  // The row of TensorFlow Serving's own test: 1 2 3 4 in [1,2,2] padded to [1,3,3].
  assert.deepEqual(pad(float([1, 2, 2], 1, 2, 3, 4), [1, 3, 3]), float([1, 3, 3], 1, 2, 1, 3, 4, 1, 1, 1, 1));
});
test("pad keeps rows apart", () => assert.deepEqual(pad(float([2, 1], 5, 6), [2, 2]), float([2, 2], 5, 5, 6, 5)));
test("pad of complex pairs and of a rank of six", () => {
  const t = newTensor(DType.Complex64, [1, 2], Float32Array.of(1, 2, 3, 4));
  assert.deepEqual(pad(t, [1, 3]).data, Float32Array.of(1, 2, 3, 4, 1, 2));
  assert.deepEqual(pad(float([1, 1, 1, 1, 1, 1], 7), [9, 1, 1, 1, 2, 1]), float([1, 1, 1, 1, 2, 1], 7, 7));
  assert.throws(() => pad(float([1, 1, 1, 1, 1, 1, 1], 7), [1, 1, 1, 1, 1, 1, 2]), /rank from 1 to 6/);
});
test("pad of 64-bit integers", () => {
  assert.deepEqual(pad(newTensor(DType.Int64, [1, 1], BigInt64Array.of(-5n)), [1, 2]).data, BigInt64Array.of(-5n, -5n));
});
test("a tensor that needs no padding is itself, even empty", () => {
  const t = float([2, 0]);
  assert.equal(pad(t, [7, 0]), t);
});
test("pad of strings", () => assert.deepEqual(strings(pad(fromStrings(["a", "b"], [1, 2]), [1, 3])), ["a", "b", "a"]));
test("pad refuses a scalar", () => assert.throws(() => pad(float([], 1), []), /rank from 1 to 6/));
test("pad refuses to shrink", () => assert.throws(() => pad(float([1, 2], 1, 2), [1, 1]), /cannot pad/));
test("pad refuses an empty tensor", () => assert.throws(() => pad(float([1, 0]), [1, 1]), /Got empty tensor/));
test("reshape keeps the data", () => assert.deepEqual(reshape(float([2, 2], 1, 2, 3, 4), [4]), float([4], 1, 2, 3, 4)));
test("reshape refuses another count", () => assert.throws(() => reshape(float([2], 1, 2), [3]), /cannot reshape \[2\] \(2 values\) to \[3\] \(3\)/));
