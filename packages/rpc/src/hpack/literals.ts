// Data plane. Peers that use no table, or have lost an entry from it, send the same literals again and again. Those that need no table to be read are
// remembered by their bytes, for all connections, so that the same bytes become the same Field. This changes no result, but for === and time.
import { hashBytes, sameBytes } from "./bytes.ts";
import type { Entry } from "./entry.ts";

/** Literal is one that came before. */
interface Literal {
  /** index is the name's in the static table; 0 if the name is in the bytes. */
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: Entry;
}

/** One literal to a slot, the latest: at most 128 KiB of bytes, and as much text again. */
const slots: (Literal | undefined)[] = new Array<Literal | undefined>(512).fill(undefined);
const bytesMax = 256;

/** findLiteral gives the entry that source[start, end), names and values without the name's index, was before. */
export function findLiteral(index: number, source: Uint8Array, start: number, end: number): Entry | undefined {
  if (end - start > bytesMax) return undefined;
  const literal = slots[hash(index, source, start, end)];
  if (literal === undefined || literal.index !== index) return undefined;
  return sameBytes(literal.bytes, source, start, end) ? literal.entry : undefined;
}

/** rememberLiteral keeps an entry for the next time. */
export function rememberLiteral(index: number, source: Uint8Array, start: number, end: number, entry: Entry): void {
  if (end - start > bytesMax) return;
  slots[hash(index, source, start, end)] = { index, bytes: Uint8Array.prototype.slice.call(source, start, end), entry };
}

function hash(index: number, source: Uint8Array, start: number, end: number): number {
  return hashBytes(index, source, start, end) & (slots.length - 1);
}
