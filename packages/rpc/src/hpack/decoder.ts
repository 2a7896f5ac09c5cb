// Data plane. RFC 7541, section 6: header blocks into fields. Most blocks of a connection say what one before said, or differ in one field only.
import { Code, type Failure, newError } from "@tfs/std";
import { type Field, type Fields, newField, newFields } from "../fields.ts";
import { requestFault, responseFault } from "./check.ts";
import { decodeHuffman } from "./huffman.ts";
import { staticFields } from "./static.ts";

export interface DecoderOptions {
  /** What our SETTINGS allow the peer's table to hold. */
  readonly maxTableBytes: number;
  /** A list larger than this (name, value and 32 for each field, RFC 9113 section 6.5.2) is not kept. */
  readonly maxListBytes: number;
  readonly kind: "request" | "response";
  /** apart names the one field whose value differs from block to block where all else is the same. */
  readonly apart?: string;
}

/** Block is what a header block says. */
export interface Block {
  /** fields is the same object whenever the same fields come. Without the one named by options.apart, and empty if the list was too large. */
  readonly fields: Fields;
  readonly apart: string | undefined;
  readonly tooLarge: boolean;
  /** malformed says what a request or response must not have; trailers are always malformed by that measure. */
  readonly malformed: string | undefined;
}

/** newDecoder makes a decoder for one connection. Its decode throws Internal for what RFC 7541 calls a decoding error. */
export function newDecoder(options: DecoderOptions): Decoder {
  return new Decoder(options);
}

/** What a field costs in a table or list beside its text (RFC 7541, section 4.1). */
const fieldBytes = 32;
const firstDynamic = 62;
/** Blocks and lists that are remembered. */
const blocksMax = 64;
const blockBytesMax = 1024;
const listsMax = 4;
/** After so many blocks in a row that were not remembered, only every so many-th is looked up. */
const missesMax = 8;
const probeMask = 63;

const noFields = newFields([]);

/** Known is a list that came before. */
interface Known {
  readonly fields: Fields;
  readonly malformed: string | undefined;
}

class Decoder {
  readonly #options: DecoderOptions;
  /** The dynamic table, a ring: the newest entry is at #head - 1. */
  readonly #table: (Field | undefined)[];
  readonly #mask: number;
  #head = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;
  #limitBytes: number;
  readonly #blocks = new Map<string, Block>();
  readonly #lists: Known[] = [];
  #misses = 0;
  #probes = 0;
  /** Where decoding stands. */
  #source: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#maxBytes = this.#limitBytes = options.maxTableBytes;
    let slots = 16;
    while (slots < options.maxTableBytes / fieldBytes) slots *= 2;
    this.#table = new Array<Field | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  /** setMaxTableBytes lowers what the peer's table may hold, once it has acknowledged that. No more than at first. */
  setMaxTableBytes(bytes: number): void {
    this.#limitBytes = Math.min(bytes, this.#options.maxTableBytes);
  }

