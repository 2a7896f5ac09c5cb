// FlatBuffers, as far as a reader needs them: tables, vectors and strings behind checked offsets (https://flatbuffers.dev/internals). Control plane.
import { Code, newError } from "@tfs/std";

/** Flat is a flatbuffer that is being read. Positions are byte offsets into it. */
export interface Flat {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** left is how many elements may still be read: offsets may lead many times to the same place, and a small file must not cost more than a big one. */
  left: number;
}

/** Table is one table: where it begins, and where its field positions are listed. */
export interface Table {
  readonly at: number;
  readonly vtable: number;
  readonly fields: number;
}

export function newFlat(bytes: Uint8Array): Flat {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), left: 4 * bytes.length + 4096 };
}

/** malformed is what a buffer that is none fails with, in TensorFlow Serving's text; the cause tells where. */
export function malformed(why: string): Error {
  return newError(Code.InvalidArgument, "Cannot build FlatBufferModel from buffer.", newError(Code.InvalidArgument, why));
}

function inside(flat: Flat, at: number, bytes: number): void {
  if (at < 0 || at + bytes > flat.bytes.length) throw malformed(`${bytes} bytes at ${at} are outside the ${flat.bytes.length} of the buffer`);
}

export function u8(flat: Flat, at: number): number {
  inside(flat, at, 1);
  return flat.view.getUint8(at);
}

export function i32(flat: Flat, at: number): number {
  inside(flat, at, 4);
  return flat.view.getInt32(at, true);
}

export function u32(flat: Flat, at: number): number {
  inside(flat, at, 4);
  return flat.view.getUint32(at, true);
}

/** u64 reads a number that is an offset or a size; what is too big for one becomes Infinity. */
export function u64(flat: Flat, at: number): number {
  inside(flat, at, 8);
  const n = flat.view.getBigUint64(at, true);
  return n > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(n);
}

/** follow gives where an offset leads: always forward. */
export function follow(flat: Flat, at: number): number {
  return at + u32(flat, at);
}

/** table opens the table at a position. */
export function table(flat: Flat, at: number): Table {
  spend(flat, 1);
  const vtable = at - i32(flat, at);
  inside(flat, vtable, 4);
  const bytes = flat.view.getUint16(vtable, true);
  inside(flat, vtable, bytes);
  return { at, vtable, fields: (bytes - 4) >> 1 };
}

/** field gives the position of a table's field by its number, undefined if it has its default. */
export function field(flat: Flat, { at, vtable, fields }: Table, id: number): number | undefined {
  if (id >= fields) return undefined;
  const offset = flat.view.getUint16(vtable + 4 + 2 * id, true);
  return offset === 0 ? undefined : at + offset;
}

/** Vector is where the first of `length` elements is. */
export interface Vector {
  readonly at: number;
  readonly length: number;
}

const none: Vector = { at: 0, length: 0 };

/** vector opens the vector in a field, whose elements take `width` bytes; a field that is absent has no elements. */
export function vector(flat: Flat, t: Table, id: number, width: number): Vector {
  const at = field(flat, t, id);
  if (at === undefined) return none;
  const start = follow(flat, at);
  const length = u32(flat, start);
  inside(flat, start + 4, length * width);
  return { at: start + 4, length };
}

/** tables opens every table of a vector of them. */
export function tables(flat: Flat, t: Table, id: number): Table[] {
  const { at, length } = vector(flat, t, id, 4);
  spend(flat, length);
  return Array.from({ length }, (_, i) => table(flat, follow(flat, at + 4 * i)));
}

export function ints(flat: Flat, t: Table, id: number): number[] {
  const { at, length } = vector(flat, t, id, 4);
  spend(flat, length);
  return Array.from({ length }, (_, i) => flat.view.getInt32(at + 4 * i, true));
}

/** bytesOf views a vector of bytes. */
export function bytesOf(flat: Flat, t: Table, id: number): Uint8Array {
  const { at, length } = vector(flat, t, id, 1);
  return flat.bytes.subarray(at, at + length);
}

const utf8 = new TextDecoder();

/** text reads a string; undefined if the field is absent. */
export function text(flat: Flat, t: Table, id: number): string | undefined {
  if (field(flat, t, id) === undefined) return undefined;
  const bytes = bytesOf(flat, t, id);
  spend(flat, bytes.length);
  return utf8.decode(bytes);
}

function spend(flat: Flat, n: number): void {
  flat.left -= n;
  if (flat.left < 0) throw malformed("its parts overlap");
}
