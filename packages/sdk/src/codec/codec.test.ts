import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { DType, float32ToHalf, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { isTyped, type TensorInput, toTensor } from "./input.ts";
import { toOutput } from "./output.ts";

const f32 = (shape: number[], ...v: number[]): Tensor => newTensor(DType.Float, shape, Float32Array.from(v));

const inputs: { name: string; value: TensorInput; want?: DType; tensor: Tensor }[] = [
  { name: "a number", value: 1.5, tensor: f32([], 1.5) },
  {
    name: "nested numbers",
    value: [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    tensor: f32([3, 2], 1, 2, 3, 4, 5, 6),
  },
  { name: "numbers by the signature's dtype", value: [1, 2], want: DType.Int64, tensor: newTensor(DType.Int64, [2], BigInt64Array.of(1n, 2n)) },
  { name: "bigints", value: [2n ** 63n - 1n], tensor: newTensor(DType.Int64, [1], BigInt64Array.of(2n ** 63n - 1n)) },
  { name: "numbers and bigints mixed for int64", value: [1, 2n], want: DType.Int64, tensor: newTensor(DType.Int64, [2], BigInt64Array.of(1n, 2n)) },
  { name: "numbers for half", value: [0.5], want: DType.Half, tensor: newTensor(DType.Half, [1], Uint16Array.of(0x3800)) },
  { name: "a float array for half is converted", value: Float32Array.of(0.5), want: DType.Half, tensor: newTensor(DType.Half, [1], Uint16Array.of(0x3800)) },
  { name: "numbers for bfloat16", value: [1], want: DType.BFloat16, tensor: newTensor(DType.BFloat16, [1], Uint16Array.of(0x3f80)) },
  { name: "booleans", value: [true, false], tensor: newTensor(DType.Bool, [2], Uint8Array.of(1, 0)) },
  { name: "a string", value: "héllo", tensor: fromStrings(["héllo"], []) },
  { name: "strings", value: ["a", "b"], tensor: fromStrings(["a", "b"]) },
  {
    name: "bytes are a string where the signature wants one",
    value: Uint8Array.of(0xff),
    want: DType.String,
    tensor: newTensor(DType.String, [], [Uint8Array.of(0xff)]),
  },
  { name: "bytes are uint8 otherwise", value: Uint8Array.of(0xff), tensor: newTensor(DType.UInt8, [1], Uint8Array.of(0xff)) },
  { name: "a buffer is bytes", value: Buffer.from([1, 2]), tensor: newTensor(DType.UInt8, [2], Uint8Array.of(1, 2)) },
  { name: "bytes among strings", value: ["a", Uint8Array.of(0xff)], tensor: newTensor(DType.String, [2], [Uint8Array.of(97), Uint8Array.of(0xff)]) },
  { name: "a typed array is a vector", value: Float32Array.of(1, 2), tensor: f32([2], 1, 2) },
  { name: "data with a shape", value: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] }, tensor: f32([2, 2], 1, 2, 3, 4) },
  {
    name: "plain data with shape and dtype",
    value: { data: [1, 2], shape: [2, 1], dtype: "int32" },
    tensor: newTensor(DType.Int32, [2, 1], Int32Array.of(1, 2)),
  },
  {
    name: "raw half bits with a dtype",
    value: { data: Uint16Array.of(0x3c00), shape: [1], dtype: "float16" },
    tensor: newTensor(DType.Half, [1], Uint16Array.of(0x3c00)),
  },
  { name: "a tensor as it is", value: f32([1], 3), tensor: f32([1], 3) },
  { name: "an empty list of a known dtype", value: [], want: DType.Float, tensor: f32([0]) },
  { name: "a list of empty lists", value: [[], []], want: DType.Float, tensor: f32([2, 0]) },
];
for (const tc of inputs) test(`input: ${tc.name}`, () => assert.deepEqual(toTensor("x", tc.value, tc.want), tc.tensor));

