// Floats narrower than float32 in JSON, which TensorFlow Serving refuses: numbers like any others, rounded to what the dtype has.
import {
  bfloat16ToFloat32,
  DType,
  elementSize,
  type Float8,
  float8ToFloat32,
  float32ToBfloat16,
  float32ToFloat8,
  float32ToHalf,
  halfToFloat32,
  type NumericData,
} from "@tfs/tensor";
import { printDigits, shortestDigits } from "./number.ts";

/** SmallFloat is a dtype whose values are all values of float32 too. */
export type SmallFloat = typeof DType.Half | typeof DType.BFloat16 | Float8;

/** smallFloats are the dtypes that are read and printed here. */
export const smallFloats: readonly SmallFloat[] = [
  DType.Half,
  DType.BFloat16,
  DType.Float8E5M2,
  DType.Float8E4M3FN,
  DType.Float8E4M3FNUZ,
  DType.Float8E4M3B11FNUZ,
  DType.Float8E5M2FNUZ,
];
const known: ReadonlySet<DType> = new Set(smallFloats);

export function isSmallFloat(dtype: DType): dtype is SmallFloat {
  return known.has(dtype);
}

/** narrowed rounds to the dtype, ties to even. Numbers come here as float32, as a double is cast to such a type in TensorFlow (Eigen): by way of float. */
export function narrowed(dtype: SmallFloat, values: Float32Array): NumericData {
  switch (dtype) {
    case DType.Half:
      return float32ToHalf(values);
    case DType.BFloat16:
      return float32ToBfloat16(values);
    default:
      return float32ToFloat8(dtype, values);
  }
}

function widened(dtype: SmallFloat, bits: NumericData): Float32Array {
  switch (dtype) {
    case DType.Half:
      return halfToFloat32(bits as Uint16Array);
    case DType.BFloat16:
      return bfloat16ToFloat32(bits as Uint16Array);
    default:
      return float8ToFloat32(dtype, bits as Uint8Array);
  }
}

/** What was printed before, by dtype and bits: at most 65,536 texts for each dtype and form. */
const texts = new Map<string, (string | undefined)[]>();

/**
 * smallFloatPrinter gives what writes elements by their bits. Six significant digits, the first that TensorFlow Serving tries for float32, tell all values of these types
 * apart; `shortest` takes as few as do.
 */
export function smallFloatPrinter(dtype: SmallFloat, shortest: boolean): (bits: number) => string {
  const key = `${dtype} ${shortest}`;
  let made = texts.get(key);
  if (made === undefined) {
    made = [];
    texts.set(key, made);
  }
  const table = made;
  return (bits) => (table[bits] ??= text(dtype, bits, shortest));
}

function text(dtype: SmallFloat, bits: number, shortest: boolean): string {
  const raw = elementSize(dtype) === 2 ? Uint16Array.of(bits) : Uint8Array.of(bits);
  const value = widened(dtype, raw)[0]!;
  if (!shortest) return printDigits(value, 6);
  return shortestDigits(value, (n) => narrowed(dtype, Float32Array.of(n))[0] === bits);
}
