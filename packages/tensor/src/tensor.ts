import { type ArrayOf, Code, carve, newError } from "@tfs/std";
import { type ArrayType, DType, dtypeName, layoutOf, type NumericData, type TensorData, toDType } from "./dtype.ts";

/**
 * Tensor is one value: dtype, shape, data. Elements are in row-major order.
 *
 * | dtype | data |
 * |---|---|
 * | float, complex64 | Float32Array (complex: real, imaginary alternating) |
 * | double, complex128 | Float64Array (likewise) |
 * | int32, qint32 / uint32 | Int32Array / Uint32Array |
 * | int64 / uint64 | BigInt64Array / BigUint64Array |
 * | int16, qint16 / uint16, quint16 | Int16Array / Uint16Array |
 * | half, bfloat16 | Uint16Array of the raw bits |
 * | int8, qint8, int4, int2 | Int8Array |
 * | uint8, quint8, uint4, uint2, bool (0 or 1), float8_*, float4_* | Uint8Array |
 * | string | array of Uint8Array |
 *
 * Data may be a view of somebody's bytes (a request body): whoever keeps a tensor beyond the request copies it.
 */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** More dimensions than this are refused, as TensorFlow does (TensorShape::MaxDimensions). */
export const maxRank = 254;

/** elementCount gives the product of the dimensions: 1 for a scalar. Throws InvalidArgument for a negative dimension, too many, or a product past 2^53. */
export function elementCount(shape: readonly number[]): number {
  if (shape.length > maxRank) throw newError(Code.InvalidArgument, `shape has ${shape.length} dimensions, more than ${maxRank}`);
  let n = 1;
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 0) throw newError(Code.InvalidArgument, `shape ${shapeText(shape)} has the dimension ${dim}`);
    n *= dim; // in order, as TensorFlow: whatever follows a zero is fine
    if (n > Number.MAX_SAFE_INTEGER) throw newError(Code.InvalidArgument, `shape ${shapeText(shape)} has too many elements`);
  }
  return n;
}

/** shapeText prints a shape as TensorFlow does: "[2,3]", a scalar "[]". */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(",")}]`;
}

/** newTensor checks that count and array type fit dtype and shape, and takes `data` as it is. Throws InvalidArgument. */
export function newTensor(dtype: DType, shape: readonly number[], data: TensorData): Tensor {
  if (toDType(dtype) !== dtype) throw newError(Code.InvalidArgument, `there is no dtype ${String(dtype)}`); // callers without types
  const { array, width } = layoutOf(dtype);
  const want = elementCount(shape) * width;
  if (array === undefined) {
    if (dtype !== DType.String) throw newError(Code.InvalidArgument, `a ${dtypeName(dtype)} tensor cannot be made from values`);
    if (!Array.isArray(data) || !data.every((v) => v instanceof Uint8Array)) {
      throw newError(Code.InvalidArgument, "a string tensor takes an array of Uint8Array");
    }
  } else if (!(data instanceof array)) {
    const got = Array.isArray(data) ? "an array" : data.constructor.name;
    throw newError(Code.InvalidArgument, `a ${dtypeName(dtype)} tensor takes ${array.name}, not ${got}`);
  }
  if (data.length !== want) {
    throw newError(Code.InvalidArgument, `shape ${shapeText(shape)} of ${dtypeName(dtype)} takes ${want} values, not ${data.length}`);
  }
  return { dtype, shape, data };
}

/** newArray makes a typed array of zeros; `short` is for one that lives as long as a request. Throws ResourceExhausted where the platform has no room for it. */
export function newArray(array: ArrayType, length: number, life: "long" | "short" = "long"): NumericData {
  try {
    return life === "short" ? carve(array as ArrayOf<NumericData>, length) : new array(length);
  } catch (err) {
    throw newError(Code.ResourceExhausted, `no memory for ${length} values of ${array.BYTES_PER_ELEMENT} bytes`, err);
  }
}

/** A Buffer's own slice would be a view. */
const copy = Uint8Array.prototype.slice as (this: NumericData) => NumericData;

/** copyOf gives a tensor with memory of its own, for who keeps one beyond the request that it came with. */
export function copyOf({ dtype, shape, data }: Tensor): Tensor {
  return { dtype, shape, data: ArrayBuffer.isView(data) ? copy.call(data) : data.map((text) => copy.call(text) as Uint8Array) };
}

/** allocate makes a tensor of zeros, or of empty strings. Throws InvalidArgument for a shape that is none, ResourceExhausted without room for it. */
export function allocate(dtype: DType, shape: readonly number[]): Tensor {
  const { array, width } = layoutOf(dtype);
  const n = elementCount(shape) * width;
  if (array !== undefined) return { dtype, shape, data: newArray(array, n) };
  if (dtype !== DType.String) throw newError(Code.InvalidArgument, `a ${dtypeName(dtype)} tensor has no zero value`);
  return { dtype, shape, data: new Array<Uint8Array>(n).fill(noBytes) };
}

const noBytes = new Uint8Array(0);

/** numeric narrows data to a typed array; a string tensor's gives undefined. */
export function numeric(data: TensorData): NumericData | undefined {
  return ArrayBuffer.isView(data) ? data : undefined;
}

/** reshape gives the same data under another shape of as many elements. */
export function reshape(t: Tensor, shape: readonly number[]): Tensor {
  const [want, got] = [elementCount(shape), elementCount(t.shape)];
  if (want !== got) throw newError(Code.InvalidArgument, `cannot reshape ${shapeText(t.shape)} (${got} values) to ${shapeText(shape)} (${want})`);
  return { dtype: t.dtype, shape, data: t.data };
}

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { ignoreBOM: true }); // else it would drop one at the start

/** fromStrings makes a string tensor of UTF-8 bytes; the shape is [n] unless given. */
export function fromStrings(values: readonly string[], shape: readonly number[] = [values.length]): Tensor {
  return newTensor(
    DType.String,
    shape,
    values.map((v) => utf8.encode(v)),
  );
}

/** strings reads a string tensor's elements as UTF-8; a byte sequence that is not UTF-8 shows U+FFFD. Throws InvalidArgument for another dtype. */
export function strings(t: Tensor): string[] {
  if (t.dtype !== DType.String) throw newError(Code.InvalidArgument, `a ${dtypeName(t.dtype)} tensor has no strings`);
  return (t.data as readonly Uint8Array[]).map((bytes) => text.decode(bytes));
}
