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

/** Digits that show whether a number lies exactly between two of fewer digits: a float64 that does has none beyond them. */
const tieDigits = 60;

/** roundEven gives a number's digits in scientific notation. toExponential rounds what lies exactly between two to the larger one, C's printf to the even one. */
function roundEven(value: number, precision: number): [digits: string, exponent: number] {
  const [mantissa = "", power = ""] = value.toExponential(precision - 1).split("e");
  const digits = mantissa.replace(".", "");
  const last = digits.charCodeAt(precision - 1) - 0x30;
  if (last % 2 === 1) {
    const more = value.toExponential(precision - 1 + tieDigits).replace(".", "");
    if (/^50*(e|$)/.test(more.slice(precision))) return [`${digits.slice(0, -1)}${last - 1}`, Number(power)];
  }
  return [digits, Number(power)];
}

/** layOut places the point in digits whose first counts 10^exponent, as C's "%.<precision>g" does, and makes sure that there is one, or an exponent. */
function layOut(sign: string, digits: string, exponent: number, precision: number): string {
  const all = digits.replace(/0+$/, "") || "0";
  if (exponent < -4 || exponent >= precision) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${all[0]}${all.length > 1 ? "." : ""}${all.slice(1)}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${all}`;
  return `${sign}${all.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${all.slice(exponent + 1) || "0"}`;
}

/**
 * printDouble and printFloat write a number as TensorFlow Serving does: six significant digits if they read back as the same value, else as many as
 * always do (17, or 9 for float32); always with a `.` or an exponent. NaN and infinities are bare tokens, which is not valid JSON but its dialect.
 */
export function printDouble(value: number): string {
  return printDigits(value, Number(value.toPrecision(6)) === value ? 6 : 17);
}

export function printFloat(value: number): string {
  return printDigits(value, Math.fround(Number(value.toPrecision(6))) === value ? 6 : 9);
}

/** printDigits writes so many significant digits, without zeros at their end. */
export function printDigits(value: number, precision: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  // Integers of up to six digits are most of what classifiers print: no need for the general way.
  if (Number.isInteger(value) && value < 1e6 && value > -1e6) return `${value}.0`;
  const [digits, exponent] = roundEven(Math.abs(value), precision);
  return layOut(value < 0 ? "-" : "", digits, exponent, precision);
}

/** shortestFloat writes a float32 with as few digits as read back as the same value; laid out like printFloat's nine. */
export function shortestFloat(value: number): string {
  return shortestDigits(value, (n) => Math.fround(n) === value);
}

/** shortestDigits writes a number of a type whose values nine digits tell apart; `same` tells whether a number is read back as it. */
export function shortestDigits(value: number, same: (n: number) => boolean): string {
  if (!Number.isFinite(value) || value === 0) return printFloat(value);
  let precision = 1;
  while (precision < 9 && !same(Number(value.toPrecision(precision)))) precision++;
  const [mantissa = "", power = ""] = Math.abs(value)
    .toExponential(precision - 1)
    .split("e");
  return layOut(value < 0 ? "-" : "", mantissa.replace(".", ""), Number(power), 9);
}

/** shortestDouble is what JavaScript prints, and `.0` where that has neither point nor exponent. */
export function shortestDouble(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return /[.eIN]/.test(text) ? text : `${text}.0`;
}
