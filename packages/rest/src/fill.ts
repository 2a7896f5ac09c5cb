// Data plane: a JSON value of known extent -> the elements of a tensor, in one walk over its bytes.
import { Code, type Failure, newError } from "@tfs/std";
import { DType, dtypeName, layoutOf, maxRank, maxStrings, newTensor, type Tensor } from "@tfs/tensor";
import { dump } from "./dump.ts";
import { integerRanges } from "./integer_range.ts";
import { double, integer } from "./number.ts";
import { blank, kindOf, members, type Range, skip, stringBytes } from "./scan.ts";
import { isSmallFloat, narrowed } from "./small_float.ts";

/** Elements collects the elements of one tensor over several pieces of JSON. */
export interface Elements {
  readonly dtype: DType;
  readonly count: number;
  /** take reads one value and gives its shape. Throws InvalidArgument (Unimplemented for a dtype that JSON does not carry) in TensorFlow Serving's words. */
  take(bytes: Uint8Array, range: Range): number[];
  tensor(shape: readonly number[]): Tensor;
}

export function newElements(dtype: DType): Elements {
  const array = isSmallFloat(dtype) ? Float32Array : layoutOf(dtype).array;
  let data: { [i: number]: unknown; readonly length: number } = array === undefined ? [] : new array(16);
  let count = 0;
  const read = reader(dtype);

  function push(value: unknown): void {
    // More would take more memory, by far, than the body that holds them.
    if (dtype === DType.String && count === maxStrings) throw newError(Code.InvalidArgument, `a tensor has at most ${maxStrings} strings`);
    if (array !== undefined && count === data.length) {
      const more = new array(count * 2);
      (more as Float64Array).set(data as unknown as Float64Array);
      data = more as typeof data;
    }
    data[count++] = value;
  }

  return {
    dtype,
    get count() {
      return count;
    },
    take(bytes, range) {
      if (bytes[range.start] !== 0x5b) {
        push(read(bytes, range.start, range.end));
        return [];
      }
      const shape = shapeOf(bytes, range);
      walk(bytes, range, shape, (at, end) => push(read(bytes, at, end)));
      return shape;
    },
    tensor(shape) {
      if (array === undefined) return newTensor(dtype, shape, data as unknown as Uint8Array[]);
      const exact = (data as unknown as Float64Array).subarray(0, count);
      return newTensor(dtype, shape, isSmallFloat(dtype) ? narrowed(dtype, exact as unknown as Float32Array) : exact);
    },
  };
}

/** base64Of gives the string of an object `{"b64": "…"}`, which stands for bytes; undefined for anything else. */
export function base64Of(bytes: Uint8Array, range: Range): Range | undefined {
  if (kindOf(bytes, range.start) !== "Object") return undefined;
  let found: Range | undefined;
  let count = 0;
  for (const { name, value } of members(bytes, range)) {
    if (++count > 1 || name !== "b64" || kindOf(bytes, value.start) !== "String") return undefined;
    found = value;
  }
  return found;
}

/** shapeOf descends through first elements: `[]` is [0], `[[]]` is [1,0]. Lengths count every element of the first list of each level. */
function shapeOf(bytes: Uint8Array, range: Range): number[] {
  const firsts: number[] = [];
  for (let at = range.start; bytes[at] === 0x5b; at = blank(bytes, at + 1)) {
    if (firsts.length >= maxRank) throw newError(Code.InvalidArgument, `a tensor has at most ${maxRank} dimensions`);
    firsts.push(at);
  }
  return sizesOf(bytes, firsts);
}

/** sizesOf counts the elements of lists of which each lies in the one before, in one walk: a body may have many levels, and a megabyte in the last. */
function sizesOf(bytes: Uint8Array, lists: readonly number[]): number[] {
  const sizes = lists.map((at) => (bytes[blank(bytes, at + 1)] === 0x5d ? 0 : 1));
  let open = 0; // of the lists
  let depth = 0;
  for (let at = lists[0] ?? Number.POSITIVE_INFINITY; at < bytes.length; at++) {
    const c = bytes[at];
    if (c === 0x22) {
      at = stringEnd(bytes, at);
    } else if (c === 0x5b || c === 0x7b) {
      depth++;
      if (at === lists[open]) open++;
    } else if (c === 0x5d || c === 0x7d) {
      if (depth-- === open) open--;
      if (depth === 0) break;
    } else if (c === 0x2c && depth === open) {
      sizes[open - 1]!++;
    }
  }
  return sizes;
}

/** stringEnd gives the offset of a checked string's closing quote. */
function stringEnd(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  while (bytes[at] !== 0x22) at += bytes[at] === 0x5c ? 2 : 1;
  return at;
}

/** walk visits every scalar in order and holds every list to the shape. TensorFlow Serving looks at a list's size before its elements: where something is wrong, so do we. */
function walk(bytes: Uint8Array, range: Range, shape: readonly number[], visit: (at: number, end: number) => void): void {
  const open: number[] = [];
  try {
    walkOn(bytes, range, shape, open, visit);
  } catch (err) {
    sizesOf(bytes, open).forEach((size, level) => {
      if (size !== shape[level])
        throw newError(Code.InvalidArgument, `Encountered list at unexpected size: ${size} at level: ${level} expected size: ${shape[level]}`);
    });
    throw err;
  }
}

