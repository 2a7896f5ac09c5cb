// Rows put together by segment (tensorflow/core/kernels/segment_reduction_ops_impl.h).
import { Code, newError } from "@tfs/std";
import { DType, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { int, ints } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { narrow } from "./math.ts";
import { highest, isLong, lowest, numberOf, numbersOf, roomFor } from "./numbers.ts";

/** Fold says how rows of a segment become one. */
interface Fold {
  /** empty is what a segment without rows holds. */
  readonly empty: (dtype: DType) => number;
  readonly join: (a: number, b: number) => number;
  /** gap is what a segment without rows holds between others that have some; 0 if it is not there. */
  readonly gap?: (dtype: DType) => number;
  /** begin is what joining begins with; what is `empty` if there is none. */
  readonly begin?: (dtype: DType) => number;
}

const zero = (dtype: DType): number => numberOf(dtype, 0);
const one = (dtype: DType): number => numberOf(dtype, 1);
const sum: Fold = { empty: zero, join: (a, b) => a + b };
const prod: Fold = { empty: one, gap: one, join: (a, b) => a * b };
const min: Fold = { empty: highest, join: (a, b) => (b < a ? b : a) };
const max: Fold = { empty: lowest, join: (a, b) => (b > a ? b : a) };
const infinite = (dtype: DType, value: number, otherwise: (dtype: DType) => number): number =>
  dtype === DType.Float || dtype === DType.Double || dtype === DType.Half || dtype === DType.BFloat16 ? value : otherwise(dtype);

/** put joins each row of the data to its segment, and counts them. */
function put(data: Tensor, ids: readonly number[], segments: number, fold: Fold, rowAt: (i: number) => number, inner: readonly number[], op: string) {
  const { dtype } = data;
  const each = elementCount(inner);
  const from = numbersOf(data, op);
  const out = roomFor(dtype, [segments, ...inner]);
  const counts = new Int32Array(segments);
  out.fill((fold.begin ?? fold.empty)(dtype));
  ids.forEach((segment, i) => {
    if (segment < 0) return;
    counts[segment]!++;
    const [to, row] = [segment * each, rowAt(i) * each];
    for (let k = 0; k < each; k++) out[to + k] = fold.join(out[to + k]!, from[row + k]!);
  });
  return { out, counts, each };
}

/** sorted is for ids that grow. */
function sorted(fold: Fold, mean: boolean): KernelFactory {
  return (node) => (inputs) => {
    const [data, segments] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    const ids = ints(segments);
    if (segments.shape.length !== 1 || ids.length !== (data.shape[0] ?? -1))
      throw newError(Code.InvalidArgument, `segment_ids should be the same size as dimension 0 of input.`);
    ascending(ids);
    const count = ids.length === 0 ? 0 : ids.at(-1)! + 1;
    const inner = data.shape.slice(1);
    const { out, counts, each } = put(data, ids, count, fold, (i) => i, inner, node.op);
    counts.forEach((n, s) => {
      if (n === 0) for (let k = 0; k < each; k++) out[s * each + k] = (fold.gap ?? zero)(data.dtype);
      else if (mean) divide(out, s * each, each, n, data.dtype);
    });
    return narrow(data.dtype, [count, ...inner], out);
  };
}

function ascending(ids: readonly number[]): void {
  ids.forEach((id, i) => {
    if (id < 0) throw newError(Code.InvalidArgument, "segment ids must be >= 0");
    if (i > 0 && id < ids[i - 1]!) throw newError(Code.InvalidArgument, "segment ids are not increasing");
  });
}

function divide(out: { [i: number]: number }, from: number, count: number, by: number, dtype: DType): void {
  const n = numberOf(dtype, by);
  const whole = isLong(dtype) || dtype === DType.Int32 || dtype === DType.Int16 || dtype === DType.Int8 || dtype === DType.UInt8;
  for (let k = from; k < from + count; k++) out[k] = whole && !isLong(dtype) ? Math.trunc(out[k]! / n) : out[k]! / n;
}

/** unsorted is for ids in any order; negative ones are left out. */
function unsorted(fold: Fold): KernelFactory {
  return (node) => (inputs) => {
    const [data, segments, count] = [tensorOf(inputs[0]), tensorOf(inputs[1]), int(tensorOf(inputs[2]))];
    const rank = segments.shape.length;
    if (count < 0) throw newError(Code.InvalidArgument, `Input num_segments == ${count} must not be negative.`);
    if (shapeText(data.shape.slice(0, rank)) !== shapeText(segments.shape))
      throw newError(Code.InvalidArgument, `data.shape = ${shapeText(data.shape)} does not start with segment_ids.shape = ${shapeText(segments.shape)}`);
    const ids = ints(segments);
    ids.forEach((id, i) => {
      if (id >= count) throw newError(Code.InvalidArgument, `segment_ids[${i}] = ${id} is out of range [0, ${count})`);
    });
    const inner = data.shape.slice(rank);
    return narrow(data.dtype, [count, ...inner], put(data, ids, count, fold, (i) => i, inner, node.op).out);
  };
}

/** picked is for rows that indices take from the data: their sum, mean, or sum over the root of their number. */
function picked(how: "sum" | "mean" | "root", counted: boolean): KernelFactory {
  return (node) => (inputs) => {
    const [data, indices, segments] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1])), ints(tensorOf(inputs[2]))];
    if (indices.length !== segments.length) throw newError(Code.InvalidArgument, "segment_ids and indices should have same size.");
    ascending(segments);
    const last = segments.at(-1) ?? -1;
    const count = counted ? int(tensorOf(inputs[3])) : last + 1;
    if (last >= count) throw newError(Code.InvalidArgument, "segment ids must be < num_segments");
    indices.forEach((row, i) => {
      if (row < 0 || row >= (data.shape[0] ?? 0)) throw newError(Code.InvalidArgument, `indices[${i}] == ${row} out of range [0, ${data.shape[0]})`);
    });
    const inner = data.shape.slice(1);
    const { out, counts, each } = put(data, segments, count, sum, (i) => indices[i]!, inner, node.op);
    if (how !== "sum")
      counts.forEach((n, s) => {
        const by = how === "mean" ? n : Math.sqrt(n);
        if (n > 0) for (let k = 0; k < each; k++) out[s * each + k]! /= by;
      });
    return narrow(data.dtype, [count, ...inner], out);
  };
}

export const segments: Kernels = {
  SegmentSum: sorted(sum, false),
  SegmentMean: sorted(sum, true),
  SegmentProd: sorted(prod, false),
  SegmentMin: sorted({ ...min, begin: (dtype) => infinite(dtype, Number.POSITIVE_INFINITY, highest) }, false),
  SegmentMax: sorted({ ...max, begin: (dtype) => infinite(dtype, Number.NEGATIVE_INFINITY, lowest) }, false),
  UnsortedSegmentSum: unsorted(sum),
  UnsortedSegmentProd: unsorted(prod),
  UnsortedSegmentMin: unsorted(min),
  UnsortedSegmentMax: unsorted(max),
  SparseSegmentSum: picked("sum", false),
  SparseSegmentMean: picked("mean", false),
  SparseSegmentSqrtN: picked("root", false),
  SparseSegmentSumWithNumSegments: picked("sum", true),
  SparseSegmentMeanWithNumSegments: picked("mean", true),
  SparseSegmentSqrtNWithNumSegments: picked("root", true),
};
