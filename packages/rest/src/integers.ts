// Data plane: 64-bit integers and bools, straight from the bytes; other kinds of number are in numbers.ts.
import { ascii, blank } from "./scan.ts";
import { grow, type Sink } from "./sink.ts";

/** readInt64s reads integers of 64 bits into low and high words. A Kernel. */
export function readInt64s(bytes: Uint8Array, from: number, sink: Sink, width: number, one: boolean): number {
  return readList(bytes, from, sink, width, one, int64);
}

/** readBools reads `true` and `false` as 1 and 0. A Kernel. */
export function readBools(bytes: Uint8Array, from: number, sink: Sink, width: number, one: boolean): number {
  return readList(bytes, from, sink, width, one, bool);
}

function readList(
  bytes: Uint8Array,
  from: number,
  sink: Sink,
  width: number,
  one: boolean,
  read: (bytes: Uint8Array, at: number, sink: Sink) => number,
): number {
  let count = 1;
  for (let at = from; ; count++) {
    if (sink.count + 2 > sink.data.length) grow(sink, at);
    at = read(bytes, at, sink);
    if (at < 0 || one) return at;
    at = blank(bytes, at);
    if (bytes[at] !== 0x2c) return width > 0 && count !== width ? -1 : at;
    at = blank(bytes, at + 1);
  }
}

/** Up to this many digits a double is exact. */
const exactDigits = 15;

function int64(bytes: Uint8Array, from: number, sink: Sink): number {
  const negative = bytes[from] === 0x2d;
  const start = negative ? from + 1 : from;
  let at = start;
  let value = 0;
  for (let d = bytes[at]! - 0x30; d >= 0 && d <= 9; d = bytes[++at]! - 0x30) value = value * 10 + d;
  const digits = at - start;
  if (digits === 0 || (digits > 1 && bytes[start] === 0x30) || digits > 20 || (negative && sink.least === 0 && value !== 0)) return -1;
  if (digits <= exactDigits) {
    if (negative) value = -value;
    sink.data[sink.count++] = value; // modulo 2^32
    sink.data[sink.count++] = Math.floor(value / 2 ** 32);
    return at;
  }
  const exact = BigInt(ascii(bytes, from, at));
  if (sink.least === 0 ? BigInt.asUintN(64, exact) !== exact : BigInt.asIntN(64, exact) !== exact) return -1;
  sink.data[sink.count++] = Number(exact & 0xffffffffn);
  sink.data[sink.count++] = Number((exact >> 32n) & 0xffffffffn);
  return at;
}

function bool(bytes: Uint8Array, at: number, sink: Sink): number {
  const yes = bytes[at] === 0x74;
  const word = yes ? trueWord : falseWord;
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return -1;
  sink.data[sink.count++] = yes ? 1 : 0;
  return at + word.length;
}

const trueWord = Uint8Array.from("true", (c) => c.charCodeAt(0));
const falseWord = Uint8Array.from("false", (c) => c.charCodeAt(0));
