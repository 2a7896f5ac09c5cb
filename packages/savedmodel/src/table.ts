// Reads a leveldb table (SSTable), the form of a TensorBundle's index: leveldb doc/table_format.md. Whole file in memory: indexes are small.
import { Code, type Failure, newError } from "@tfs/std";
import { crc32c, unmaskCrc } from "./crc32c.ts";

/** Entry is one key with its value, which views the file's bytes where its block is not compressed. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** at is the offset of its block in the file. */
  readonly at: number;
}

/** Uncompress undoes snappy; handed in, so that a table without snappy blocks never loads it. Throws on bad input. */
export type Uncompress = (bytes: Uint8Array, maxBytes: number) => Uint8Array;

const footerBytes = 48;
const magicLow = 0x8b80fb57;
const magicHigh = 0xdb477524;
/** A block ends with its compression type and masked checksum. */
const trailerBytes = 5;
const compression = { none: 0, snappy: 1 } as const;
/** A compressed block may not grow past this: TensorFlow writes blocks of 256 KiB. */
const maxBlockBytes = 64 << 20;

/** Lost makes the error for a fault at an offset of the file. */
type Lost = (offset: number, what: string, cause?: unknown) => Failure;

/** readTable gives every entry in key order. Throws DataLoss naming `file` and the offset of what is wrong. */
export function readTable(bytes: Uint8Array, file: string, uncompress: Uncompress): Entry[] {
  const lost: Lost = (offset, what, cause) => newError(Code.DataLoss, `${file}: ${what} at offset ${offset}`, cause);
  if (bytes.length < footerBytes) throw lost(0, `${bytes.length} bytes are too few for a table`);
  const footer = bytes.length - footerBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(bytes.length - 8, true) !== magicLow || view.getUint32(bytes.length - 4, true) !== magicHigh)
    throw lost(bytes.length - 8, "no table magic");

  function block(handle: Reader, where: number): Entry[] {
    const offset = varint(handle, where, lost);
    const size = varint(handle, where, lost);
    if (offset + size + trailerBytes > footer) throw lost(where, `a handle of ${size} bytes from ${offset} that runs past the blocks`);
    const stored = bytes.subarray(offset, offset + size + 1);
    if (unmaskCrc(view.getUint32(offset + size + 1, true)) !== crc32c(stored)) throw lost(offset, "a block whose checksum does not match");
    const type = stored[size]!;
    if (type === compression.none) return entriesOf(stored.subarray(0, size), offset, lost);
    if (type !== compression.snappy) throw lost(offset, `unknown block compression ${type}`);
    let plain: Uint8Array;
    try {
      plain = uncompress(stored.subarray(0, size), maxBlockBytes);
    } catch (err) {
      throw lost(offset, "a snappy block that does not decompress", err);
    }
    return entriesOf(plain, offset, lost);
  }

  const tail: Reader = { bytes: bytes.subarray(footer), at: 0 };
  varint(tail, footer, lost); // the metaindex block holds filters, of which TensorBundle writes none
  varint(tail, footer, lost);
  return block(tail, footer).flatMap(({ value }) => block({ bytes: value, at: 0 }, footer));
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

function varint(r: Reader, where: number, lost: Lost): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 7; i++) {
    const byte = r.bytes[r.at++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  throw lost(where, "a varint that is cut off or too large");
}

/** entriesOf reads a block: each key is what it shares with the one before plus its own rest; an array of restart offsets ends the block. */
function entriesOf(block: Uint8Array, where: number, lost: Lost): Entry[] {
  if (block.length < 4) throw lost(where, "a block without restarts");
  const restarts = new DataView(block.buffer, block.byteOffset, block.byteLength).getUint32(block.length - 4, true);
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw lost(where, `a block of ${block.length} bytes that claims ${restarts} restarts`);
  const r: Reader = { bytes: block.subarray(0, end), at: 0 };
  const entries: Entry[] = [];
  let key: Uint8Array = new Uint8Array(0);
  while (r.at < end) {
    const shared = varint(r, where, lost);
    const rest = varint(r, where, lost);
    const size = varint(r, where, lost);
    if (shared > key.length || rest + size > end - r.at) throw lost(where, `entry ${entries.length} of a block that runs past its end`);
    const next = new Uint8Array(shared + rest);
    next.set(key.subarray(0, shared));
    next.set(r.bytes.subarray(r.at, r.at + rest), shared);
    key = next;
    r.at += rest;
    entries.push({ key, value: r.bytes.subarray(r.at, r.at + size), at: where });
    r.at += size;
  }
  return entries;
}
