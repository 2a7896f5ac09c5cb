import { ascii, type Range } from "./scan.ts";

/** Powers of ten that a double holds exactly. */
const powers = Array.from({ length: 23 }, (_, i) => 10 ** i);

/**
 * double reads a number token, NaN and Infinity included. The common short form is put together from integers, which is exact while the digits
 * fit 2^53 and the power of ten 10^22 (Clinger, "How to read floating point numbers accurately"); anything else goes through Number().
 */
export function double(bytes: Uint8Array, range: Range): number {
  let at = range.start;
  const negative = bytes[at] === 0x2d;
  if (negative) at++;
  let digits = 0;
  let scale = 0;
  let seenDot = false;
  for (; at < range.end; at++) {
    const c = bytes[at]!;
    if (c === 0x2e) {
      seenDot = true;
      continue;
    }
    const d = c - 0x30;
    if (d < 0 || d > 9) return slow(bytes, range);
    digits = digits * 10 + d;
    if (digits > Number.MAX_SAFE_INTEGER) return slow(bytes, range);
    if (seenDot) scale++;
  }
  if (scale > 22) return slow(bytes, range);
  const value = digits / powers[scale]!;
  return negative ? -value : value;
}

function slow(bytes: Uint8Array, range: Range): number {
  const text = ascii(bytes, range.start, range.end);
  if (text.endsWith("NaN")) return Number.NaN;
  if (text.includes("Inf")) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

/** integer reads a token without fraction or exponent; undefined for any other number. -0 is the integer 0. */
export function integer(bytes: Uint8Array, range: Range): bigint | number | undefined {
  const from = bytes[range.start] === 0x2d ? range.start + 1 : range.start;
  let value = 0;
  for (let i = from; i < range.end; i++) {
    const d = bytes[i]! - 0x30;
    if (d < 0 || d > 9) return undefined;
    value = value * 10 + d;
  }
  if (value > Number.MAX_SAFE_INTEGER) return BigInt(ascii(bytes, range.start, range.end));
  return from === range.start ? value : value === 0 ? 0 : -value;
}

/** Past these an integer token counts as a double, as in RapidJSON. */
const maxUInt64 = 2n ** 64n - 1n;
const minInt64 = -(2n ** 63n);

/** isInteger tells whether a number token is of an integer kind: no fraction, no exponent, within 64 bits. */
export function isInteger(value: bigint | number | undefined): value is bigint | number {
  return value !== undefined && (typeof value === "number" || (value <= maxUInt64 && value >= minInt64));
}

/** formatG prints like C's "%.<precision>g". */
function formatG(value: number, precision: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", power = ""] = value.toExponential(precision - 1).split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= precision) {
    const digits = Math.abs(exponent);
    return `${mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa}e${exponent < 0 ? "-" : "+"}${digits < 10 ? "0" : ""}${digits}`;
  }
  const fixed = value.toFixed(precision - 1 - exponent);
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
}

/**
 * printDouble and printFloat write a number as TensorFlow Serving does: six significant digits if they read back as the same value, else as many as
 * always do (17, or 9 for float32); always with a `.` or an exponent. NaN and infinities are bare tokens, which is not valid JSON but its dialect.
 */
export function printDouble(value: number): string {
  return finish(value, 17, Number(value.toPrecision(6)) === value);
}

export function printFloat(value: number): string {
  return finish(value, 9, Math.fround(Number(value.toPrecision(6))) === value);
}

function finish(value: number, precision: number, six: boolean): string {
  if (!Number.isFinite(value)) return String(value);
  // Integers of up to six digits are most of what classifiers print: no need for the general way.
  if (Number.isInteger(value) && value < 1e6 && value > -1e6 && value !== 0) return `${value}.0`;
  const text = formatG(value, six ? 6 : precision);
  return text.includes(".") || text.includes("e") ? text : `${text}.0`;
}
