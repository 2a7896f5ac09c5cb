// Data plane: TensorProto bytes -> Tensor, by hand: generated code takes 1-7 ms for 150,528 floats, moving the bytes 0.07.
import { Code, isFailure, newError } from "@tfs/std";
import { fromBytes } from "./content.ts";
import { type DType, dtypeEnumName, elementSize, layoutOf, toDType } from "./dtype.ts";
import { type Cursor, expectType, int32, exactInt64, int64, skip, sub, tag, wire } from "./scan.ts";
import { elementCount, maxRank, newArray, shapeText, type Tensor } from "./tensor.ts";
import { fill } from "./values.ts";

export interface DecodeOptions {
  /** name goes in front of error texts: the input's alias. */
  readonly name?: string;
  /** maxBytes bounds the decoded tensor, in bytes; default 1 GiB. A string counts as 128: the view of it takes that much, however short it is. */
  readonly maxBytes?: number;
  /** maxFillBytes bounds a tensor that a shorter list of values is spread over, in bytes; default 64 MiB. A few bytes on the wire must not claim a gigabyte. */
  readonly maxFillBytes?: number;
}

/** Limits on what one TensorProto may expand to. */
export const defaultMaxBytes: number = 2 ** 30;
export const defaultMaxFillBytes: number = 2 ** 26;

/** What a view of one string costs in V8, measured; a message of empty strings takes two bytes for each. */
const stringBytes = 128;

/** maxStrings is how many strings a tensor may have by default. */
export const maxStrings: number = defaultMaxBytes / stringBytes;

/** Field numbers of tensorflow.TensorProto (tensor.proto). */
const field = { dtype: 1, shape: 2, content: 4, string: 8 } as const;
const firstValueField = 5;
const lastValueField = 18;

/** Header is what a first pass over the fields finds; values are read by a second one, when the dtype is known. */
interface Header {
  dtype: number;
  readonly shape: number[];
  unknownRank: boolean;
  content: Cursor | undefined;
  /** One bit per value field that holds anything. */
  valueFields: number;
}

/**
 * decode reads the wire bytes of a tensorflow.TensorProto: content, or the dtype's own value field with its last value repeated to fill
 * the shape (no value at all means zeros). It views `proto` where alignment allows. Throws InvalidArgument, naming the tensor, what was
 * expected and what came, before anything is allocated. A known field of the wrong wire type is refused; unknown fields are skipped.
 */
export function decode(proto: Uint8Array, options: DecodeOptions = {}): Tensor {
  // A Buffer would hand out Buffers, whose slice does not copy.
  const bytes = proto.constructor === Uint8Array ? proto : new Uint8Array(proto.buffer, proto.byteOffset, proto.byteLength);
  try {
    const header = scan({ bytes, at: 0, end: bytes.length });
    const dtype = dtypeOf(header);
    const shape = header.shape;
    if (header.unknownRank) throw newError(Code.InvalidArgument, "the shape has an unknown rank");
    const n = elementCount(shape);
    const maxBytes = options.maxBytes ?? defaultMaxBytes;
    const size = n * (elementSize(dtype) || stringBytes);
    if (size > maxBytes)
      throw newError(Code.InvalidArgument, `shape ${shapeText(shape)} of ${dtypeEnumName(dtype)} takes ${size} bytes, the limit is ${maxBytes}`);
    // Values of an empty tensor are ignored, whatever they are (Tensor::FromProto).
    if (n === 0) return { dtype, shape, data: emptyData(dtype) };
    if (header.content !== undefined) return fromBytes(dtype, shape, bytes.subarray(header.content.at, header.content.end));
    const own = layoutOf(dtype).field;
    const foreign = header.valueFields & ~(1 << own);
    if (foreign !== 0) throw newError(Code.InvalidArgument, `${dtypeEnumName(dtype)} has its values in ${names[own]}, but ${listed(foreign)} came`);
    const limit = options.maxFillBytes ?? defaultMaxFillBytes;
    return { dtype, shape, data: fill({ bytes, at: 0, end: bytes.length }, dtype, shape, n, limit) };
  } catch (err) {
    if (!isFailure(err) || options.name === undefined) throw err;
    throw newError(err.code, `tensor ${options.name}: ${err.message}`, err.cause);
  }
}

