// Reads a TensorBundle: an index (leveldb table) and data shards. Source of the form: tensorflow/core/util/tensor_bundle/tensor_bundle.h.
import { type FileHandle, open, stat } from "node:fs/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { type BundleEntryProto, BundleEntryProtoSchema, BundleHeaderProto_Endianness, type BundleHeaderProto, BundleHeaderProtoSchema } from "@tfs/proto";
import { Code, type Ctx, type Failure, newError, newPace, throwIfDone } from "@tfs/std";
import { allocate, DType, dtypeName, elementCount, elementSize, fromBytes, layoutOf, newTensor, type Tensor, toDType } from "@tfs/tensor";
import { crc32c, unmaskCrc } from "./crc32c.ts";
import { type Extent, extentsOf, sliceKey } from "./slice_key.ts";
import { readTable } from "./table.ts";

/** BundleEntry describes a tensor of the bundle without reading it. */
export interface BundleEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly sizeBytes: number;
}

class Bundle implements AsyncDisposable {
  readonly prefix: string;
  /** keys lists the tensors, sorted; the slices of a sliced tensor are not listed apart. */
  readonly keys: readonly string[];
  readonly #entries: ReadonlyMap<string, BundleEntryProto>;
  readonly #shards: (Promise<FileHandle> | undefined)[];

  constructor(prefix: string, header: BundleHeaderProto, entries: ReadonlyMap<string, BundleEntryProto>) {
    this.prefix = prefix;
    this.#entries = entries;
    this.#shards = new Array(header.numShards);
    this.keys = [...entries.keys()].filter((key) => !key.startsWith("\0")).sort();
  }

  /** entry describes a tensor; undefined if there is none of that name. Throws DataLoss for an entry that makes no sense. */
  entry(key: string): BundleEntry | undefined {
    const found = this.#entries.get(key);
    return found === undefined ? undefined : { ...this.#typeOf(key, found), sizeBytes: Number(found.size) };
  }

  /** read gives a tensor, checksum verified. Throws NotFound for an unknown key, DataLoss for bytes that are not what was written. */
  async read(ctx: Ctx, key: string): Promise<Tensor> {
    const found = this.#entries.get(key);
    if (found === undefined) throw newError(Code.NotFound, `Key ${key} not found in checkpoint`);
    return found.slices.length > 0 ? await this.#assemble(ctx, key, found) : await this.#readWhole(ctx, key, found);
  }

  async close(): Promise<void> {
    const open = this.#shards.splice(0);
    for (const shard of open) await (await shard?.catch(() => undefined))?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** #lost is a fault of the index: what it says of a key makes no sense. The offset is that of the key's data in its shard. */
  #lost(key: string, entry: BundleEntryProto, what: string, cause?: unknown): Failure {
    return newError(Code.DataLoss, `${this.prefix}.index: key ${printable(key)} (shard ${entry.shardId}, offset ${entry.offset}): ${what}`, cause);
  }

  /** #broken is a fault of the data that the index points at. */
  #broken(key: string, entry: BundleEntryProto, what: string, cause?: unknown): Failure {
    return newError(Code.DataLoss, `${this.#shardFile(entry.shardId)}: key ${printable(key)}: ${what} at offset ${entry.offset}`, cause);
  }

