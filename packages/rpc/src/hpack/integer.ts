// Data plane. RFC 7541, section 5.1: numbers that begin inside a byte.
import { Code, type Failure, newError } from "@tfs/std";

/** Cursor is what is left of a header block: source[at, end). */
export interface Cursor {
  source: Buffer;
  at: number;
  end: number;
}

/** Past either of these a number is refused, as the section asks; no length or index comes near them. */
const valueMax = 2 ** 31 - 1;
const moreBytesMax = 5;

/** readInteger reads a number whose first bits are those of `prefix`, a mask, in the byte at hand, which must be there. */
export function readInteger(cursor: Cursor, prefix: number): number {
  const { source, end } = cursor;
  let value = source[cursor.at++]! & prefix;
  if (value < prefix) return value;
  let factor = 1;
  for (let i = 0; i < moreBytesMax; i++) {
    if (cursor.at >= end) throw fault("a number cut short");
    const byte = source[cursor.at++]!;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) {
      if (value > valueMax) break;
      return value;
    }
    factor *= 128;
  }
  throw fault("a number too large");
}

/** writeInteger writes a number behind the bits of `first`, and gives the offset behind it: at most six bytes on, for numbers below 2^31. */
export function writeInteger(target: Uint8Array, offset: number, prefix: number, first: number, value: number): number {
  if (value < prefix) {
    target[offset] = first | value;
    return offset + 1;
  }
  target[offset] = first | prefix;
  let at = offset + 1;
  let left = value - prefix;
  for (; left >= 128; left >>>= 7) target[at++] = (left & 127) | 128;
  target[at++] = left;
  return at;
}

/** integerBytes is how many bytes writeInteger writes. */
export function integerBytes(prefix: number, value: number): number {
  if (value < prefix) return 1;
  let bytes = 2;
  for (let left = value - prefix; left >= 128; left >>>= 7) bytes++;
  return bytes;
}

/** fault is a decoding error: the tables of the two sides differ from here on, so that the connection is lost (RFC 9113, section 4.3). */
export function fault(what: string): Failure {
  return newError(Code.Internal, `header block with ${what}`);
}
