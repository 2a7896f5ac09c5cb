import { Code, type Failure, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, float32ToBfloat16, float32ToHalf, newTensor, parseDType, shapeText, type Tensor, type TensorData } from "@tfs/tensor";

/** Scalar is one element: numbers for all numeric types, bigint where 64 bits must be exact, bytes for strings that are not text. */
export type Scalar = number | bigint | boolean | string | Uint8Array;
/** Nested is a list of lists … of elements; its shape is inferred. */
export type Nested = readonly (Scalar | Nested)[];

/** Shaped is data with a shape; `dtype` ("float32", "int64", …) where the array type does not say it: half, bfloat16, bool. */
export interface Shaped {
  readonly data: TensorData | readonly Scalar[];
  readonly shape: readonly number[];
  readonly dtype?: string | number;
}

/** TensorInput is what an input may be given as. A typed array alone is a vector. */
export type TensorInput = Scalar | Nested | Shaped | Exclude<TensorData, readonly Uint8Array[]>;

/** isTyped tells whether a value says its own dtype, so that the signature is not needed to read it. */
export function isTyped(value: TensorInput): boolean {
  if (ArrayBuffer.isView(value)) return !(value instanceof Uint8Array); // bytes may be a string, or uint8
  return isShaped(value) && (value.dtype !== undefined || (ArrayBuffer.isView(value.data) && !(value.data instanceof Uint8Array)));
}

function isShaped(value: TensorInput): value is Shaped {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value) && "data" in value && "shape" in value;
}

/** dtypes of typed arrays, where there is no doubt. */
const byArray = new Map<unknown, DType>([
  [Float32Array, DType.Float],
  [Float64Array, DType.Double],
  [Int32Array, DType.Int32],
  [Int16Array, DType.Int16],
  [Int8Array, DType.Int8],
  [Uint8Array, DType.UInt8],
  [Uint16Array, DType.UInt16],
  [Uint32Array, DType.UInt32],
  [BigInt64Array, DType.Int64],
  [BigUint64Array, DType.UInt64],
]);

/**
 * toTensor reads an input. `want` is the signature's dtype, if it is known: plain numbers take it; a typed array of another kind is refused rather than
 * converted. Throws InvalidArgument that names the input and, in a list, the index path.
 */
export function toTensor(name: string, value: TensorInput, want: DType | undefined): Tensor {
  if (isShaped(value)) return shaped(name, value, want);
  if (ArrayBuffer.isView(value) && !(value instanceof Uint8Array && want === DType.String)) {
    const view = value as Exclude<TensorData, readonly Uint8Array[]>;
    return typed(name, view, [view.length], want, undefined);
  }
  const shape: number[] = [];
  for (let at: unknown = value; Array.isArray(at); at = at[0]) shape.push(at.length);
  const flat: Scalar[] = [];
  collect(name, value as Scalar | Nested, shape, 0, flat);
  return fromScalars(name, flat, shape, want);
}

/** collect flattens, holding every list to the shape of the first ones. */
function collect(path: string, value: Scalar | Nested, shape: readonly number[], depth: number, out: Scalar[]): void {
  if (!Array.isArray(value)) {
    if (depth !== shape.length) throw fail(`${path}: expected a list of ${shape[depth]} elements, got ${describe(value)}`);
    out.push(value as Scalar);
    return;
  }
  if (depth >= shape.length) throw fail(`${path}: expected a single value, got a list`);
  if (value.length !== shape[depth]) throw fail(`${path}: expected ${shape[depth]} elements, got ${value.length}`);
  value.forEach((item, i) => {
    collect(`${path}[${i}]`, item as Scalar | Nested, shape, depth + 1, out);
  });
}

function shaped(name: string, value: Shaped, want: DType | undefined): Tensor {
  const dtype = value.dtype === undefined ? undefined : typeof value.dtype === "number" ? (value.dtype as DType) : parseDType(value.dtype);
  if (value.dtype !== undefined && dtype === undefined) throw fail(`${name}: there is no dtype ${value.dtype}`);
  if (dtype !== undefined && want !== undefined && dtype !== want) throw fail(`${name}: expected ${dtypeName(want)}, got ${dtypeName(dtype)}`);
  const n = elementCount(value.shape);
  if (ArrayBuffer.isView(value.data)) return typed(name, value.data as Exclude<TensorData, readonly Uint8Array[]>, value.shape, want, dtype);
  const list = value.data as readonly Scalar[];
  if (list.length !== n) throw fail(`${name}: shape ${shapeText(value.shape)} takes ${n} values, got ${list.length}`);
  return fromScalars(name, list, value.shape, dtype ?? want);
}

