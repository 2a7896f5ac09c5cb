// Data plane: the protobuf wire format, as far as a TensorProto needs it (protobuf.dev, "Encoding").
import { Code, newError } from "@tfs/std";

/** Cursor reads one message's bytes from `at` to `end`. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const cut = (c: Cursor) => newError(Code.InvalidArgument, `the message is cut off at byte ${c.at}`);

/** tag reads a field's key as number * 8 + wire type. */
export function tag(c: Cursor): number {
  const key = uint(c);
  if (key < 8 || key > 0xffffffff) throw newError(Code.InvalidArgument, `byte ${c.at} holds no field`);
  return key;
}

/** uint reads a varint that must fit 53 bits: tags, lengths. */
export function uint(c: Cursor): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    if (c.at >= c.end) throw cut(c);
    const byte = c.bytes[c.at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value > Number.MAX_SAFE_INTEGER) break;
      return value;
    }
    scale *= 128;
  }
  throw newError(Code.InvalidArgument, `the varint before byte ${c.at} is too large`);
}

/** int64 reads a varint as a signed 64-bit number, rounded to a double: exact for what a dimension can sensibly be. */
export function int64(c: Cursor): number {
  let lo = 0;
  let hi = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (c.at >= c.end) throw cut(c);
    const byte = c.bytes[c.at++]!;
    const bits = byte & 0x7f;
    if (shift < 28) lo |= bits << shift;
    else if (shift === 28) {
      lo |= bits << 28;
      hi |= bits >>> 4;
    } else hi |= bits << (shift - 32);
    if (byte < 0x80) return hi * 2 ** 32 + (lo >>> 0);
  }
  throw newError(Code.InvalidArgument, `the varint before byte ${c.at} has more than ten bytes`);
}

/** exactInt64 reads what int64 has rounded: for a text. */
export function exactInt64(c: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = c.bytes[c.at++]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, value);
  }
}

/** int32 reads a varint as an enum's number: the low 32 bits, as generated code does. */
export function int32(c: Cursor): number {
  const start = c.at;
  int64(c);
  let low = 0;
  for (let i = start, shift = 0; i < c.at && shift < 32; i++, shift += 7) low |= (c.bytes[i]! & 0x7f) << shift;
  return low;
}

/** sub opens a length-delimited field as a cursor of its own and steps past it. */
export function sub(c: Cursor): Cursor {
  const length = uint(c);
  const start = c.at;
  if (length > c.end - start) throw newError(Code.InvalidArgument, `a field of ${length} bytes at byte ${start} runs past the end`);
  c.at = start + length;
  return { bytes: c.bytes, at: start, end: start + length };
}

/** expectType refuses a known field of another wire type: skipping it would turn a value into silent zeros. */
export function expectType(c: Cursor, name: string, got: number, want: number): void {
  if (got !== want) throw newError(Code.InvalidArgument, `${name} before byte ${c.at} has wire type ${got}, not ${want}`);
}

/** skip steps past a field that nobody asked for. Groups are not part of proto3 and are refused. */
export function skip(c: Cursor, wireType: number): void {
  if (wireType === wire.varint) {
    int64(c);
  } else if (wireType === wire.bytes) {
    sub(c);
  } else {
    const size = wireType === wire.fixed32 ? 4 : wireType === wire.fixed64 ? 8 : 0;
    if (size === 0) throw newError(Code.InvalidArgument, `wire type ${wireType} before byte ${c.at} is not of proto3`);
    if (c.end - c.at < size) throw cut(c);
    c.at += size;
  }
}
