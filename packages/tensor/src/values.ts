// Data plane: the *_val fields of a TensorProto -> typed arrays. One kernel per wire kind, chosen outside the loops.
import { Code, newError } from "@tfs/std";
import { firstNonBool, narrow, subByte } from "./content.ts";
import { DType, dtypeEnumName, elementSize, layoutOf, type TensorData } from "./dtype.ts";
import { type Cursor, skip, sub, tag, wire } from "./scan.ts";
import { newArray, shapeText } from "./tensor.ts";

/** Kind is how one value of a list lies on the wire. */
type Kind = "fixed32" | "fixed64" | "varint";
type Numbers = Exclude<TensorData, readonly Uint8Array[]>;

/**
 * fill walks the message again and reads the dtype's own value field into n elements. More values than elements are cut, fewer are
 * continued with the last one, none gives zeros: Tensor::FromProto does so. One packed, aligned run of floats is viewed, not copied.
 */
export function fill(c: Cursor, dtype: DType, shape: readonly number[], n: number, maxFillBytes: number): TensorData {
  const { field, kind, array, width } = layoutOf(dtype);
  if (kind === "bytes") return fillStrings(c, shape, n, maxFillBytes);
  if (array === undefined) throw newError(Code.InvalidArgument, `${dtypeEnumName(dtype)} has no value field`);
  const want = n * width;
  const seen = kind === "raw" ? lastBytes(c, field) : survey(c, field, kind);
  if (seen.count % width !== 0) throw newError(Code.InvalidArgument, `${dtypeEnumName(dtype)} has ${seen.count} numbers, not pairs`);
  guardFill(dtype, shape, n, seen.count / width, elementSize(dtype), maxFillBytes);

  const only = seen.only;
  const viewable = kind === "varint" ? dtype === DType.Bool && plainBools(only, want) : !subByte(dtype);
  if (only !== undefined && viewable && seen.count >= want && (only.bytes.byteOffset + only.at) % array.BYTES_PER_ELEMENT === 0) {
    return new array(only.bytes.buffer, only.bytes.byteOffset + only.at, want);
  }
  const out = newArray(array, want, "short");
  if (kind === "varint") readVarints(c, field, dtype, out);
  else if (kind === "raw") copyInto(out, 0, only);
  else readFixed(c, field, kind, out);
  narrow(out, dtype);
  repeatLast(out, Math.min(seen.count, want), width);
  return out;
}

/** A fill that would grow past the limit is refused before anything is allocated; values that are all there are bounded by the message itself. */
function guardFill(dtype: DType, shape: readonly number[], n: number, have: number, size: number, maxFillBytes: number): void {
  if (have < n && n * size > maxFillBytes) {
    throw newError(
      Code.InvalidArgument,
      `shape ${shapeText(shape)} of ${dtypeEnumName(dtype)} takes ${n} values and ${have} came; a tensor filled from fewer values may take ${maxFillBytes} bytes`,
    );
  }
}

/** Survey is how many values a field holds, and where, if it is one run. */
interface Survey {
  count: number;
  only: Cursor | undefined;
}

/** eachRun visits every run of a repeated field: packed lists, or single values, which a reader must accept alike. */
function eachRun(c: Cursor, field: number, kind: Kind, visit: (bytes: Uint8Array, at: number, end: number) => void): void {
  const single = wire[kind];
  const walk = { bytes: c.bytes, at: c.at, end: c.end };
  while (walk.at < walk.end) {
    const key = tag(walk);
    const type = key & 7;
    if (key >>> 3 !== field) {
      skip(walk, type);
    } else if (type === wire.bytes) {
      const run = sub(walk);
      visit(run.bytes, run.at, run.end);
    } else if (type === single) {
      const at = walk.at;
      skip(walk, type);
      visit(walk.bytes, at, walk.at);
    } else {
      throw newError(Code.InvalidArgument, `value field ${field} has wire type ${type}`);
    }
  }
}

function survey(c: Cursor, field: number, kind: Kind): Survey {
  const seen: Survey = { count: 0, only: undefined };
  let runs = 0;
  const each = kind === "fixed32" ? 4 : 8;
  eachRun(c, field, kind, (bytes, at, end) => {
    if (at === end) return;
    seen.only = runs++ === 0 ? { bytes, at, end } : undefined;
    if (kind === "varint") {
      if (bytes[end - 1]! >= 0x80) throw newError(Code.InvalidArgument, `the varint before byte ${end} is cut off`);
      for (let i = at; i < end; i++) if (bytes[i]! < 0x80) seen.count++;
    } else if ((end - at) % each !== 0) {
      throw newError(Code.InvalidArgument, `a packed list of ${end - at} bytes is not a multiple of ${each}`);
    } else {
      seen.count += (end - at) / each;
    }
  });
  return seen;
}

