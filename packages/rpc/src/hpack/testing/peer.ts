import { huffmanCodes } from "../huffman_code.ts";
import { writeInteger } from "../integer.ts";
import { staticEntries } from "../static.ts";

/** How a literal goes: into the table, past it, or never into any. */
export type How = "indexed" | "plain" | "never";

export interface Header {
  readonly name: string;
  readonly value: string;
  readonly how?: How;
  readonly huffman?: boolean;
}

/** Peer encodes for one connection. */
export interface Peer {
  /** encode writes one block. Fields that are in the table whole are written as their index, but for those that never are. */
  encode(list: readonly Header[]): Buffer;
  /** resize has the next block begin with this table size. */
  resize(bytes: number): void;
}

/** newPeer makes an encoder whose table holds tableBytes. Its fields are indexed and coded by default, as grpc-go's are. */
export function newPeer(tableBytes: number): Peer {
  const table: (readonly [name: string, value: string])[] = []; // the newest first
  let maxBytes = tableBytes;
  let updates: number[] = [];
  const evict = (): void => {
    while (table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0) > maxBytes) table.pop();
  };
  const indexOf = (name: string, value?: string): number => {
    const fixed = staticEntries.findIndex(({ field }, i) => i > 0 && field.name === name && (value === undefined || field.value === value));
    if (fixed > 0) return fixed;
    const at = table.findIndex(([n, v]) => n === name && (value === undefined || v === value));
    return at < 0 ? 0 : at + staticEntries.length;
  };
  return {
    encode(list) {
      const parts: Buffer[] = updates.map((bytes) => integer(0x1f, 0x20, bytes));
      updates = [];
      for (const { name, value, how = "indexed", huffman = true } of list) {
        const whole = how === "never" ? 0 : indexOf(name, value);
        if (whole > 0) {
          parts.push(integer(0x7f, 0x80, whole));
          continue;
        }
        const index = indexOf(name);
        parts.push(how === "indexed" ? integer(0x3f, 0x40, index) : integer(0x0f, how === "never" ? 0x10 : 0, index));
        if (index === 0) parts.push(text(name, huffman));
        parts.push(text(value, huffman));
        if (how !== "indexed") continue;
        table.unshift([name, value]);
        evict();
      }
      return Buffer.concat(parts);
    },
    resize(bytes) {
      maxBytes = bytes;
      evict();
      updates.push(bytes);
    },
  };
}

function integer(prefix: number, first: number, value: number): Buffer {
  const target = Buffer.alloc(8);
  return target.subarray(0, writeInteger(target, 0, prefix, first, value));
}

function text(value: string, huffman: boolean): Buffer {
  const bytes = huffman ? huffmanOf(value) : Buffer.from(value, "latin1");
  return Buffer.concat([integer(0x7f, huffman ? 0x80 : 0, bytes.length), bytes]);
}

const codes = new Map(huffmanCodes().map(({ symbol, bits, length }) => [symbol, bits.toString(2).padStart(length, "0")]));

/** huffmanOf codes a text, one char a byte; its last byte is padded with ones. */
export function huffmanOf(value: string): Buffer {
  let bits = "";
  for (let i = 0; i < value.length; i++) bits += codes.get(value.charCodeAt(i))!;
  bits += "1".repeat((8 - (bits.length % 8)) % 8);
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}
