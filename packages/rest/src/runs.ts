// Data plane: the elements of a tensor -> JSON, a run of the innermost dimension at a time.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, type Tensor } from "@tfs/tensor";
import { integerRanges } from "./integer_range.ts";
import { printDouble, shortestDouble } from "./number.ts";
import { type Page, put, reserve } from "./page.ts";
import { floatWidth, intWidth, putFloat, putInteger, putText } from "./print_number.ts";
import { isSmallFloat, smallFloatPrinter } from "./small_float.ts";
import { base64, indent, quoted } from "./writer.ts";

/** Numbers is how floats are written: as TensorFlow Serving does, or with as few digits as read back as the same value. */
export type Numbers = (typeof numberForms)[number];
/** numberForms are the names of both, for flags. */
export const numberForms = ["tensorflow", "shortest"] as const;

/** Run writes `count` elements from index `from` on, `between` between them. `depth` is the level of indentation that they stand at. */
export type Run = (page: Page, from: number, count: number, between: Uint8Array, depth: number) => void;

/** An output whose alias ends so is bytes: each value becomes {"b64": …}. */
const bytesSuffix = "_bytes";

/** A float64 takes at most this many bytes: -1.2345678901234567e-308. */
const doubleWidth = 24;

/** newRun chooses how the elements of an output are written. Throws InvalidArgument for a dtype that JSON does not carry. */
export function newRun(alias: string, t: Tensor, numbers: Numbers): Run {
  if (isSmallFloat(t.dtype)) return texts(t.data as Uint16Array, smallFloatPrinter(t.dtype, numbers === "shortest"));
  if (integerRanges.has(t.dtype)) return integers(t.data as Int32Array);
  switch (t.dtype) {
    case DType.Float:
      return floats(t.data as Float32Array, numbers === "shortest");
    case DType.Double:
      return texts(t.data as Float64Array, numbers === "shortest" ? shortestDouble : printDouble);
    case DType.Int64:
    case DType.UInt64:
      return longIntegers(t.data as BigInt64Array | BigUint64Array);
    case DType.Bool:
      return bools(t.data as Uint8Array);
    case DType.String:
      return strings(t.data as readonly Uint8Array[], alias.endsWith(bytesSuffix));
    default:
      throw newError(Code.InvalidArgument, `Failed to write JSON value for tensor type: ${dtypeName(t.dtype)}`);
  }
}

function floats(data: Float32Array, shortest: boolean): Run {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return (page, from, count, between) => {
    reserve(page, count * (floatWidth + between.length));
    const { bytes } = page;
    let at = page.at;
    for (let i = from; i < from + count; i++) {
      if (i > from) for (let k = 0; k < between.length; k++) bytes[at++] = between[k]!;
      at = putFloat(bytes, at, data[i]!, words[i]!, shortest);
    }
    page.at = at;
  };
}

function integers(data: Int32Array): Run {
  return (page, from, count, between) => {
    reserve(page, count * (intWidth + between.length));
    const { bytes } = page;
    let at = page.at;
    for (let i = from; i < from + count; i++) {
      if (i > from) for (let k = 0; k < between.length; k++) bytes[at++] = between[k]!;
      at = putInteger(bytes, at, data[i]!);
    }
    page.at = at;
  };
}

/** longIntegers works on low and high words: a bigint is made only where a double would not hold the number. */
function longIntegers(data: BigInt64Array | BigUint64Array): Run {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length * 2);
  const signed = data instanceof BigInt64Array;
  return (page, from, count, between) => {
    reserve(page, count * (20 + between.length));
    const { bytes } = page;
    let at = page.at;
    for (let i = from; i < from + count; i++) {
      if (i > from) for (let k = 0; k < between.length; k++) bytes[at++] = between[k]!;
      const high = signed ? words[2 * i + 1]! | 0 : words[2 * i + 1]!;
      const value = high * 2 ** 32 + words[2 * i]!;
      at = Number.isSafeInteger(value) ? putInteger(bytes, at, value) : putText(bytes, at, String(data[i]));
    }
    page.at = at;
  };
}

function texts(data: Float64Array | Uint16Array, print: (value: number) => string): Run {
  return (page, from, count, between) => {
    reserve(page, count * (doubleWidth + between.length));
    const { bytes } = page;
    let at = page.at;
    for (let i = from; i < from + count; i++) {
      if (i > from) for (let k = 0; k < between.length; k++) bytes[at++] = between[k]!;
      at = putText(bytes, at, print(data[i]!));
    }
    page.at = at;
  };
}

function bools(data: Uint8Array): Run {
  return (page, from, count, between) => {
    reserve(page, count * (5 + between.length));
    const { bytes } = page;
    let at = page.at;
    for (let i = from; i < from + count; i++) {
      if (i > from) for (let k = 0; k < between.length; k++) bytes[at++] = between[k]!;
      at = putText(bytes, at, data[i] === 0 ? "false" : "true");
    }
    page.at = at;
  };
}

function strings(data: readonly Uint8Array[], asBytes: boolean): Run {
  return (page, from, count, between, depth) => {
    for (let i = from; i < from + count; i++) {
      if (i > from) {
        reserve(page, between.length);
        for (let k = 0; k < between.length; k++) page.bytes[page.at++] = between[k]!;
      }
      if (asBytes) put(page, `{\n${indent(depth + 1)}"b64": "${base64(data[i]!)}"\n${indent(depth)}}`);
      else if (!putPlain(page, data[i]!)) put(page, quoted(data[i]!));
    }
  };
}

/** putPlain writes printable ASCII in quotes; false, and nothing written, if a byte needs more thought than that. */
function putPlain(page: Page, value: Uint8Array): boolean {
  reserve(page, value.length + 2);
  const { bytes } = page;
  let at = page.at;
  bytes[at++] = 0x22;
  for (let i = 0; i < value.length; i++) {
    const c = value[i]!;
    if (c < 0x20 || c > 0x7e || c === 0x22 || c === 0x5c) return false;
    bytes[at++] = c;
  }
  bytes[at++] = 0x22;
  page.at = at;
  return true;
}