/** lastBytes finds a singular bytes field, float8_val: the last one wins. */
function lastBytes(c: Cursor, field: number): Survey {
  const seen: Survey = { count: 0, only: undefined };
  const walk = { bytes: c.bytes, at: c.at, end: c.end };
  while (walk.at < walk.end) {
    const key = tag(walk);
    if (key !== ((field << 3) | wire.bytes)) skip(walk, key & 7);
    else seen.only = sub(walk);
  }
  if (seen.only !== undefined) seen.count = seen.only.end - seen.only.at;
  return seen;
}

function readFixed(c: Cursor, field: number, kind: Kind, out: Numbers): void {
  let at = 0;
  eachRun(c, field, kind, (bytes, start, end) => {
    at = copyInto(out, at, { bytes, at: start, end });
  });
}

/** plainBools tells whether a run's first `want` bools are one byte each, 0 or 1: then the run is the array. */
function plainBools(run: Cursor | undefined, want: number): boolean {
  if (run === undefined || run.end - run.at < want) return false;
  return firstNonBool(run.bytes, run.at + want, run.at) === run.at + want;
}

/** copyInto copies a run's bytes to byte `at` of the array, as far as there is room, and gives the byte after. */
function copyInto(out: Numbers, at: number, run: Cursor | undefined): number {
  if (run === undefined) return at;
  const target = new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
  const take = Math.min(run.end - run.at, target.length - at);
  target.set(run.bytes.subarray(run.at, run.at + take), at);
  return at + take;
}

function readVarints(c: Cursor, field: number, dtype: DType, out: Numbers): void {
  let n = 0;
  if (out.BYTES_PER_ELEMENT === 8) {
    const words = new Uint32Array(out.buffer, out.byteOffset, out.length * 2);
    eachRun(c, field, "varint", (bytes, at, end) => {
      n = varints64(bytes, at, end, words, n);
    });
  } else if (dtype === DType.Bool) {
    eachRun(c, field, "varint", (bytes, at, end) => {
      n = bools(bytes, at, end, out as Uint8Array, n);
    });
  } else {
    eachRun(c, field, "varint", (bytes, at, end) => {
      n = varints32(bytes, at, end, out as Int32Array, n);
    });
  }
}

const tooLong = (at: number) => newError(Code.InvalidArgument, `the varint before byte ${at} has more than ten bytes`);

/** varints32 keeps the low 32 bits; storing them truncates to the element's width, as TensorFlow's cast does. `out` is any integer array. */
function varints32(bytes: Uint8Array, start: number, end: number, out: Int32Array, from: number): number {
  let n = from;
  let at = start;
  while (at < end && n < out.length) {
    let byte = bytes[at++]!;
    let value = byte & 0x7f;
    let shift = 7;
    while (byte >= 0x80) {
      if (shift >= 70) throw tooLong(at);
      byte = bytes[at++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      shift += 7;
    }
    out[n++] = value;
  }
  return n;
}

function bools(bytes: Uint8Array, start: number, end: number, out: Uint8Array, from: number): number {
  let n = from;
  let at = start;
  while (at < end && n < out.length) {
    let any = 0;
    const first = at;
    for (;;) {
      if (at - first >= 10) throw tooLong(at);
      const byte = bytes[at++]!;
      any |= byte & 0x7f;
      if (byte < 0x80) break;
    }
    out[n++] = any === 0 ? 0 : 1;
  }
  return n;
}

/** varints64 writes low and high words: no bigint is made on the way. */
function varints64(bytes: Uint8Array, start: number, end: number, words: Uint32Array, from: number): number {
  let n = from;
  let at = start;
  while (at < end && n < words.length) {
    let lo = 0;
    let hi = 0;
    let shift = 0;
    for (;;) {
      if (shift >= 70) throw tooLong(at);
      const byte = bytes[at++]!;
      const part = byte & 0x7f;
      if (shift < 28) {
        lo |= part << shift;
      } else if (shift === 28) {
        lo |= part << 28;
        hi = part >>> 4;
      } else {
        hi |= part << (shift - 32);
      }
      if (byte < 0x80) break;
      shift += 7;
    }
    words[n] = lo;
    words[n + 1] = hi;
    n += 2;
  }
  return n;
}

function repeatLast(out: Numbers, filled: number, width: number): void {
  if (filled === 0 || filled >= out.length) return;
  if (width === 1) {
    (out as Float32Array).fill(out[filled - 1] as number, filled);
    return;
  }
  for (let i = filled; i < out.length; i++) out[i] = out[i - width]!;
}

const noBytes = new Uint8Array(0);

function fillStrings(c: Cursor, shape: readonly number[], n: number, maxFillBytes: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const own = (layoutOf(DType.String).field << 3) | wire.bytes;
  while (c.at < c.end && found.length < n) {
    const key = tag(c);
    if (key !== own) {
      skip(c, key & 7);
      continue;
    }
    const value = sub(c);
    found.push(value.at === value.end ? noBytes : c.bytes.subarray(value.at, value.end));
  }
  guardFill(DType.String, shape, n, found.length, 8, maxFillBytes); // a reference takes a word
  const last = found.at(-1) ?? noBytes;
  for (let i = found.length; i < n; i++) found.push(last);
  return found;
}
