// Data plane: tensors between threads. Numbers travel in a buffer that is handed over, strings joined in one.
import { copyOf, type DType, type NumericData, type Tensor } from "@tfs/tensor";

/** Packed is a tensor on its way to another thread: all its memory is its own. */
export interface Packed {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: NumericData;
  /** ends are where each string ends in data; undefined for numbers. */
  readonly ends?: Float64Array;
}

/** pack copies a tensor, once: its data may be a view of a request, which is its owner's. */
export function pack(tensor: Tensor): Packed {
  const { dtype, shape, data } = tensor;
  return ArrayBuffer.isView(data) ? { dtype, shape, data: copyOf(tensor).data as NumericData } : packStrings(dtype, shape, data);
}

/** copyInto copies an array into a piece of shared memory, from byte `at` on, and gives the copy. */
export function copyInto(memory: SharedArrayBuffer, at: number, data: NumericData): NumericData {
  const { buffer, byteOffset, byteLength, length } = data;
  new Uint8Array(memory, at, byteLength).set(new Uint8Array(buffer, byteOffset, byteLength));
  const Data = (Buffer.isBuffer(data) ? Uint8Array : data.constructor) as new (memory: SharedArrayBuffer, at: number, length: number) => NumericData;
  return new Data(memory, at, length);
}

/** packOwned packs without a copy where the data is alone in its buffer; the tensor is not to be used afterwards. */
export function packOwned(tensor: Tensor): Packed {
  const { dtype, shape, data } = tensor;
  return ArrayBuffer.isView(data) && data.byteLength === data.buffer.byteLength ? { dtype, shape, data } : pack(tensor);
}

function packStrings(dtype: DType, shape: readonly number[], values: readonly Uint8Array[]): Packed {
  const ends = new Float64Array(values.length);
  let total = 0;
  for (let i = 0; i < values.length; i++) ends[i] = total += values[i]!.length;
  const data = new Uint8Array(total);
  for (let i = 0; i < values.length; i++) data.set(values[i]!, ends[i]! - values[i]!.length);
  return { dtype, shape, data, ends };
}

/** unpack gives the tensor; its data are views of what has come. */
export function unpack({ dtype, shape, data, ends }: Packed): Tensor {
  if (ends === undefined) return { dtype, shape, data };
  const bytes = data as Uint8Array; // strings are packed into bytes, above
  const values = new Array<Uint8Array>(ends.length);
  for (let i = 0, start = 0; i < ends.length; start = ends[i++]!) values[i] = bytes.subarray(start, ends[i]);
  return { dtype, shape, data: values };
}

/** buffersOf lists what is handed over with the packed tensors: what is shared is not. */
export function buffersOf(all: readonly Packed[]): ArrayBuffer[] {
  return all.flatMap(({ data, ends }) => [data.buffer, ...(ends === undefined ? [] : [ends.buffer])]).filter((buffer) => buffer instanceof ArrayBuffer);
}
