// Data plane. RFC 7541, sections 2.3 and 4: the table that the peer's encoder fills, behind the static one.
import type { Entry } from "./entry.ts";
import { fault } from "./integer.ts";
import { staticEntries } from "./static.ts";

const slotsAtFirst = 16;
const firstDynamic = staticEntries.length;

/** newTable makes an empty table of at most maxBytes. */
export function newTable(maxBytes: number): Table {
  return new Table(maxBytes);
}

/** Table is a ring of entries. It grows with use, to as many slots as its bytes allow: an entry counts 32 bytes at least. */
class Table {
  #slots: (Entry | undefined)[] = [];
  #mask = -1;
  /** #head is the slot that comes next; the newest entry is in front of it. */
  #head = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** at gives the entry of an index, which counts static entries first and then the newest (section 2.3.3). */
  at(index: number): Entry {
    if (index < firstDynamic) {
      if (index === 0) throw fault("index 0");
      return staticEntries[index]!;
    }
    const back = index - firstDynamic;
    if (back >= this.#count) throw fault("an index past the table");
    return this.#slots[(this.#head - 1 - back) & this.#mask]!;
  }

  /** insert makes room and adds an entry. One larger than the table empties it, and is not kept (section 4.4). */
  insert(entry: Entry): void {
    this.#evict(this.#maxBytes - entry.bytes);
    if (entry.bytes > this.#maxBytes) return;
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[this.#head] = entry;
    this.#head = (this.#head + 1) & this.#mask;
    this.#count++;
    this.#bytes += entry.bytes;
  }

  /** resize takes another bound, at once. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evict(maxBytes);
  }

  #evict(toBytes: number): void {
    while (this.#count > 0 && this.#bytes > toBytes) {
      const slot = (this.#head - this.#count) & this.#mask;
      this.#bytes -= this.#slots[slot]!.bytes;
      this.#slots[slot] = undefined;
      this.#count--;
    }
  }

  #grow(): void {
    const slots: (Entry | undefined)[] = new Array(Math.max(slotsAtFirst, this.#slots.length * 2)).fill(undefined);
    for (let i = 0; i < this.#count; i++) slots[i] = this.#slots[(this.#head - this.#count + i) & this.#mask];
    this.#slots = slots;
    this.#mask = slots.length - 1;
    this.#head = this.#count;
  }
}
export type { Table };