const bad: { name: string; value: TensorInput; want?: DType; text: string }[] = [
  { name: "a short row", value: [[1, 2], [3]], text: "inputs.image[1]: expected 2 elements, got 1" },
  {
    name: "a deep short row",
    value: [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8, 9],
      ],
    ],
    text: "inputs.image[1][1]: expected 2 elements, got 3",
  },
  { name: "a number among lists", value: [[1], 2], text: "inputs.image[1]: expected a list of 1 elements, got the number 2" },
  { name: "a list among numbers", value: [1, [2]], text: "inputs.image[1]: expected a single value, got a list" },
  { name: "a string among numbers", value: [1, "2"], text: "inputs.image[1]: expected float, got the string 2" },
  { name: "a fraction for an integer", value: [[1, 2.5]], want: DType.Int32, text: "inputs.image[0][1]: 2.5 is no int32" },
  { name: "a number past the type", value: [300], want: DType.UInt8, text: "inputs.image[0]: 300 is no uint8" },
  { name: "a fraction for int64", value: [0.5], want: DType.Int64, text: "inputs.image[0]: expected int64, got the number 0.5" },
  { name: "a number for a bool", value: [1], want: DType.Bool, text: "inputs.image[0]: expected bool, got the number 1" },
  {
    name: "a typed array of another type",
    value: Int32Array.of(1),
    want: DType.Float,
    text: "inputs.image: a float tensor takes Float32Array, not Int32Array",
  },
  { name: "a shape that does not fit", value: { data: Float32Array.of(1), shape: [2] }, text: "inputs.image: shape [2] of float takes 2 values, not 1" },
  { name: "a dtype that is not there", value: { data: [1], shape: [1], dtype: "float99" }, text: "inputs.image: there is no dtype float99" },
  {
    name: "a dtype that the signature does not have",
    value: { data: [1], shape: [1], dtype: "int32" },
    want: DType.Float,
    text: "inputs.image: expected float, got int32",
  },
  { name: "an empty list without a dtype", value: [], text: "inputs.image: an empty list says no dtype: give { data, shape, dtype }" },
];
for (const tc of bad)
  test(`refused: ${tc.name}`, () => assert.throws(() => toTensor("inputs.image", tc.value, tc.want), { code: Code.InvalidArgument, message: tc.text }));

test("values that say their dtype need no signature", () => {
  assert.deepEqual(
    [Float32Array.of(1), { data: Float32Array.of(1), shape: [1] }, { data: [1], shape: [1], dtype: "int32" }, [1], 1, "a", Uint8Array.of(1)].map(isTyped),
    [true, true, true, false, false, false, false],
  );
});

const outputs: { name: string; tensor: Tensor; dtype: string; want: unknown }[] = [
  { name: "a scalar is bare", tensor: f32([], 1), dtype: "float32", want: 1 },
  {
    name: "nested lists",
    tensor: f32([2, 2], 1, 2, 3, 4),
    dtype: "float32",
    want: [
      [1, 2],
      [3, 4],
    ],
  },
  { name: "no rows", tensor: f32([0, 2]), dtype: "float32", want: [] },
  { name: "half is widened", tensor: newTensor(DType.Half, [1], float32ToHalf(Float32Array.of(0.5))), dtype: "float16", want: [0.5] },
  { name: "int64 stays exact", tensor: newTensor(DType.Int64, [1], BigInt64Array.of(2n ** 60n)), dtype: "int64", want: [2n ** 60n] },
  { name: "bools are booleans", tensor: newTensor(DType.Bool, [2], Uint8Array.of(1, 0)), dtype: "bool", want: [true, false] },
  { name: "strings are read as UTF-8", tensor: fromStrings(["é"]), dtype: "string", want: ["é"] },
  { name: "complex numbers are pairs", tensor: newTensor(DType.Complex64, [1], Float32Array.of(1, 2)), dtype: "complex64", want: [[1, 2]] },
];
for (const tc of outputs) {
  test(`output: ${tc.name}`, () => {
    const out = toOutput(tc.tensor);
    assert.equal(out.dtype, tc.dtype);
    assert.deepEqual(out.toArray(), tc.want);
    const detached = out.detach();
    assert.deepEqual(detached.data, out.data);
    if (out.data.length > 0 && ArrayBuffer.isView(out.data)) assert.notEqual((detached.data as Float32Array).buffer, (out.data as Float32Array).buffer);
  });
}
