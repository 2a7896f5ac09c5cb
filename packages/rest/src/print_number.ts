// Data plane: numbers -> decimal text, straight into bytes.
import { printFloat, shortestFloat } from "./number.ts";

/** A float32 takes at most this many bytes: -1.23456789e-38. */
export const floatWidth = 15;
/** An int32 or uint32 takes at most this many: -2147483648. */
export const intWidth = 11;

/** Three digits for every number below 1000. */
const triples = Uint8Array.from({ length: 3000 }, (_, i) => 0x30 + (Math.floor(i / 3 / 10 ** (2 - (i % 3))) % 10));

/** Powers of ten from 10^-30 on: exact from 10^0 to 10^22, else the nearest double. */
const lowestPower = -30;
const powers = Float64Array.from({ length: 85 }, (_, i) => Number(`1e${i + lowestPower}`));
const exactPower = 22;

/** By a float32's biased exponent: the power of ten that makes it a number from 10^8 to 2 * 10^9. */
const lifts = Int8Array.from({ length: 256 }, (_, e) => 8 - Math.floor((e - 127) * Math.log10(2)));

const int = (n: number): number => n | 0;

/**
 * putFloat writes a float32 as TensorFlow Serving does (printFloat has the rule), or as short as it can be read back, and gives the offset after it. `word` is
 * the number's bits; floatWidth bytes must be free.
 *
 * The number times a power of ten is an integer of nine digits and a rest, off by 2.3e-7 at most. The integer rounded to fewer digits is looked at where it
 * is within half a unit of float32's last place (2^-24, so 60 of 10^9), and taken if it reads back as the same number. Where the rest is too close to
 * one half to tell, where a power is not exact, and below the normal numbers, text is made the long way.
 */
export function putFloat(bytes: Uint8Array, from: number, value: number, word: number, shortest: boolean): number {
  const biased = (word >>> 23) & 0xff;
  let at = from;
  if (biased === 0 || biased === 0xff) return putText(bytes, at, shortest ? shortestFloat(value) : printFloat(value));
  if (word < 0 || word > 0x7fffffff) bytes[at++] = 0x2d;
  const x = Math.abs(value);
  let lift = lifts[biased]!;
  let scaled = x * powers[lift - lowestPower]!;
  if (scaled >= 999_999_999.5) {
    lift = int(lift - 1);
    scaled = x * powers[lift - lowestPower]!;
  }
  const nine = int(scaled + 0.5);
  const rest = nine - scaled;
  if (rest > 0.499999 || rest < -0.499999) return putText(bytes, from, shortest ? shortestFloat(value) : printFloat(value));
  const exponent = int(8 - lift);
  const six = int((nine + 500) / 1000);
  const off = int(Math.imul(six, 1000) - nine);
  if (off < 62 && off > -62) {
    const power = int(lift - 3);
    if (power > exactPower || power < -exactPower) return putText(bytes, from, shortest ? shortestFloat(value) : printFloat(value));
    if (Math.fround(power >= 0 ? six / powers[power - lowestPower]! : six * powers[-power - lowestPower]!) === x) {
      if (six === 1_000_000) return layOut(bytes, at, 100_000_000, int(exponent + 1), shortest ? 9 : 6);
      return layOut(bytes, at, Math.imul(six, 1000), exponent, shortest ? 9 : 6);
    }
  }
  if (shortest) {
    if (lift > exactPower || lift < 2 - exactPower) return putText(bytes, from, shortestFloat(value));
    const seven = int(scaled / 100 + 0.5);
    if (readsBack(seven, int(lift - 2), x)) return layOut(bytes, at, Math.imul(seven, 100), exponent, 9);
    const eight = int(scaled / 10 + 0.5);
    if (readsBack(eight, int(lift - 1), x)) return layOut(bytes, at, Math.imul(eight, 10), exponent, 9);
  }
  return layOut(bytes, at, nine, exponent, 9);
}

function readsBack(digits: number, power: number, x: number): boolean {
  return Math.fround(power >= 0 ? digits / powers[power - lowestPower]! : digits * powers[-power - lowestPower]!) === x;
}

/** layOut writes nine digits, the first of which counts 10^exponent, like C's "%.<precision>g": without trailing zeros, but with `.0` where no point and no exponent stand. */
function layOut(bytes: Uint8Array, from: number, nine: number, exponent: number, precision: number): number {
  const high = int(nine / 1_000_000);
  const lower = int(nine - Math.imul(high, 1_000_000));
  const middle = int(lower / 1000);
  const low = int(lower - Math.imul(middle, 1000));
  const below = exponent < 0 && exponent >= -4;
  // The digits leave room in front for the point, or for 0. and zeros.
  let at = below ? int(from + 1 - exponent) : int(from + 1);
  triple(bytes, at, high);
  triple(bytes, int(at + 3), middle);
  triple(bytes, int(at + 6), low);
  let end = int(at + 9);
  if (below) {
    bytes[from] = 0x30;
    bytes[from + 1] = 0x2e;
    for (let i = from + 2; i < at; i++) bytes[i] = 0x30;
    while (bytes[end - 1] === 0x30) end = int(end - 1);
    return end;
  }
  const whole = exponent < 0 || exponent >= precision ? 1 : int(exponent + 1);
  for (let i = 0; i < whole; i++, at++) bytes[at - 1] = bytes[at]!;
  bytes[at - 1] = 0x2e;
  while (end > at && bytes[end - 1] === 0x30) end = int(end - 1);
  if (exponent >= 0 && exponent < precision) {
    if (end === at) bytes[end++] = 0x30;
    return end;
  }
  if (end === at) end = int(end - 1); // 9e+06 has no point
  const size = Math.abs(exponent);
  bytes[end] = 0x65;
  bytes[end + 1] = exponent < 0 ? 0x2d : 0x2b;
  bytes[end + 2] = 0x30 + int(size / 10);
  bytes[end + 3] = 0x30 + (size % 10);
  return int(end + 4);
}

function triple(bytes: Uint8Array, at: number, n: number): void {
  const i = Math.imul(n, 3);
  bytes[at] = triples[i]!;
  bytes[at + 1] = triples[i + 1]!;
  bytes[at + 2] = triples[i + 2]!;
}

/** putInteger writes an integer of at most 53 bits. */
export function putInteger(bytes: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  if (rest < 0) {
    bytes[at++] = 0x2d;
    rest = -rest;
  }
  if (rest < 1000) {
    // As most labels, ids and pixels are.
    const i = rest * 3;
    if (rest >= 100) bytes[at++] = triples[i]!;
    if (rest >= 10) bytes[at++] = triples[i + 1]!;
    bytes[at++] = triples[i + 2]!;
    return at;
  }
  let size = 4;
  for (let limit = 10_000; rest >= limit; limit *= 10) size++;
  const end = at + size;
  for (at = end; rest >= 1000; at -= 3) {
    const next = Math.floor(rest / 1000);
    triple(bytes, at - 3, rest - next * 1000);
    rest = next;
  }
  putInteger(bytes, end - size, rest);
  return end;
}

/** putText writes ASCII text. */
export function putText(bytes: Uint8Array, from: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[from + i] = text.charCodeAt(i);
  return from + text.length;
}