function emptyData(dtype: DType): Tensor["data"] {
  const { array } = layoutOf(dtype);
  return array === undefined ? [] : newArray(array, 0);
}

function dtypeOf(header: Header): DType {
  const dtype = toDType(header.dtype);
  if (dtype === undefined) throw newError(Code.InvalidArgument, header.dtype === 0 ? "the dtype is not set" : `there is no dtype ${header.dtype}`);
  if (layoutOf(dtype).kind === "raw" && layoutOf(dtype).field === 0) {
    throw newError(Code.InvalidArgument, `${dtypeEnumName(dtype)} values stay inside a graph and cannot be sent`);
  }
  return dtype;
}

function scan(c: Cursor): Header {
  const header: Header = { dtype: 0, shape: [], unknownRank: false, content: undefined, valueFields: 0 };
  while (c.at < c.end) {
    const key = tag(c);
    const number = key >>> 3;
    const type = key & 7;
    const want = single[number];
    if (want !== undefined && !(type === wire.bytes && number >= firstValueField)) expectType(c, names[number] ?? "a field", type, want);
    if (number === field.dtype) {
      header.dtype = int32(c);
    } else if (number === field.shape) {
      scanShape(sub(c), header);
    } else if (number === field.content) {
      const content = sub(c);
      header.content = content.end > content.at ? content : undefined; // the last one wins, as for any scalar field
    } else {
      const at = c.at;
      skip(c, type);
      const some = type !== wire.bytes || c.bytes[at] !== 0 || number === field.string; // an empty packed list holds nothing; an empty string is a value
      if (number >= firstValueField && number <= lastValueField && some) header.valueFields |= 1 << number;
    }
  }
  return header;
}

function scanShape(c: Cursor, header: Header): void {
  while (c.at < c.end) {
    const key = tag(c);
    const number = key >>> 3;
    if (number === 2) {
      expectType(c, "dim", key & 7, wire.bytes);
      if (header.shape.length === maxRank) throw newError(Code.InvalidArgument, `the shape has more than ${maxRank} dimensions`);
      header.shape.push(scanDim(sub(c)));
    } else if (number === 3) {
      expectType(c, "unknown_rank", key & 7, wire.varint);
      header.unknownRank = int64(c) !== 0;
    } else {
      skip(c, key & 7);
    }
  }
}

function scanDim(c: Cursor): number {
  let size = 0;
  while (c.at < c.end) {
    const key = tag(c);
    if (key >>> 3 === 1) {
      expectType(c, "size", key & 7, wire.varint);
      const { at } = c;
      size = int64(c);
      if (!Number.isSafeInteger(size)) throw newError(Code.InvalidArgument, `the shape has the dimension ${exactInt64({ ...c, at })}`);
    } else {
      skip(c, key & 7);
    }
  }
  return size;
}

/** single is the wire type of each field's single value, by number; from float_val on a list may also come packed, as bytes. */
const single: readonly (number | undefined)[] = (() => {
  const { varint, fixed64, bytes, fixed32 } = wire;
  return [
    undefined,
    varint,
    bytes,
    varint,
    bytes,
    fixed32,
    fixed64,
    varint,
    bytes,
    fixed32,
    varint,
    varint,
    fixed64,
    varint,
    bytes,
    bytes,
    varint,
    varint,
    bytes,
  ];
})();

const names: Readonly<Record<number, string>> = {
  1: "dtype",
  2: "tensor_shape",
  3: "version_number",
  4: "tensor_content",
  5: "float_val",
  6: "double_val",
  7: "int_val",
  8: "string_val",
  9: "scomplex_val",
  10: "int64_val",
  11: "bool_val",
  12: "dcomplex_val",
  13: "half_val",
  14: "resource_handle_val",
  15: "variant_val",
  16: "uint32_val",
  17: "uint64_val",
  18: "float8_val",
};

function listed(fields: number): string {
  const found: string[] = [];
  for (let i = firstValueField; i <= lastValueField; i++) if ((fields & (1 << i)) !== 0) found.push(names[i] ?? `field ${i}`);
  return found.join(" and ");
}
