import { DType } from "@tfs/tensor";

const int32: readonly [number, number] = [-(2 ** 31), 2 ** 31 - 1];

/** narrowRanges are those of integers that have less than a byte, both ends included. */
export const narrowRanges: ReadonlyMap<DType, readonly [least: number, most: number]> = new Map([
  [DType.Int4, [-8, 7]],
  [DType.UInt4, [0, 15]],
  [DType.Int2, [-2, 1]],
  [DType.UInt2, [0, 3]],
]);

/**
 * integerRanges has what JSON may give an integer of at most 32 bits, by dtype, both ends included. Those of TensorFlow Serving that are narrower than 32 bits are held to
 * int32 and truncated when stored; those that it refuses, and we do not, are held to what they can store.
 */
export const integerRanges: ReadonlyMap<DType, readonly [least: number, most: number]> = new Map([
  [DType.Int32, int32],
  [DType.Int16, int32],
  [DType.Int8, int32],
  [DType.UInt8, int32],
  [DType.UInt32, [0, 2 ** 32 - 1]],
  [DType.UInt16, [0, 2 ** 16 - 1]],
  [DType.QInt32, int32],
  [DType.QInt16, [-(2 ** 15), 2 ** 15 - 1]],
  [DType.QUInt16, [0, 2 ** 16 - 1]],
  [DType.QInt8, [-128, 127]],
  [DType.QUInt8, [0, 255]],
  ...narrowRanges,
]);
