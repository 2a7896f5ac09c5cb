import { Code, newError } from "@tfs/std";
import { allocate, type DType, DType as Types, dtypeName, elementCount, elementSize, shapeText, type Tensor } from "@tfs/tensor";

/** No single value of a run may take more than this. */
export const maxValueBytes: number = 2 ** 31;

/** What one string takes besides its bytes; to make one takes as long as a hundred numbers. */
const stringBytes = 256;

/** checkSize holds a result to a sane size before it is made; `textBytes` is what its strings have in all. Throws ResourceExhausted. */
export function checkSize(dtype: DType, shape: readonly number[], textBytes = 0): void {
  const bytes = elementCount(shape) * (dtype === Types.String ? stringBytes : Math.max(1, elementSize(dtype))) + textBytes;
  if (bytes > maxValueBytes)
    throw newError(
      Code.ResourceExhausted,
      `a value of shape ${shapeText(shape)} and type ${dtypeName(dtype)} takes ${bytes} bytes, more than ${maxValueBytes}`,
    );
}

/** joinedBytes is how long strings are together that are joined piece by piece, the separators left out. */
export function joinedBytes(parts: readonly (readonly Uint8Array[])[], at: readonly Int32Array[]): number {
  let bytes = 0;
  parts.forEach((part, k) => {
    for (const i of at[k]!) bytes += part[i]!.length;
  });
  return bytes;
}

/** make allocates a result of a sane size. Throws ResourceExhausted. */
export function make(dtype: DType, shape: readonly number[]): Tensor {
  checkSize(dtype, shape);
  return allocate(dtype, shape);
}

/** broadcast gives the shape that two shapes have in common. Throws TensorFlow's text if there is none. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw newError(Code.InvalidArgument, `Incompatible shapes: ${shapeText(a)} vs. ${shapeText(b)}`);
    out[i] = x === 1 ? y : x;
  }
  return out;
}

/** strides gives row-major steps per dimension. */
export function strides(shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    out[i] = step;
    step *= shape[i]!;
  }
  return out;
}

/** spread gives the step of each dimension of `to` within data of shape `from`: 0 where `from` is repeated. */
export function spread(from: readonly number[], to: readonly number[]): number[] {
  const own = strides(from);
  const lead = to.length - from.length;
  return to.map((_, i) => (i < lead || from[i - lead] === 1 ? 0 : own[i - lead]!));
}

/** offsets lists where each element of shape `to` lies in data of shape `from`. */
export function offsets(from: readonly number[], to: readonly number[]): Int32Array {
  return walk(to, spread(from, to));
}

/** walk lists the offset of every index of `shape`, in row-major order, given a step per dimension. */
export function walk(shape: readonly number[], steps: readonly number[], start = 0): Int32Array {
  const n = elementCount(shape);
  const out = new Int32Array(n);
  if (n === 0) return out;
  out[0] = start;
  // Grow from the innermost dimension: what is filled is repeated with the next dimension's step.
  let filled = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const step = steps[d]!;
    const count = shape[d]!;
    for (let k = 1; k < count; k++) {
      const base = k * filled;
      const shift = k * step;
      for (let i = 0; i < filled; i++) out[base + i] = out[i]! + shift;
    }
    filled *= count;
  }
  return out;
}

/** axisOf brings a possibly negative axis into range. Throws InvalidArgument. */
export function axisOf(axis: number, rank: number, what = "axis"): number {
  const real = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || real < 0 || real >= rank) throw newError(Code.InvalidArgument, `${what} ${axis} is not in the range [-${rank}, ${rank})`);
  return real;
}

/** ints reads an int32 or int64 tensor as numbers: shapes, axes, begins. Throws InvalidArgument for another dtype. */
export function ints(t: Tensor): number[] {
  if (t.dtype !== Types.Int32 && t.dtype !== Types.Int64 && t.dtype !== Types.Int16 && t.dtype !== Types.UInt8 && t.dtype !== Types.Int8) {
    throw newError(Code.InvalidArgument, `expected integers, not ${dtypeName(t.dtype)}`);
  }
  const from = t.data as ArrayLike<number | bigint>;
  const out = new Array<number>(from.length);
  for (let i = 0; i < out.length; i++) out[i] = Number(from[i]);
  return out;
}

/** int reads a scalar, or a tensor of one element. */
export function int(t: Tensor): number {
  const values = ints(t);
  const [value] = values;
  if (value === undefined || values.length > 1) throw newError(Code.InvalidArgument, `expected one number, not shape ${shapeText(t.shape)}`);
  return value;
}

/** copyAt makes a tensor of `shape` from the elements of `t` at `at`. Works for every dtype. */
export function copyAt(t: Tensor, shape: readonly number[], at: Int32Array): Tensor {
  const out = make(t.dtype, shape);
  const from = t.data as ArrayLike<number>;
  const to = out.data as unknown as { [i: number]: number };
  const width = at.length === 0 ? 1 : out.data.length / at.length;
  if (width === 1) {
    for (let i = 0; i < at.length; i++) to[i] = from[at[i]!]!;
  } else {
    for (let i = 0; i < at.length; i++) for (let k = 0; k < width; k++) to[i * width + k] = from[at[i]! * width + k]!;
  }
  return out;
}

/** A shorter run of floats is copied here: to make views of it takes longer. */
const shortRun = 32;

/** copyRun copies what lies together: for gather, concat and slices. */
export function copyRun(from: Tensor["data"], start: number, count: number, to: Tensor["data"], at: number): void {
  if (count <= shortRun && from instanceof Float32Array && to instanceof Float32Array) {
    copyFloats(from, start, count, to, at);
    return;
  }
  if (ArrayBuffer.isView(from)) {
    (to as Float32Array).set((from as Float32Array).subarray(start, start + count), at);
    return;
  }
  const target = to as Uint8Array[];
  for (let i = 0; i < count; i++) target[at + i] = from[start + i]!;
}

function copyFloats(from: Float32Array, start: number, count: number, to: Float32Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = from[start + i]!;
}
