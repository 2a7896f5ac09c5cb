/** Shape says where a message has its model_spec: field 1 is one, or field 1 is a task whose field 1 is one (MultiInference: the first task counts). */
export type Shape = "spec" | "task";

/** Spec is what tensorflow.serving.ModelSpec says. */
export interface Spec {
  readonly name: string;
  readonly signature: string;
  /** version, if one is asked for; at most one of version and label is. */
  readonly version: bigint | undefined;
  readonly label: string | undefined;
}

/** Peeked is a spec; or `none` can be had: the message has none, is compressed, is broken, or says so too late; or `more` bytes are needed. */
export type Peeked = Spec | "none" | "more";

/** So much of a call's beginning is looked at: what stands behind more than this in tensors is not found. */
export const headBytes: number = 16 << 10;

const prefixBytes = 5;

/** Cursor is a place in a message: it moves on as the message is read. `ok` turns false when what is read does not end before `end`. */
interface Cursor {
  at: number;
  ok: boolean;
}

/**
 * peek reads the model_spec of the gRPC message whose prefix is at bytes[start], of which bytes up to `end` have come. It skips the fields in front of it by their
 * lengths. Should field 1 come twice, which no encoder writes, the first counts.
 */
export function peek(bytes: Buffer, start: number, end: number, shape: Shape): Peeked {
  if (end - start < prefixBytes) return "more";
  if (bytes[start] !== 0) return "none";
  const first = start + prefixBytes;
  const last = first + bytes.readUInt32BE(start + 1);
  const seen = Math.min(end, last, start + headBytes);
  const cursor: Cursor = { at: first, ok: true };
  const found = findFirst(bytes, cursor, seen, last);
  if (found === "cut") return seen === end && end < last ? "more" : "none";
  if (found === "none") return "none";
  if (shape === "task") {
    const spec = findFirst(bytes, cursor, found, found);
    return typeof spec === "number" ? readSpec(bytes, cursor, spec) : "none";
  }
  return readSpec(bytes, cursor, found);
}

/**
 * findFirst puts the cursor at the content of field 1, a message, and gives its end. Bytes up to `seen` are there, the message that is searched goes on to `last`.
 * "cut": what decides lies behind `seen`.
 */
function findFirst(bytes: Buffer, cursor: Cursor, seen: number, last: number): number | "none" | "cut" {
  while (cursor.at < last) {
    const tag = readVarint(bytes, cursor, seen);
    if (!cursor.ok) return "cut";
    if (tag === 0x0a) {
      const length = readVarint(bytes, cursor, seen);
      if (!cursor.ok) return "cut";
      const end = cursor.at + length;
      if (end > last) return "none";
      return end > seen ? "cut" : end;
    }
    if (!skip(bytes, cursor, seen, tag & 7)) return cursor.ok ? "none" : "cut";
    if (cursor.at > last) return "none";
    if (cursor.at > seen) return "cut";
  }
  return "none";
}

function readSpec(bytes: Buffer, cursor: Cursor, end: number): Spec | "none" {
  let name = "";
  let signature = "";
  let version: bigint | undefined;
  let label: string | undefined;
  while (cursor.at < end) {
    const tag = readVarint(bytes, cursor, end);
    if (!cursor.ok) return "none";
    if ((tag & 7) !== 2 || tag > 0x22) {
      if (!skip(bytes, cursor, end, tag & 7) || cursor.at > end) return "none";
      continue;
    }
    const from = readVarint(bytes, cursor, end) + cursor.at;
    if (!cursor.ok || from > end) return "none";
    const start = cursor.at;
    cursor.at = from;
    if (tag === 0x0a) name = bytes.toString("utf8", start, from);
    else if (tag === 0x1a) signature = bytes.toString("utf8", start, from);
    else if (tag === 0x12) {
      // A field that comes twice is merged: a version that says nothing leaves the one before.
      version = readInt64Value(bytes, start, from) ?? version ?? 0n;
      label = undefined;
    } else if (tag === 0x22) {
      label = bytes.toString("utf8", start, from);
      version = undefined;
    }
  }
  return { name, signature, version, label };
}

/** readInt64Value reads google.protobuf.Int64Value; undefined if it says nothing, or nothing that can be read. */
function readInt64Value(bytes: Buffer, start: number, end: number): bigint | undefined {
  const cursor: Cursor = { at: start, ok: true };
  let value: bigint | undefined;
  while (cursor.at < end) {
    const tag = readVarint(bytes, cursor, end);
    if (!cursor.ok) return value;
    if (tag === 0x08) value = readInt64(bytes, cursor, end);
    else if (!skip(bytes, cursor, end, tag & 7)) return value;
  }
  return value;
}

function readInt64(bytes: Buffer, cursor: Cursor, end: number): bigint {
  let value = 0n;
  for (let shift = 0n; cursor.at < end && shift < 70n; shift += 7n) {
    const byte = bytes[cursor.at++]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return BigInt.asIntN(64, value);
}

/** skip passes over a field's value; false if it cannot be passed: a group, which proto3 has not, or a varint that is cut (then `ok` is false too). */
function skip(bytes: Buffer, cursor: Cursor, end: number, wireType: number): boolean {
  switch (wireType) {
    case 0:
      readVarint(bytes, cursor, end);
      return cursor.ok;
    case 1:
      cursor.at += 8;
      return true;
    case 2: {
      const length = readVarint(bytes, cursor, end);
      cursor.at += length;
      return cursor.ok;
    }
    case 5:
      cursor.at += 4;
      return true;
    default:
      return false;
  }
}

/** readVarint reads up to ten bytes; as a number, which is exact for all that is a tag or a length. */
function readVarint(bytes: Buffer, cursor: Cursor, end: number): number {
  let value = 0;
  let unit = 1;
  for (let i = 0; i < 10; i++) {
    if (cursor.at >= end) break;
    const byte = bytes[cursor.at++]!;
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value;
    unit *= 128;
  }
  cursor.ok = false;
  return 0;
}
