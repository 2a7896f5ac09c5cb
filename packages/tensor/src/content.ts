// Data plane: tensor_content <-> tensors. Little-endian hosts only, which is every platform Node is published for but s390x.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementSize, layoutOf, type NumericData } from "./dtype.ts";
import { elementCount, numeric, shapeText, type Tensor } from "./tensor.ts";

/**
 * fromBytes reads tensor_content: raw little-endian elements in row-major order; for strings all varint lengths first, then the bytes back to
 * back. Numbers are a view of `bytes` where it is aligned, else a copy; strings are always views. Throws InvalidArgument if the length is wrong, or
 * if a bool is neither 0 nor 1 (parse_tensor of TensorFlow 2.21 refuses it too).
 */
export function fromBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
  const n = elementCount(shape);
  const { array, width } = layoutOf(dtype);
  if (dtype === DType.String) return { dtype, shape, data: readStrings(bytes, n) };
  if (array === undefined) throw newError(Code.InvalidArgument, `a ${dtypeName(dtype)} tensor has no content form`);
  const want = n * elementSize(dtype);
  if (bytes.byteLength !== want) {
    throw newError(Code.InvalidArgument, `shape ${shapeText(shape)} of ${dtypeName(dtype)} takes ${want} bytes of content, not ${bytes.byteLength}`);
  }
  const own = bytes.byteOffset % array.BYTES_PER_ELEMENT !== 0 || subByte(dtype);
  const aligned = own ? new Uint8Array(bytes) : bytes;
  const data = new array(aligned.buffer, aligned.byteOffset, n * width);
  narrow(data, dtype);
  if (dtype === DType.Bool) {
    const bad = firstNonBool(aligned, n);
    if (bad < n) throw newError(Code.InvalidArgument, `element ${bad} of a bool tensor's content is ${aligned[bad]}, not 0 or 1`);
  }
  return { dtype, shape, data };
}

/** toBytes writes tensor_content. For numbers it is a view of the tensor's own data; a bool that is neither 0 nor 1 comes out as 1, of a copy. */
export function toBytes(t: Tensor): Uint8Array {
  const data = numeric(t.data);
  if (data === undefined) return writeStrings(t.data as readonly Uint8Array[]);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return t.dtype === DType.Bool && firstNonBool(bytes, bytes.length) < bytes.length ? bytes.map((b) => (b === 0 ? 0 : 1)) : bytes;
}

/** firstNonBool gives the index of the first byte past 1, or `end` if there is none before it. */
export function firstNonBool(bytes: Uint8Array, end: number, start = 0): number {
  let i = start;
  while (i < end && bytes[i]! <= 1) i++;
  return i;
}

/** narrow keeps, in place, only the bits a sub-byte type has, as TensorFlow does when it reads them: 0x0e is -2 of int4. */
export function narrow(data: NumericData, dtype: DType): void {
  const bits = subByteBits(dtype);
  if (bits === 0) return;
  const drop = 32 - bits;
  const bytes = data as Int8Array | Uint8Array;
  const signed = bytes instanceof Int8Array;
  for (let i = 0; i < bytes.length; i++) bytes[i] = signed ? (bytes[i]! << drop) >> drop : (bytes[i]! << drop) >>> drop;
}

/** subByte tells whether a dtype's values need masking: their bytes cannot be viewed as they came. */
export function subByte(dtype: DType): boolean {
  return subByteBits(dtype) !== 0;
}

/** subByteBits gives 2 or 4 for types narrower than a byte, else 0. */
function subByteBits(dtype: DType): number {
  if (dtype === DType.Int4 || dtype === DType.UInt4 || dtype === DType.Float4E2M1FN) return 4;
  return dtype === DType.Int2 || dtype === DType.UInt2 ? 2 : 0;
}

function readStrings(bytes: Uint8Array, n: number): Uint8Array[] {
  if (n > bytes.length) throw newError(Code.InvalidArgument, `${n} strings take at least ${n} bytes of content, not ${bytes.length}`);
  const lengths = new Array<number>(n);
  let at = 0;
  for (let i = 0; i < n; i++) {
    let length = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 42) throw newError(Code.InvalidArgument, `the length of string ${i} is cut off or too large`);
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    lengths[i] = length;
  }
  const out = new Array<Uint8Array>(n);
  for (let i = 0; i < n; i++) {
    const end = at + lengths[i]!;
    if (end > bytes.length) throw newError(Code.InvalidArgument, `string ${i} of ${n} takes ${lengths[i]} bytes, ${bytes.length - at} are left`);
    out[i] = bytes.subarray(at, end);
    at = end;
  }
  if (at !== bytes.length) throw newError(Code.InvalidArgument, `${bytes.length - at} bytes follow the last of ${n} strings`);
  return out;
}

function writeStrings(values: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const v of values) size += varintSize(v.length) + v.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const v of values) {
    let n = v.length;
    while (n > 0x7f) {
      out[at++] = (n & 0x7f) | 0x80;
      n = Math.floor(n / 128);
    }
    out[at++] = n;
  }
  for (const v of values) at = copyBytes(v, out, at);
  return out;
}

/** Up to this many bytes a loop beats a call of set: writing a string of 0 to 8 bytes took 27 ns instead of 49 (Node 24). */
const shortBytes = 32;

/** copyBytes copies a string's bytes to `at` and gives the offset after them. */
export function copyBytes(from: Uint8Array, to: Uint8Array, at: number): number {
  const n = from.length;
  if (n > shortBytes) to.set(from, at);
  else for (let i = 0; i < n; i++) to[at + i] = from[i]!;
  return at + n;
}

/** varintSize gives how many bytes a non-negative integer below 2^53 takes as a varint. */
export function varintSize(n: number): number {
  let size = 1;
  for (let rest = n; rest > 0x7f; rest = Math.floor(rest / 128)) size++;
  return size;
}