  #typeOf(key: string, entry: BundleEntryProto): { dtype: DType; shape: number[] } {
    const dtype = toDType(entry.dtype);
    if (dtype === undefined || dtype === DType.Resource || dtype === DType.Variant) throw this.#lost(key, entry, `dtype ${entry.dtype} cannot be read`);
    const shape = (entry.shape?.dim ?? []).map((d) => Number(d.size));
    try {
      elementCount(shape);
    } catch (err) {
      throw this.#lost(key, entry, (err as Error).message, err);
    }
    return { dtype, shape };
  }

  async #readWhole(ctx: Ctx, key: string, entry: BundleEntryProto): Promise<Tensor> {
    const { dtype, shape } = this.#typeOf(key, entry);
    const n = elementCount(shape);
    const size = Number(entry.size);
    const want = n * elementSize(dtype);
    if (dtype !== DType.String && size !== want) throw this.#lost(key, entry, `${size} bytes for ${n} elements of ${dtypeName(dtype)}, which take ${want}`);
    if (dtype === DType.String && size < n) throw this.#lost(key, entry, `${size} bytes for ${n} strings`);
    const bytes = await this.#bytes(ctx, key, entry, size);
    try {
      return dtype === DType.String
        ? newTensor(dtype, shape, this.#strings(key, bytes, n, entry))
        : fromBytes(dtype, shape, await this.#verified(key, bytes, entry));
    } catch (err) {
      throw (err as Failure).code === Code.DataLoss ? err : this.#broken(key, entry, (err as Error).message, err);
    }
  }

  #shardFile(id: number): string {
    const five = (n: number): string => String(n).padStart(5, "0");
    return `${this.prefix}.data-${five(id)}-of-${five(this.#shards.length)}`;
  }

  async #bytes(ctx: Ctx, key: string, entry: BundleEntryProto, size: number): Promise<Uint8Array> {
    throwIfDone(ctx);
    const offset = Number(entry.offset);
    if (entry.shardId < 0 || entry.shardId >= this.#shards.length) throw this.#lost(key, entry, `there are ${this.#shards.length} shards`);
    const file = this.#shardFile(entry.shardId);
    this.#shards[entry.shardId] ??= open(file, "r");
    let shard: FileHandle;
    try {
      shard = await this.#shards[entry.shardId]!;
    } catch (err) {
      throw newError(Code.NotFound, `${file}: the data of key ${printable(key)} is missing`, err);
    }
    const { size: fileSize } = await shard.stat();
    // Checked before allocating: a damaged size must not claim memory.
    if (offset < 0 || size < 0 || offset + size > fileSize)
      throw newError(Code.DataLoss, `${file}: key ${printable(key)}: ${size} bytes at offset ${offset} run past the end (${fileSize})`);
    const bytes = new Uint8Array(new SharedArrayBuffer(size)); // for all threads that run the model; its zeros cost nothing, filling 100 MiB with them holds up the loop
    for (let at = 0; at < size; ) {
      const { bytesRead } = await shard.read(bytes, at, Math.min(size - at, maxReadBytes), offset + at);
      if (bytesRead === 0) throw newError(Code.DataLoss, `${file}: key ${printable(key)}: the file ended at offset ${offset + at}`);
      at += bytesRead;
      throwIfDone(ctx);
    }
    return bytes;
  }

  /** #verified checks the sum of bytes, and lets others have their turns meanwhile. */
  async #verified(key: string, bytes: Uint8Array, entry: BundleEntryProto): Promise<Uint8Array> {
    const pace = newPace(sliceMs);
    let crc = 0;
    for (let at = 0; at < bytes.length; at += summedBytes) {
      crc = crc32c(bytes.subarray(at, at + summedBytes), crc);
      if (pace.isOver()) await pace.rest();
    }
    this.#check(key, crc, entry);
    return bytes;
  }

  #check(key: string, crc: number, entry: BundleEntryProto): void {
    if (crc !== unmaskCrc(entry.crc32c)) throw this.#broken(key, entry, "checksum mismatch");
  }

  /**
   * Strings: all lengths as varints, a masked checksum of the lengths, then the bytes. The checksums are over each length as a fixed
   * 32-bit number (64-bit past 2^32 - 1), not over its varint; the entry's own goes on over the stored checksum and the bytes.
   */
  #strings(key: string, bytes: Uint8Array, n: number, entry: BundleEntryProto): Uint8Array[] {
    const lengths = new Array<number>(n);
    const fixed = new Uint8Array(8);
    const view = new DataView(fixed.buffer);
    let at = 0;
    let crc = 0;
    for (let i = 0; i < n; i++) {
      let length = 0;
      let scale = 1;
      for (;;) {
        const byte = bytes[at++];
        if (byte === undefined || scale > 2 ** 42) throw this.#broken(key, entry, `a length of string ${i} that is cut off`);
        length += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
        scale *= 128;
      }
      lengths[i] = length;
      view.setUint32(0, length % 2 ** 32, true);
      view.setUint32(4, Math.floor(length / 2 ** 32), true);
      crc = crc32c(fixed.subarray(0, length > 0xffffffff ? 8 : 4), crc);
    }
    const stored = bytes.subarray(at, at + 4);
    if (stored.length < 4) throw this.#broken(key, entry, "a checksum of string lengths that is cut off");
    const masked = new DataView(stored.buffer, stored.byteOffset, 4).getUint32(0, true);
    if (unmaskCrc(masked) !== crc) throw this.#broken(key, entry, "checksum mismatch of string lengths");
    at += 4;
    this.#check(key, crc32c(bytes.subarray(at), crc32c(stored, crc)), entry);
    const out = new Array<Uint8Array>(n);
    for (let i = 0; i < n; i++) {
      if (at + lengths[i]! > bytes.length) throw this.#broken(key, entry, `string ${i} that runs past the end`);
      out[i] = bytes.subarray(at, at + lengths[i]!);
      at += lengths[i]!;
    }
    if (at !== bytes.length) throw this.#broken(key, entry, `${bytes.length - at} bytes behind the last string`);
    return out;
  }

  /** A sliced tensor's entry lists its slices; each is an entry of its own under an encoded key, and together they cover the whole. */
  async #assemble(ctx: Ctx, key: string, entry: BundleEntryProto): Promise<Tensor> {
    const { dtype, shape } = this.#typeOf(key, entry);
    const { width } = layoutOf(dtype);
    const total = elementCount(shape);
    let stored = 0;
    const parts: { extents: Extent[]; shape: number[]; entry: BundleEntryProto; key: string }[] = [];
    for (const slice of entry.slices) {
      const extents = extentsOf(slice);
      const partKey = keyText(sliceKey(key, extents));
      const part = this.#entries.get(partKey);
      if (part === undefined || part.slices.length > 0) throw this.#lost(key, entry, `slice ${spell(extents)} is not in the index`);
      const whole = extents.map((e, d) => (e.length < 0 ? { start: 0, length: shape[d] ?? -1 } : e));
      const fits = whole.length === shape.length && whole.every((e, d) => e.start >= 0 && e.length >= 0 && e.start + e.length <= shape[d]!);
      const partShape = (part.shape?.dim ?? []).map((d) => Number(d.size));
      if (!fits || partShape.length !== whole.length || partShape.some((dim, d) => dim !== whole[d]!.length))
        throw this.#lost(key, entry, `slice ${spell(extents)} does not fit the shape`);
      stored += elementCount(partShape);
      const twice = parts.find((other) => overlap(other.extents, whole));
      if (twice !== undefined) throw this.#lost(key, entry, `slices ${spell(twice.extents)} and ${spell(extents)} overlap`);
      parts.push({ extents: whole, shape: partShape, entry: part, key: partKey });
    }
    if (stored !== total) throw this.#lost(key, entry, `slices hold ${stored} of ${total} elements`);
    const { data } = allocate(dtype, shape);
    for (const part of parts) {
      const piece = await this.#readWhole(ctx, part.key, part.entry);
      if (piece.dtype !== dtype) throw this.#lost(key, entry, `a slice of ${dtypeName(piece.dtype)} in a tensor of ${dtypeName(dtype)}`);
      copySlice(piece, part.extents, shape, data as { [i: number]: unknown }, width);
    }
    return newTensor(dtype, shape, data);
  }
}
export type { Bundle };