  /** decode reads the whole block source[start, end). */
  decode(source: Buffer, start: number, end: number): Block {
    const probe = end - start <= blockBytesMax && (this.#misses < missesMax || (++this.#probes & probeMask) === 0);
    let key = "";
    if (probe) {
      key = source.toString("latin1", start, end);
      const known = this.#blocks.get(key);
      if (known !== undefined) {
        this.#misses = 0;
        return known;
      }
      this.#misses++;
    }
    this.#source = source;
    this.#at = start;
    this.#end = end;
    const { apart: apartName, maxListBytes } = this.#options;
    const list: Field[] = [];
    let apart: string | undefined;
    let listBytes = 0;
    let changed = false;
    let sizes = true; // size updates come first or not at all (section 4.2)
    while (this.#at < end) {
      const first = source[this.#at]!;
      let field: Field;
      if ((first & 0x80) !== 0) field = this.#entry(this.#integer(0x7f));
      else if ((first & 0x40) !== 0) {
        field = this.#literal(this.#integer(0x3f), false);
        this.#insert(field);
        changed = true;
      } else if ((first & 0x20) !== 0) {
        if (!sizes) throw fault("a table size inside a block");
        this.#resize(this.#integer(0x1f));
        changed = true;
        continue;
      } else field = this.#literal(this.#integer(0x0f), (first & 0x10) !== 0);
      sizes = false;
      listBytes += field.name.length + field.value.length + fieldBytes;
      if (listBytes > maxListBytes) continue;
      if (field.name === apartName && apart === undefined) apart = field.value;
      else list.push(field);
    }
    if (changed && this.#blocks.size > 0) this.#blocks.clear();
    if (listBytes > maxListBytes) return { fields: noFields, apart: undefined, tooLarge: true, malformed: undefined };
    const known = this.#known(list);
    const block: Block = { fields: known.fields, apart, tooLarge: false, malformed: known.malformed };
    if (probe && !changed) {
      if (this.#blocks.size >= blocksMax) this.#blocks.clear();
      this.#blocks.set(key, block);
    }
    return block;
  }

  /** #known gives the list that came before with the same fields, or remembers this one. */
  #known(list: Field[]): Known {
    const lists = this.#lists;
    for (let i = 0; i < lists.length; i++) {
      const known = lists[i]!;
      if (!same(known.fields.list, list)) continue;
      if (i > 0) {
        lists[i] = lists[i - 1]!;
        lists[i - 1] = known;
      }
      return known;
    }
    const known: Known = { fields: newFields(list), malformed: this.#options.kind === "request" ? requestFault(list) : responseFault(list) };
    if (lists.length >= listsMax) lists.pop();
    lists.unshift(known);
    return known;
  }

  #entry(index: number): Field {
    if (index < firstDynamic) {
      if (index === 0) throw fault("index 0");
      return staticFields[index]!;
    }
    const back = index - firstDynamic;
    if (back >= this.#count) throw fault("an index past the table");
    return this.#table[(this.#head - 1 - back) & this.#mask]!;
  }

  #literal(index: number, sensitive: boolean): Field {
    const name = index === 0 ? this.#string() : this.#entry(index).name;
    return newField(name, this.#string(), sensitive);
  }

  #insert(field: Field): void {
    const bytes = field.name.length + field.value.length + fieldBytes;
    this.#evict(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return; // larger than the table: it empties it and is not kept (section 4.4)
    this.#table[this.#head & this.#mask] = field;
    this.#head = (this.#head + 1) & this.#mask;
    this.#count++;
    this.#bytes += bytes;
  }

  #resize(bytes: number): void {
    if (bytes > this.#limitBytes) throw fault("a table size past the limit");
    this.#maxBytes = bytes;
    this.#evict(bytes);
  }

  #evict(toBytes: number): void {
    while (this.#count > 0 && this.#bytes > toBytes) {
      const at = (this.#head - this.#count) & this.#mask;
      const field = this.#table[at]!;
      this.#table[at] = undefined;
      this.#bytes -= field.name.length + field.value.length + fieldBytes;
      this.#count--;
    }
  }

  /** #integer reads a number whose first bits are those of `prefix` in the byte at hand (section 5.1). */
  #integer(prefix: number): number {
    const source = this.#source;
    let value = source[this.#at++]! & prefix;
    if (value < prefix) return value;
    let factor = 1;
    for (let i = 0; i < 4; i++) {
      if (this.#at >= this.#end) throw fault("a number cut short");
      const byte = source[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw fault("a number too large");
  }

  #string(): string {
    if (this.#at >= this.#end) throw fault("a string cut short");
    const source = this.#source;
    const huffman = (source[this.#at]! & 0x80) !== 0;
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw fault("a string cut short");
    this.#at = end;
    if (!huffman) return source.toString("latin1", start, end);
    const text = decodeHuffman(source, start, end);
    if (text === undefined) throw fault("a string that is no Huffman code");
    return text;
  }
}
export type { Decoder };

function same(a: readonly Field[], b: readonly Field[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = a.length - 1; i >= 0; i--) {
    const x = a[i]!;
    const y = b[i]!;
    if (x !== y && (x.value !== y.value || x.name !== y.name || x.sensitive !== y.sensitive)) return false;
  }
  return true;
}

function fault(what: string): Failure {
  return newError(Code.Internal, `header block with ${what}`);
}
