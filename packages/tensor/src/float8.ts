// Data plane: the five 8-bit floats (names and layouts: ml_dtypes, which TensorFlow uses). A table of 256 values widens; a search in it narrows.
import { DType } from "./dtype.ts";

/** Minifloat describes a format of at most 8 bits. */
interface Minifloat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** "ieee" has infinities; "fn" has none and one NaN per sign at the top; "fnuz" has none, no negative zero, and its one NaN at 0x80. */
  readonly special: "ieee" | "fn" | "fnuz";
}

export type Float8 =
  | typeof DType.Float8E5M2
  | typeof DType.Float8E4M3FN
  | typeof DType.Float8E4M3FNUZ
  | typeof DType.Float8E4M3B11FNUZ
  | typeof DType.Float8E5M2FNUZ;

const formats: Readonly<Record<Float8, Minifloat>> = {
  [DType.Float8E5M2]: { exponentBits: 5, mantissaBits: 2, bias: 15, special: "ieee" },
  [DType.Float8E4M3FN]: { exponentBits: 4, mantissaBits: 3, bias: 7, special: "fn" },
  [DType.Float8E4M3FNUZ]: { exponentBits: 4, mantissaBits: 3, bias: 8, special: "fnuz" },
  [DType.Float8E4M3B11FNUZ]: { exponentBits: 4, mantissaBits: 3, bias: 11, special: "fnuz" },
  [DType.Float8E5M2FNUZ]: { exponentBits: 5, mantissaBits: 2, bias: 16, special: "fnuz" },
};

const tables = new Map<Float8, Float32Array>();

/** float8ToFloat32 widens the bits of an 8-bit float; exact. */
export function float8ToFloat32(dtype: Float8, bits: Uint8Array): Float32Array {
  const table = tableOf(dtype);
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

/** float32ToFloat8 narrows, ties to even. Past the largest value: infinity where the format has one, else NaN. A NaN keeps its sign where there are two. */
export function float32ToFloat8(dtype: Float8, values: Float32Array): Uint8Array {
  const format = formats[dtype];
  const table = tableOf(dtype);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const nan = format.special === "ieee" ? 0x7e : format.special === "fn" ? 0x7f : 0x80;
  const tooLarge = format.special === "ieee" ? 0x7c : nan;
  const top = topCode(format);
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    const sign = (words[i]! >>> 31) << 7; // NaN has one too, and only its bits show it
    let code = Number.isNaN(v) ? nan : nearest(table, top, Math.abs(v));
    if (code === top + 1 && !Number.isNaN(v)) code = tooLarge;
    out[i] = code === 0 && format.special === "fnuz" ? 0 : sign | code;
  }
  return out;
}

/** topCode is the code of the largest finite value. */
function topCode(format: Minifloat): number {
  if (format.special === "ieee") return 0x7b;
  return format.special === "fn" ? 0x7e : 0x7f;
}

/** nearest finds the code of the closest non-negative value, ties to the even code; top + 1 if it rounds past the top. */
function nearest(table: Float32Array, top: number, magnitude: number): number {
  let low = 0;
  let high = top;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (table[middle]! <= magnitude) low = middle;
    else high = middle - 1;
  }
  const below = table[low]!;
  const above = low < top ? table[low + 1]! : below + (below - table[low - 1]!);
  const half = below + (above - below) / 2;
  if (magnitude < half || (magnitude === half && low % 2 === 0)) return low;
  return low + 1;
}

function tableOf(dtype: Float8): Float32Array {
  let table = tables.get(dtype);
  if (table === undefined) {
    const format = formats[dtype];
    table = Float32Array.from({ length: 256 }, (_, code) => decoded(format, code));
    tables.set(dtype, table);
  }
  return table;
}

function decoded(format: Minifloat, code: number): number {
  const { exponentBits, mantissaBits, bias, special } = format;
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code & 0x7f) >> mantissaBits;
  const mantissa = code & ((1 << mantissaBits) - 1);
  const maxExponent = (1 << exponentBits) - 1;
  if (special === "fnuz" && code === 0x80) return Number.NaN;
  if (special === "fn" && (code & 0x7f) === 0x7f) return Number.NaN;
  if (special === "ieee" && exponent === maxExponent) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (1 + mantissa / (1 << mantissaBits)) * 2 ** (exponent - bias);
}