/** Checksums are made in pieces of a fifth of a millisecond, for so many milliseconds at a time: the collector, which new memory calls up, takes its time between them. */
const [summedBytes, sliceMs] = [1 << 16, 2];
/** One read call takes at most this: a 32-bit count is the limit of some systems. */
export const maxReadBytes: number = 1 << 30;
/** An index past this is not an index: 10 million tensors take less. */
const maxIndexBytes = 1 << 30;

/** openBundle reads the index of `prefix` ("…/variables/variables"). Shards are opened on first use. */
export async function openBundle(ctx: Ctx, prefix: string): Promise<Bundle> {
  throwIfDone(ctx);
  const file = `${prefix}.index`;
  let bytes: Uint8Array;
  try {
    const { size } = await stat(file);
    if (size > maxIndexBytes) throw newError(Code.DataLoss, `${file}: ${size} bytes are too many for an index`);
    await using handle = await open(file, "r");
    bytes = await handle.readFile();
  } catch (err) {
    if ((err as Failure).code === Code.DataLoss) throw err;
    throw newError(Code.NotFound, `${file}: the checkpoint index cannot be read`, err);
  }
  const { uncompress } = await import("snappyjs");
  const entries = new Map<string, BundleEntryProto>();
  let header: BundleHeaderProto | undefined;
  for (const { key, value, at } of readTable(bytes, file, (block, maxBytes) => uncompress(block, maxBytes))) {
    try {
      if (key.length === 0) header = fromBinary(BundleHeaderProtoSchema, value);
      else entries.set(keyText(key), fromBinary(BundleEntryProtoSchema, value));
    } catch (err) {
      throw newError(Code.DataLoss, `${file}: key ${printable(keyText(key))}: an entry that cannot be parsed, in the block at offset ${at}`, err);
    }
  }
  if (header === undefined) throw newError(Code.DataLoss, `${file}: there is no header under the empty key`);
  if (header.endianness !== BundleHeaderProto_Endianness.LITTLE) throw newError(Code.Unimplemented, `${file}: big-endian checkpoints are not read`);
  if (header.numShards < 1 || header.numShards > maxShards) throw newError(Code.DataLoss, `${file}: the header claims ${header.numShards} shards`);
  return new Bundle(prefix, header, entries);
}

