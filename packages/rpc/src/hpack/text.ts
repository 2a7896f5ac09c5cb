// Data plane. RFC 7541, section 5.2: strings, plain or in Huffman's code.
import { decodeHuffman } from "./huffman.ts";
import { type Cursor, fault, readInteger } from "./integer.ts";
import { latin1 } from "./latin1.ts";

/** readString reads a string, one char a byte. */
export function readString(cursor: Cursor): string {
  const { source } = cursor;
  const huffman = source[cursor.at]! >= 0x80;
  const length = readLength(cursor);
  const start = cursor.at;
  cursor.at += length;
  if (!huffman) return latin1(source, start, start + length);
  const text = decodeHuffman(source, start, start + length);
  if (text === undefined) throw fault("a string that is no Huffman code");
  return text;
}

/** skipString passes over a string. */
export function skipString(cursor: Cursor): void {
  const length = readLength(cursor);
  cursor.at += length;
}

function readLength(cursor: Cursor): number {
  if (cursor.at >= cursor.end) throw fault("a string cut short");
  const length = readInteger(cursor, 0x7f);
  if (length > cursor.end - cursor.at) throw fault("a string cut short");
  return length;
}
