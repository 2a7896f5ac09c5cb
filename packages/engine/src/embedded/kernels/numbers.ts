// Arithmetic on whatever numbers a tensor has: JavaScript's operators do the same for numbers and for integers of 64 bits, as long as both sides are alike.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, type NumericData, type Tensor } from "@tfs/tensor";
import { room, widen } from "./math.ts";

/** Numbers are the elements of a tensor. Of 64-bit integers they are really bigints, and all that is done to them has to leave them so. */
export type Numbers = { [i: number]: number; readonly length: number; fill(value: number): unknown };

/** numbersOf gives a tensor's elements, 16-bit floats widened. Throws Unimplemented for strings, booleans and complex numbers. */
export function numbersOf(t: Tensor, op: string): Numbers {
  if (t.dtype === DType.String || t.dtype === DType.Bool || t.dtype === DType.Complex64 || t.dtype === DType.Complex128)
    throw newError(Code.Unimplemented, `${op} is not supported for ${dtypeName(t.dtype)}`);
  return widen(t) as unknown as Numbers;
}

/** roomFor makes room for elements of a result. */
export function roomFor(dtype: DType, shape: readonly number[]): Numbers & NumericData {
  return room(dtype, shape) as Numbers & NumericData;
}

export const isLong = (dtype: DType): boolean => dtype === DType.Int64 || dtype === DType.UInt64;

/** numberOf makes a number of a dtype's kind. */
export function numberOf(dtype: DType, value: number): number {
  return isLong(dtype) ? (BigInt(value) as unknown as number) : value;
}

const least: { readonly [dtype: number]: number } = {
  [DType.Int32]: -(2 ** 31),
  [DType.Int16]: -(2 ** 15),
  [DType.Int8]: -128,
  [DType.Half]: -65504,
  [DType.Double]: -Number.MAX_VALUE,
};
const most: { readonly [dtype: number]: number } = {
  [DType.Int32]: 2 ** 31 - 1,
  [DType.UInt32]: 2 ** 32 - 1,
  [DType.Int16]: 2 ** 15 - 1,
  [DType.UInt16]: 65535,
  [DType.Int8]: 127,
  [DType.UInt8]: 255,
  [DType.Half]: 65504,
  [DType.Double]: Number.MAX_VALUE,
};
const floatMost = 3.4028234663852886e38;
const bfloatMost = 3.3895313892515355e38;

/** lowest is the smallest finite number of a dtype. */
export function lowest(dtype: DType): number {
  if (dtype === DType.Int64) return -(2n ** 63n) as unknown as number;
  if (dtype === DType.UInt64) return 0n as unknown as number;
  if (dtype === DType.Float) return -floatMost;
  if (dtype === DType.BFloat16) return -bfloatMost;
  return least[dtype] ?? 0;
}

/** highest is the largest finite number of a dtype. */
export function highest(dtype: DType): number {
  if (dtype === DType.Int64) return (2n ** 63n - 1n) as unknown as number;
  if (dtype === DType.UInt64) return (2n ** 64n - 1n) as unknown as number;
  if (dtype === DType.Float) return floatMost;
  if (dtype === DType.BFloat16) return bfloatMost;
  return most[dtype] ?? 0;
}