/** typed takes a typed array as it is; raw bits of half and bfloat16 come as Uint16Array with a dtype, or are converted from Float32Array. */
function typed(
  name: string,
  data: Exclude<TensorData, readonly Uint8Array[]>,
  shape: readonly number[],
  want: DType | undefined,
  declared: DType | undefined,
): Tensor {
  const natural = byArray.get(data.constructor) ?? (data instanceof Uint8Array ? DType.UInt8 : undefined);
  const target = declared ?? want ?? natural;
  if (target === undefined) throw fail(`${name}: ${data.constructor.name} is no tensor data`);
  if (data instanceof Float32Array && target === DType.Half) return newTensor(target, shape, float32ToHalf(data));
  if (data instanceof Float32Array && target === DType.BFloat16) return newTensor(target, shape, float32ToBfloat16(data));
  const plain = data instanceof Uint8Array && data.constructor !== Uint8Array ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data;
  try {
    return newTensor(target, shape, plain);
  } catch (err) {
    throw newError(Code.InvalidArgument, `${name}: ${(err as Failure).message}`, err);
  }
}

const utf8 = new TextEncoder();

function fromScalars(name: string, values: readonly Scalar[], shape: readonly number[], want: DType | undefined): Tensor {
  const dtype = want ?? guess(name, values);
  const wrong = (i: number): Failure => fail(`${name}${indexPath(i, shape)}: expected ${dtypeName(dtype)}, got ${describe(values[i]!)}`);
  if (dtype === DType.String) {
    const bytes = values.map((v, i) => {
      if (typeof v === "string") return utf8.encode(v);
      if (v instanceof Uint8Array) return v;
      throw wrong(i);
    });
    return newTensor(dtype, shape, bytes);
  }
  if (dtype === DType.Int64 || dtype === DType.UInt64) {
    const out = dtype === DType.Int64 ? new BigInt64Array(values.length) : new BigUint64Array(values.length);
    values.forEach((v, i) => {
      if (typeof v === "bigint") out[i] = v;
      else if (typeof v === "number" && Number.isSafeInteger(v)) out[i] = BigInt(v);
      else throw wrong(i);
    });
    return newTensor(dtype, shape, out);
  }
  const numbers = Float64Array.from(values, (v, i) => {
    if (dtype === DType.Bool ? typeof v !== "boolean" : typeof v !== "number" && typeof v !== "bigint") throw wrong(i);
    return Number(v);
  });
  return fromNumbers(name, numbers, shape, dtype);
}

/** Ranges of integer types; a number outside is refused, not wrapped. */
const ranges = new Map<DType, readonly [min: number, max: number, array: { from(values: Float64Array): TensorData }]>([
  [DType.Int32, [-(2 ** 31), 2 ** 31 - 1, Int32Array]],
  [DType.UInt32, [0, 2 ** 32 - 1, Uint32Array]],
  [DType.Int16, [-32_768, 32_767, Int16Array]],
  [DType.UInt16, [0, 65_535, Uint16Array]],
  [DType.Int8, [-128, 127, Int8Array]],
  [DType.UInt8, [0, 255, Uint8Array]],
]);

function fromNumbers(name: string, numbers: Float64Array, shape: readonly number[], dtype: DType): Tensor {
  switch (dtype) {
    case DType.Float:
      return newTensor(dtype, shape, Float32Array.from(numbers));
    case DType.Double:
      return newTensor(dtype, shape, numbers);
    case DType.Half:
      return newTensor(dtype, shape, float32ToHalf(Float32Array.from(numbers)));
    case DType.BFloat16:
      return newTensor(dtype, shape, float32ToBfloat16(Float32Array.from(numbers)));
    case DType.Bool:
      return newTensor(dtype, shape, Uint8Array.from(numbers));
    default: {
      const range = ranges.get(dtype);
      if (range === undefined) throw fail(`${name}: ${dtypeName(dtype)} is not made from plain numbers: give { data, shape, dtype }`);
      const [min, max, array] = range;
      const bad = numbers.findIndex((v) => !Number.isInteger(v) || v < min || v > max);
      if (bad >= 0) throw fail(`${name}${indexPath(bad, shape)}: ${numbers[bad]} is no ${dtypeName(dtype)}`);
      return newTensor(dtype, shape, array.from(numbers));
    }
  }
}

/** guess is for inputs that no signature describes: numbers are float, bigints int64. */
function guess(name: string, values: readonly Scalar[]): DType {
  const [first] = values;
  switch (typeof first) {
    case "number":
      return DType.Float;
    case "bigint":
      return DType.Int64;
    case "boolean":
      return DType.Bool;
    case "string":
      return DType.String;
    case "object":
      return DType.String;
    default:
      throw fail(`${name}: an empty list says no dtype: give { data, shape, dtype }`);
  }
}

function indexPath(flat: number, shape: readonly number[]): string {
  let rest = flat;
  let path = "";
  for (let d = shape.length - 1; d >= 0; d--) {
    path = `[${rest % shape[d]!}]${path}`;
    rest = Math.floor(rest / shape[d]!);
  }
  return path;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return "bytes";
  return typeof value === "object" ? "an object" : `the ${typeof value} ${String(value).slice(0, 40)}`;
}

function fail(text: string): Failure {
  return newError(Code.InvalidArgument, text);
}