/** walkOn does it, and leaves in `open` where the lists start that it was in. */
function walkOn(bytes: Uint8Array, range: Range, shape: readonly number[], open: number[], visit: (at: number, end: number) => void): void {
  const rank = shape.length;
  const counts = new Array<number>(rank).fill(0);
  let depth = 0;
  let at = range.start;
  while (at < range.end) {
    const c = bytes[at]!;
    if (c === 0x5b) {
      if (depth >= rank) throw newError(Code.InvalidArgument, `Encountered list at unexpected level: ${depth} expected < ${rank}`);
      if (depth > 0) counts[depth - 1]!++;
      counts[depth++] = 0;
      open.push(at++);
    } else if (c === 0x5d) {
      depth--;
      if (counts[depth] !== shape[depth]) throw ragged;
      open.pop();
      at++;
    } else if (c === 0x2c || c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
      at++;
    } else {
      const end = c === 0x2d || (c >= 0x30 && c <= 0x39) ? numberEnd(bytes, at) : skip(bytes, at);
      if (depth !== rank)
        throw newError(
          Code.InvalidArgument,
          `JSON Value: ${dump(bytes, { start: at, end })} found at incorrect level: ${depth + 1} in the JSON DOM. Expected at level: ${rank}`,
        );
      if (depth > 0) counts[depth - 1]!++;
      visit(at, end);
      at = end;
    }
  }
}

/** What walkOn throws for a list of another size, which is still in `open`: walk says which one. */
const ragged: Error = new Error("a list of another size");

/** numberEnd finds where a checked number ends: at the first byte that cannot be part of one. */
function numberEnd(bytes: Uint8Array, from: number): number {
  for (let at = from + 1; ; at++) {
    const c = bytes[at];
    if (c === undefined || c === 0x2c || c === 0x5d || c === 0x7d || c <= 0x20) return at;
  }
}

type Reader = (bytes: Uint8Array, at: number, end: number) => unknown;

function wrongType(bytes: Uint8Array, range: Range, dtype: DType): Failure {
  return newError(Code.InvalidArgument, `JSON Value: ${dump(bytes, range)} Type: ${kindOf(bytes, range.start)} is not of expected type: ${dtypeName(dtype)}`);
}

function reader(dtype: DType): Reader {
  const range = integerRanges.get(dtype);
  if (range !== undefined) return integers(dtype, BigInt(range[0]), BigInt(range[1]), false);
  if (dtype === DType.Float || dtype === DType.Double || isSmallFloat(dtype)) {
    return (bytes, start, end) => {
      if (kindOf(bytes, start) !== "Number") throw wrongType(bytes, { start, end }, dtype);
      return double(bytes, { start, end });
    };
  }
  switch (dtype) {
    case DType.Int64:
      return integers(dtype, -(2n ** 63n), 2n ** 63n - 1n, true);
    case DType.UInt64:
      return integers(dtype, 0n, 2n ** 64n - 1n, true);
    case DType.Bool:
      return (bytes, start, end) => {
        const kind = kindOf(bytes, start);
        if (kind !== "True" && kind !== "False") throw wrongType(bytes, { start, end }, dtype);
        return kind === "True" ? 1 : 0;
      };
    case DType.String:
      return (bytes, start, end) => stringOrBase64(bytes, { start, end });
    default:
      return (bytes, start, end) => {
        if (kindOf(bytes, start) === "Object") throw wrongType(bytes, { start, end }, dtype);
        throw newError(Code.Unimplemented, `Conversion of JSON Value: ${dump(bytes, { start, end })} to type: ${dtypeName(dtype)}`);
      };
  }
}

function integers(dtype: DType, min: bigint, max: bigint, big: boolean): Reader {
  return (bytes, start, end) => {
    const value = kindOf(bytes, start) === "Number" ? integer(bytes, { start, end }) : undefined;
    if (value === undefined || value < min || value > max) throw wrongType(bytes, { start, end }, dtype);
    return big ? BigInt(value) : Number(value);
  };
}

function stringOrBase64(bytes: Uint8Array, range: Range): Uint8Array {
  const kind = kindOf(bytes, range.start);
  if (kind === "String") return stringBytes(bytes, range);
  if (kind !== "Object") throw wrongType(bytes, range, DType.String);
  const encoded = base64Of(bytes, range);
  if (encoded === undefined) throw newError(Code.InvalidArgument, `JSON Value: ${dump(bytes, range)} not formatted correctly for base64 data`);
  return decodeBase64(bytes, encoded);
}

/** decodeBase64 reads the standard alphabet; padding may be left out, white space is tolerated. Throws InvalidArgument. */
export function decodeBase64(bytes: Uint8Array, range: Range): Uint8Array {
  const text = new TextDecoder().decode(stringBytes(bytes, range)).replace(/[ \t\r\n]/g, "");
  const bare = text.replace(/={1,2}$/, "");
  const padded = text.length === bare.length || text.length % 4 === 0;
  if (!padded || bare.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(bare)) throw newError(Code.InvalidArgument, "Unable to base64 decode");
  return Uint8Array.from(atob(bare), (c) => c.charCodeAt(0));
}
