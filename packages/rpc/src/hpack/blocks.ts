// Data plane. A block that leaves the table as it is says the same as long as the table is the same: it is known by its bytes.
import type { Fields } from "../fields.ts";
import { hashBytes, sameBytes } from "./bytes.ts";

/** Block is what a header block says. */
export interface Block {
  /** fields is mostly the same object when the same fields come. Without the first one named by options.apart, and empty if the list was too large. */
  readonly fields: Fields;
  readonly apart: string | undefined;
  readonly tooLarge: boolean;
  /** malformed says what a request or response must not have (RFC 9113, sections 8.2 and 8.3); trailers are always malformed by that measure. */
  readonly malformed: string | undefined;
}

interface Slot {
  readonly bytes: Uint8Array;
  readonly block: Block;
}

const slotCount = 32;
const bytesMax = 512;
/** After so many misses in a row only every so many-th block is looked up: most likely each of them changes the table. */
const missesMax = 8;
const probeMask = 63;

/** newBlocks makes a cache for one connection. */
export function newBlocks(): Blocks {
  return new Blocks();
}

/** Blocks is a cache of blocks by their bytes, one to a slot. */
class Blocks {
  #slots: (Slot | undefined)[] = [];
  #count = 0;
  #misses = 0;
  #probes = 0;
  /** The slot of the block that was last looked for; -1: it is not to be remembered. */
  #slot = -1;

  /** find gives what the block source[start, end) said when it came before. */
  find(source: Uint8Array, start: number, end: number): Block | undefined {
    this.#slot = -1;
    if (end - start > bytesMax || (this.#misses >= missesMax && (++this.#probes & probeMask) !== 0)) return undefined;
    const at = hashBytes(0, source, start, end) & (slotCount - 1);
    const slot = this.#slots[at];
    if (slot !== undefined && sameBytes(slot.bytes, source, start, end)) {
      this.#misses = 0;
      return slot.block;
    }
    this.#misses++;
    this.#slot = at;
    return undefined;
  }

  /** remember keeps the block that was last looked for and not found. */
  remember(source: Uint8Array, start: number, end: number, block: Block): void {
    if (this.#slot < 0) return;
    if (this.#slots.length === 0) this.#slots = new Array<Slot | undefined>(slotCount).fill(undefined);
    if (this.#slots[this.#slot] === undefined) this.#count++;
    this.#slots[this.#slot] = { bytes: Uint8Array.prototype.slice.call(source, start, end), block };
  }

  /** clear forgets all blocks: the table is another. */
  clear(): void {
    if (this.#count === 0) return;
    this.#count = 0;
    this.#slots.fill(undefined);
  }
}
export type { Blocks };
