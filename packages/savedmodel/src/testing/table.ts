import { compress } from "snappyjs";
import { crc32c, maskCrc } from "../index.ts";

/** Block is how a block is kept: its compression type, and what makes its bytes out of the plain ones. */
export interface Block {
  readonly type: number;
  readonly pack: (plain: Uint8Array) => Uint8Array;
}

export const plain: Block = { type: 0, pack: (bytes) => bytes };
export const snappy: Block = { type: 1, pack: (bytes) => compress(bytes) };

/** writeTable puts all entries, in the order given, into one data block (leveldb doc/table_format.md). The index block is kept the same way. */
export function writeTable(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>, block: Block = plain): Uint8Array {
  const data = stored(entriesOf(entries), block);
  const meta = stored(entriesOf([]), plain);
  const index = stored(entriesOf([[Uint8Array.of(0xff), Buffer.concat([varint(0), varint(data.length - trailerBytes)])]]), block);
  const handles = Buffer.concat([data.length, meta.length - trailerBytes, data.length + meta.length, index.length - trailerBytes].map(varint));
  return Buffer.concat([data, meta, index, handles, Buffer.alloc(40 - handles.length), magic]);
}

/** A block ends with its compression type and masked checksum. */
const trailerBytes = 5;
const magic = Buffer.from("57fb808b247547db", "hex");

function stored(bytes: Uint8Array, { type, pack }: Block): Buffer {
  const body = Buffer.concat([pack(bytes), Buffer.of(type)]);
  return Buffer.concat([body, uint32(maskCrc(crc32c(body)))]);
}

/** entriesOf makes a block in which no key shares anything with the one before: one restart, at its start. */
function entriesOf(entries: Iterable<readonly [Uint8Array, Uint8Array]>): Buffer {
  const parts: Uint8Array[] = [];
  for (const [key, value] of entries) parts.push(varint(0), varint(key.length), varint(value.length), key, value);
  return Buffer.concat([...parts, uint32(0), uint32(1)]);
}

function varint(n: number): Uint8Array {
  const bytes: number[] = [];
  for (let left = n; ; left >>>= 7) {
    if (left < 128) return Uint8Array.of(...bytes, left);
    bytes.push((left & 127) | 128);
  }
}

function uint32(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
}
