import assert from "node:assert/strict";
import { test } from "node:test";
import { DType, float32ToBfloat16, float32ToHalf, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { difference } from "./agree.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const floats = (...values: readonly number[]): Tensor => newTensor(DType.Float, [values.length], Float32Array.from(values));
const doubles = (...values: readonly number[]): Tensor => newTensor(DType.Double, [values.length], Float64Array.from(values));
const halves = (...values: readonly number[]): Tensor => newTensor(DType.Half, [values.length], float32ToHalf(Float32Array.from(values)));
const bfloats = (...values: readonly number[]): Tensor => newTensor(DType.BFloat16, [values.length], float32ToBfloat16(Float32Array.from(values)));
const bytes = (...values: readonly number[]): Tensor => newTensor(DType.Int8, [values.length], Int8Array.from(values));
const ints = (...values: readonly number[]): Tensor => newTensor(DType.Int32, [values.length], Int32Array.from(values));
const longs = (...values: readonly bigint[]): Tensor => newTensor(DType.Int64, [values.length], BigInt64Array.from(values));
const bools = (...values: readonly number[]): Tensor => newTensor(DType.Bool, [values.length], Uint8Array.from(values));
const complex = (...values: readonly number[]): Tensor => newTensor(DType.Complex64, [values.length / 2], Float32Array.from(values));

const cases: readonly { readonly name: string; readonly want: Tensor; readonly got: Tensor; readonly says?: string }[] = [
  { name: "equal floats agree", want: floats(1, -2, 0), got: floats(1, -2, 0) },
  { name: "a thousandth of the greatest is allowed", want: doubles(0, 1000), got: doubles(1, 1000) },
  { name: "more is not", want: doubles(0, 1000), got: doubles(1.01, 1000), says: "output y:0 differs by 1.01, where 1.00 is allowed" },
  { name: "the greatest may be negative", want: doubles(0, -1000), got: doubles(1, -1000) },
  { name: "where all is zero, all has to be", want: floats(0, 0), got: floats(0, 1e-9), says: "output y:0 differs by 1.00e-9, where 0.00 is allowed" },
  { name: "NaN equals NaN", want: floats(nan, 1), got: floats(nan, 1) },
  { name: "NaN equals nothing else", want: floats(1, 1), got: floats(1, nan), says: "output y:0 is NaN at element 1, not 1" },
  { name: "nothing else equals NaN", want: floats(nan), got: floats(0), says: "output y:0 is 0 at element 0, not NaN" },
  { name: "infinity equals infinity", want: floats(inf, -inf), got: floats(inf, -inf) },
  { name: "but not with another sign", want: floats(inf), got: floats(-inf), says: "output y:0 is -Infinity at element 0, not Infinity" },
  { name: "an infinity allows no more", want: floats(inf, 1), got: floats(inf, 2), says: "output y:0 differs by 1.00, where 0.00100 is allowed" },
  { name: "halves are numbers", want: halves(0, 1000), got: halves(0.5, 1000) },
  { name: "bfloats are numbers", want: bfloats(0, 1024), got: bfloats(0.5, 1024) },
  { name: "complex numbers are two", want: complex(0, 1000), got: complex(2, 1000), says: "output y:0 differs by 2.00, where 1.00 is allowed" },
  { name: "integers are exact", want: ints(1000, 1), got: ints(1000, 2), says: "output y:0 differs at element 1" },
  { name: "also those that no double holds", want: longs(2n ** 53n), got: longs(2n ** 53n + 1n), says: "output y:0 differs at element 0" },
  { name: "bools are exact", want: bools(1, 0), got: bools(1, 1), says: "output y:0 differs at element 1" },
  { name: "equal strings agree", want: fromStrings(["a", "ü"]), got: fromStrings(["a", "ü"]) },
  { name: "strings are exact", want: fromStrings(["a", "b"]), got: fromStrings(["a", "bb"]), says: "output y:0 differs at element 1" },
  { name: "a dtype is the same or not", want: floats(1), got: doubles(1), says: "output y:0 is double, not float" },
  { name: "so is a shape", want: floats(1), got: floats(1, 1), says: "output y:0 has the shape [2], not [1]" },
  { name: "nothing equals nothing", want: floats(), got: floats() },
];
for (const { name, want, got, says } of cases) test(`agreement: ${name}`, () => assert.equal(difference("y:0", want, got), says));

const quantized: readonly { readonly name: string; readonly want: Tensor; readonly got: Tensor; readonly says?: string }[] = [
  { name: "a thousandth of the greatest is allowed", want: ints(0, 1000), got: ints(1, 1000) },
  { name: "more is not", want: ints(0, 1000), got: ints(2, 1000), says: "output y:0 differs by 2.00, where 1.00 is allowed" },
  { name: "of eight bits none may differ", want: bytes(0, 127), got: bytes(1, 127), says: "output y:0 differs by 1.00, where 0.127 is allowed" },
  { name: "64 bits are numbers", want: longs(0n, 1000n), got: longs(1n, 1000n) },
  { name: "bools are exact", want: bools(1, 0), got: bools(1, 1), says: "output y:0 differs at element 1" },
];
for (const { name, want, got, says } of quantized)
  test(`agreement of what is rounded: ${name}`, () => assert.equal(difference("y:0", want, got, { rounded: true }), says));
