import { Code, newError } from "@tfs/std";
import { dtypeName, layoutOf } from "./dtype.ts";
import { elementCount, newArray, numeric, shapeText, type Tensor } from "./tensor.ts";

/** rowCount gives the size of dimension 0. Throws InvalidArgument for a scalar, which has no rows. */
export function rowCount(t: Tensor): number {
  const rows = t.shape[0];
  if (rows === undefined) throw newError(Code.InvalidArgument, "a scalar has no dimension 0");
  return rows;
}

/** slice views rows [begin, end) of dimension 0. Throws OutOfRange for rows that are not there. */
export function slice(t: Tensor, begin: number, end: number): Tensor {
  const rows = rowCount(t);
  if (!(begin >= 0 && begin <= end && end <= rows)) throw newError(Code.OutOfRange, `rows ${begin} to ${end} of a tensor with ${rows}`);
  const inner = t.shape.slice(1);
  const each = elementCount(inner) * layoutOf(t.dtype).width;
  const data = numeric(t.data)?.subarray(begin * each, end * each) ?? (t.data as readonly Uint8Array[]).slice(begin * each, end * each);
  return { dtype: t.dtype, shape: [end - begin, ...inner], data };
}

/** concat joins tensors along dimension 0. Throws InvalidArgument if dtypes or inner dimensions differ, or if there are none. */
export function concat(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) throw newError(Code.InvalidArgument, "concat of no tensors");
  let rows = 0;
  for (const t of tensors) {
    const same = t.shape.length === first.shape.length && t.shape.every((dim, i) => i === 0 || dim === first.shape[i]);
    if (!same) throw newError(Code.InvalidArgument, `concat of shapes ${shapeText(first.shape)} and ${shapeText(t.shape)}`);
    if (t.dtype !== first.dtype) throw newError(Code.InvalidArgument, `concat of ${dtypeName(first.dtype)} and ${dtypeName(t.dtype)}`);
    rows += rowCount(t);
  }
  const shape = [rows, ...first.shape.slice(1)];
  const { array, width } = layoutOf(first.dtype);
  if (array === undefined) return { dtype: first.dtype, shape, data: tensors.flatMap((t) => t.data as readonly Uint8Array[]) };
  const out = newArray(array, elementCount(shape) * width);
  let at = 0;
  for (const t of tensors) {
    (out as Uint8Array).set(t.data as Uint8Array, at);
    at += t.data.length;
  }
  return { dtype: first.dtype, shape, data: out };
}

/** Ranks that TensorFlow Serving's batching pads (batching_util.cc). */
const maxPadRank = 6;

/**
 * pad extends dimensions 1 and up to `shape`, at the end, with the tensor's own first element, as TensorFlow Serving's batching does.
 * Dimension 0 of `shape` is not looked at. Throws InvalidArgument for ranks outside 1 to 6, for an empty tensor, and for a dimension that would shrink.
 */
export function pad(t: Tensor, shape: readonly number[]): Tensor {
  const rank = t.shape.length;
  if (rank < 1 || rank > maxPadRank) throw newError(Code.InvalidArgument, "Only tensors with rank from 1 to 6 can be padded.");
  if (shape.length !== rank || t.shape.some((dim, i) => i > 0 && dim > shape[i]!)) {
    throw newError(Code.InvalidArgument, `cannot pad ${shapeText(t.shape)} to ${shapeText(shape)}`);
  }
  const want = [t.shape[0]!, ...shape.slice(1)];
  if (want.every((dim, i) => dim === t.shape[i])) return t;
  if (t.data.length === 0) throw newError(Code.InvalidArgument, "Got empty tensor in batch of non-empty tensors.");
  const { array, width } = layoutOf(t.dtype);
  const n = elementCount(want) * width;
  const from = numeric(t.data);
  if (array === undefined || from === undefined) {
    const strings = t.data as readonly Uint8Array[];
    const out = new Array<Uint8Array>(n).fill(strings[0]!);
    eachRun(t.shape, want, 1, (start, target, run) => {
      for (let i = 0; i < run; i++) out[target + i] = strings[start + i]!;
    });
    return { dtype: t.dtype, shape: want, data: out };
  }
  const out = newArray(array, n);
  for (let i = 0; i < n; i++) out[i] = from[i % width]!;
  eachRun(t.shape, want, width, (start, target, run) => {
    (out as Uint8Array).set(from.subarray(start, start + run) as Uint8Array, target); // both are of one type
  });
  return { dtype: t.dtype, shape: want, data: out };
}

/** eachRun visits each innermost run of `shape`: where it starts, where it lies in the larger shape `want`, how long it is. */
function eachRun(shape: readonly number[], want: readonly number[], width: number, visit: (start: number, target: number, run: number) => void): void {
  const rank = shape.length;
  const run = shape[rank - 1]! * width;
  const index = new Array<number>(rank - 1).fill(0);
  const end = elementCount(shape) * width;
  for (let start = 0; start < end; start += run) {
    let target = 0;
    for (let d = 0; d < rank - 1; d++) target = target * want[d]! + index[d]!;
    visit(start, target * want[rank - 1]! * width, run);
    for (let d = rank - 2; d >= 0 && ++index[d]! === shape[d]; d--) index[d] = 0;
  }
}
