// Data plane. RFC 7541, sections 3 and 6: header blocks into fields. Most blocks of a connection say what one before said, or differ in one field only.
import { newFields } from "../fields.ts";
import { type Block, type Blocks, newBlocks } from "./blocks.ts";
import { isPseudo, requestFault, responseFault, valueFault } from "./check.ts";
import { type Entry, newEntry } from "./entry.ts";
import { type Cursor, fault, readInteger } from "./integer.ts";
import { type Lists, newLists } from "./lists.ts";
import { findLiteral, rememberLiteral } from "./literals.ts";
import { staticEntries } from "./static.ts";
import { newTable, type Table } from "./table.ts";
import { readString, skipString } from "./text.ts";

export interface DecoderOptions {
  /** What the peer's table may hold, and holds at first: 4096 unless SETTINGS said otherwise before the first block. */
  readonly maxTableBytes: number;
  /** A list larger than this (name, value and 32 for each field, RFC 9113 section 6.5.2) is not kept. */
  readonly maxListBytes: number;
  readonly kind: "request" | "response";
  /** apart names the one field whose value differs from block to block where all else is the same. */
  readonly apart?: string;
}

const tooLarge: Block = { fields: newFields([]), apart: undefined, tooLarge: true, malformed: undefined };
const nothing: Buffer = Buffer.alloc(0);
/** The list that is being put together is not left larger than this. */
const keptMax = 64;

/** newDecoder makes a decoder for one direction of one connection. Its decode throws Internal for what RFC 7541 calls a decoding error. */
export function newDecoder(options: DecoderOptions): Decoder {
  return new Decoder(options);
}

class Decoder {
  readonly #maxListBytes: number;
  readonly #apart: string | undefined;
  readonly #table: Table;
  readonly #blocks: Blocks = newBlocks();
  readonly #lists: Lists;
  readonly #cursor: Cursor = { source: nothing, at: 0, end: 0 };
  /** The list that is being put together; its length is another. */
  #entries: Entry[] = [];
  #limitBytes: number;

  constructor(options: DecoderOptions) {
    this.#maxListBytes = options.maxListBytes;
    this.#apart = options.apart;
    this.#table = newTable(options.maxTableBytes);
    this.#lists = newLists(options.kind === "request" ? requestFault : responseFault);
    this.#limitBytes = options.maxTableBytes;
  }

  /** setMaxTableBytes changes what the peer's table may hold, once it has acknowledged that. If that is less than it used, its next block has to say so. */
  setMaxTableBytes(bytes: number): void {
    this.#limitBytes = bytes;
    this.#blocks.clear();
  }

  /** decode reads the whole block source[start, end). */
  decode(source: Buffer, start: number, end: number): Block {
    const known = this.#blocks.find(source, start, end);
    if (known !== undefined) return known;
    const cursor = this.#cursor;
    cursor.source = source;
    cursor.at = start;
    cursor.end = end;
    const table = this.#table;
    const entries = this.#entries;
    let count = 0;
    let apart: Entry | undefined;
    let pseudoAfterApart = false;
    let listBytes = 0;
    let changed = false;
    let fields = false;
    while (cursor.at < end) {
      const first = source[cursor.at]!;
      if (first < 0x40 && first >= 0x20) {
        if (fields) throw fault("a table size that is not at its start"); // section 4.2
        this.#resize(readInteger(cursor, 0x1f));
        changed = true;
        continue;
      }
      if (!fields) {
        fields = true;
        if (table.maxBytes > this.#limitBytes) throw fault("no table size, though it has to shrink"); // section 4.2
      }
      let entry: Entry;
      if (first >= 0x80) entry = table.at(readInteger(cursor, 0x7f));
      else if (first >= 0x40) {
        entry = this.#literal(0x3f, false);
        table.insert(entry);
        changed = true;
      } else entry = this.#literal(0x0f, first >= 0x10);
      listBytes += entry.bytes;
      if (listBytes > this.#maxListBytes) continue;
      if (entry.field.name === this.#apart && apart === undefined) apart = entry;
      else {
        if (apart !== undefined && isPseudo(entry.field.name)) pseudoAfterApart = true;
        entries[count++] = entry;
      }
    }
    cursor.source = nothing;
    if (changed) this.#blocks.clear();
    if (listBytes > this.#maxListBytes) {
      this.#entries = [];
      return tooLarge;
    }
    const { fields: list, malformed } = this.#lists.take(entries, count);
    if (count > keptMax) this.#entries = [];
    const block: Block =
      apart === undefined
        ? { fields: list, apart: undefined, tooLarge: false, malformed }
        : {
            fields: list,
            apart: apart.field.value,
            tooLarge: false,
            malformed: malformed ?? valueFault(apart.field.name, apart.field.value) ?? (pseudoAfterApart ? "pseudo-fields after regular ones" : undefined),
          };
    if (!changed) this.#blocks.remember(source, start, end, block);
    return block;
  }

  /** #literal reads a field that is not in a table, but for its name perhaps. */
  #literal(prefix: number, sensitive: boolean): Entry {
    const cursor = this.#cursor;
    const index = readInteger(cursor, prefix);
    if (sensitive || index >= staticEntries.length) {
      const name = index === 0 ? readString(cursor) : this.#table.at(index).field.name;
      return newEntry(name, readString(cursor), sensitive);
    }
    const { source, at } = cursor;
    if (index === 0) skipString(cursor);
    skipString(cursor);
    const { at: end } = cursor;
    const known = findLiteral(index, source, at, end);
    if (known !== undefined) return known;
    cursor.at = at;
    const name = index === 0 ? readString(cursor) : staticEntries[index]!.field.name;
    const entry = newEntry(name, readString(cursor));
    if (name !== this.#apart) rememberLiteral(index, source, at, end, entry);
    return entry;
  }

  #resize(bytes: number): void {
    if (bytes > this.#limitBytes) throw fault("a table size past the limit");
    this.#table.resize(bytes);
  }
}
export type { Decoder };
