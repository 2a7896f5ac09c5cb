// The index keys of sliced tensors: TensorFlow's ordered code of (0, name, rank, start and length of each dimension).
// Source: tensorflow/core/util/saved_tensor_slice_util.cc (EncodeTensorNameSlice), tensorflow/core/lib/strings/ordered_code.cc.
import type { TensorSliceProto } from "@tfs/proto";

/** Extent is one dimension of a slice: `length` -1 means all of it. */
export interface Extent {
  readonly start: number;
  readonly length: number;
}

/** extentsOf reads a TensorSliceProto. An extent without a length is the whole dimension. */
export function extentsOf(slice: TensorSliceProto): Extent[] {
  return slice.extent.map((e) => ({ start: Number(e.start), length: e.hasLengthHack.case === "length" ? Number(e.hasLengthHack.value) : -1 }));
}

/** sliceKey gives the key, as bytes, under which the index holds one slice of `name`. */
export function sliceKey(name: string, extents: readonly Extent[]): Uint8Array {
  const out: number[] = [];
  appendUnsigned(out, 0);
  appendString(out, new TextEncoder().encode(name));
  appendUnsigned(out, extents.length);
  for (const { start, length } of extents) {
    appendSigned(out, start);
    appendSigned(out, length);
  }
  return Uint8Array.from(out);
}

/** One byte says how many follow, big-endian without leading zeros. */
function appendUnsigned(out: number[], value: number): void {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  out.push(bytes.length, ...bytes);
}

/** 0x00 and 0xff are escaped, so that the terminator 00 01 sorts before any continuation. */
function appendString(out: number[], bytes: Uint8Array): void {
  for (const b of bytes) {
    out.push(b);
    if (b === 0x00) out.push(0xff);
    else if (b === 0xff) out.push(0x00);
  }
  out.push(0x00, 0x01);
}

/**
 * A signed number takes n bytes, 6 or 7 of whose bits are its own for n = 1, 2, …: the leading bits hold the sign and, in unary, the length.
 * -64 to 63 take one byte: the value with its top bit flipped.
 */
function appendSigned(out: number[], value: number): void {
  const magnitude = value < 0 ? -value - 1 : value;
  let length = 1;
  while (magnitude >= 2 ** (7 * length - 1)) length++;
  // Two's complement on `length` bytes (7 length - 1 bits of value fit with room for the header), then the header over the top bits.
  const bytes = new Array<number>(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = ((rest % 256) + 256) % 256;
    rest = Math.floor(rest / 256);
  }
  if (length <= 8) {
    // header: `length` ones for a non-negative value and a zero after them; all flipped for a negative one. XOR works for both.
    const header = length < 8 ? (0xff << (8 - length)) & 0xff : 0xff;
    bytes[0] = bytes[0]! ^ header;
  }
  out.push(...bytes);
}