/** File names have five digits for the shard. */
const maxShards = 99_999;

/** Keys are bytes; encoded slice keys are not UTF-8, so that one char per byte keeps all keys apart where any byte is not ASCII. */
function keyText(key: Uint8Array): string {
  return key.some((b) => b === 0 || b >= 0x80) && key[0] === 0 ? Buffer.from(key).toString("latin1") : Buffer.from(key).toString("utf8");
}

function printable(key: string): string {
  return key.replace(/[^\x20-\x7e]/g, "·");
}

function spell(extents: readonly Extent[]): string {
  return extents.map((e) => (e.length < 0 ? "-" : `${e.start},${e.length}`)).join(":");
}

/** overlap tells whether two slices of one tensor have an element in common. */
function overlap(a: readonly Extent[], b: readonly Extent[]): boolean {
  return a.every((e, d) => Math.max(e.start, b[d]!.start) < Math.min(e.start + e.length, b[d]!.start + b[d]!.length));
}

function copySlice(piece: Tensor, extents: readonly Extent[], shape: readonly number[], out: { [i: number]: unknown }, width: number): void {
  const from = piece.data as ArrayLike<unknown>;
  const rank = shape.length;
  const run = (rank === 0 ? 1 : extents[rank - 1]!.length) * width;
  const index = new Array<number>(Math.max(0, rank - 1)).fill(0);
  for (let at = 0; at < from.length; at += run) {
    let target = 0;
    for (let d = 0; d < rank; d++) target = target * shape[d]! + extents[d]!.start + (index[d] ?? 0);
    target *= width;
    for (let i = 0; i < run; i++) out[target + i] = from[at + i];
    for (let d = rank - 2; d >= 0 && ++index[d]! === extents[d]!.length; d--) index[d] = 0;
  }
}
