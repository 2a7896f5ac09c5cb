import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, type NumericData, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, State } from "../kernel.ts";
import { axisOf, copyAt, int, ints, make, strides, walk } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { integers } from "./array.ts";
import { narrow, room, widen } from "./math.ts";
import { highest, lowest } from "./numbers.ts";

/** Fold reduces a row of numbers; `row(i)` gives element i of n. */
interface Fold {
  readonly name: string;
  readonly number?: (row: Float64Array) => number;
  readonly big?: (row: readonly bigint[]) => bigint;
  /** total gives the same from what the elements add up to, for folds that need no more: then no row is made. */
  readonly total?: (sum: number, n: number) => number;
  /** floats says how WebAssembly folds: what it gives is multiplied by `by`. */
  readonly floats?: { readonly how: "sum" | "max" | "min"; by(n: number): number };
}

const sum = (row: Float64Array): number => {
  let total = 0;
  for (let i = 0; i < row.length; i++) total += row[i]!;
  return total;
};
const folds: Readonly<Record<string, Fold>> = {
  Sum: { name: "Sum", number: sum, total: (all) => all, floats: { how: "sum", by: () => 1 }, big: (row) => row.reduce((a, b) => a + b, 0n) },
  Mean: {
    name: "Mean",
    number: (row) => sum(row) / row.length,
    total: (all, n) => all / n,
    floats: { how: "sum", by: (n) => 1 / n },
    big: (row) => (row.length === 0 ? 0n : row.reduce((a, b) => a + b, 0n) / BigInt(row.length)),
  },
  Prod: { name: "Prod", number: (row) => row.reduce((a, b) => a * b, 1), big: (row) => row.reduce((a, b) => a * b, 1n) },
  Max: {
    name: "Max",
    floats: { how: "max", by: () => 1 },
    number: (row) => row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    big: (row) => row.reduce((a, b) => (a > b ? a : b), -(2n ** 63n)),
  },
  Min: {
    name: "Min",
    floats: { how: "min", by: () => 1 },
    number: (row) => row.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    big: (row) => row.reduce((a, b) => (a < b ? a : b), 2n ** 63n - 1n),
  },
  All: { name: "All", number: (row) => (row.every((v) => v !== 0) ? 1 : 0) },
  Any: { name: "Any", number: (row) => (row.some((v) => v !== 0) ? 1 : 0) },
};

function reduction(fold: Fold): KernelFactory {
  return (node) => {
    const keep = node.attrs.bool("keep_dims", false);
    return (inputs, state) => reduce(fold, tensorOf(inputs[0]), ints(tensorOf(inputs[1])), keep, state);
  };
}

/** Below so many floats a call into WebAssembly is not worth it. */
const hostFloats = 64;

function reduce(fold: Fold, t: Tensor, axes: readonly number[], keep: boolean, state?: State): Tensor {
  const rank = t.shape.length;
  const drop = new Set(axes.map((a) => axisOf(a, rank, "Invalid reduction dimension")));
  const kept = t.shape.map((_, d) => d).filter((d) => !drop.has(d));
  const gone = [...drop].sort((a, b) => a - b);
  const shape = keep ? t.shape.map((d, i) => (drop.has(i) ? 1 : d)) : kept.map((d) => t.shape[d]!);
  const together = gone.every((d, i) => d === gone[0]! + i);
  if (state !== undefined && fold.floats !== undefined && t.dtype === DType.Float && together && t.data.length >= hostFloats) {
    const out = state.arena.make(shape);
    const sizes = parts(t.shape, gone);
    state.simd.fold(fold.floats.how, sizes, fold.floats.by(sizes[1]), t.data as Float32Array, out.data as Float32Array);
    return out;
  }
  if (fold.total !== undefined && (t.dtype === DType.Float || t.dtype === DType.Double) && together)
    return { dtype: t.dtype, shape, data: totals(fold.total, t, gone, shape) };
  const own = strides(t.shape);
  const rows = walk(
    kept.map((d) => t.shape[d]!),
    kept.map((d) => own[d]!),
  );
  const columns = walk(
    gone.map((d) => t.shape[d]!),
    gone.map((d) => own[d]!),
  );
  const out = room(t.dtype, shape);
  const from = widen(t);
  if (t.dtype === DType.Int64 || t.dtype === DType.UInt64) {
    if (fold.big === undefined) throw newError(Code.Unimplemented, `${fold.name} is not supported for ${dtypeName(t.dtype)}`);
    const [source, target] = [from as BigInt64Array, out as BigInt64Array];
    for (let r = 0; r < rows.length; r++) target[r] = fold.big(Array.from(columns, (c) => source[rows[r]! + c]!));
    return { dtype: t.dtype, shape, data: out };
  }
  if (fold.number === undefined || t.dtype === DType.String || t.dtype === DType.Complex64 || t.dtype === DType.Complex128)
    throw newError(Code.Unimplemented, `${fold.name} is not supported for ${dtypeName(t.dtype)}`);
  const [source, target] = [from as Float32Array, out as Float32Array];
  const row = new Float64Array(columns.length);
  const whole = !(out instanceof Float32Array || out instanceof Float64Array);
  for (let r = 0; r < rows.length; r++) {
    const base = rows[r]!;
    for (let c = 0; c < row.length; c++) row[c] = source[base + columns[c]!]!;
    target[r] = row.length === 0 && whole ? emptyOf(fold, t.dtype) : fold.number(row);
  }
  return narrow(t.dtype, shape, out);
}

/** emptyOf is what integers of no elements come to: of the greatest the lowest that there is, of the least the highest. */
function emptyOf(fold: Fold, dtype: DType): number {
  if (fold === folds["Max"]) return lowest(dtype);
  return fold === folds["Min"] ? highest(dtype) : fold.number!(new Float64Array(0));
}

/** parts counts what lies outside of dimensions that are beside each other, in them, and inside. */
function parts(shape: readonly number[], gone: readonly number[]): readonly [outer: number, size: number, inner: number] {
  const first = gone[0] ?? shape.length;
  const count = (from: number, to?: number): number => elementCount(shape.slice(from, to));
  return [count(0, first), count(first, first + gone.length), count(first + gone.length)];
}

/** totals reduces dimensions that lie beside each other, adding in the order in which the elements lie. */
function totals(total: NonNullable<Fold["total"]>, t: Tensor, gone: readonly number[], shape: readonly number[]): Float32Array | Float64Array {
  const [outer, size, inner] = parts(t.shape, gone);
  const source = t.data as Float32Array | Float64Array;
  const out = make(t.dtype, shape).data as Float32Array | Float64Array;
  if (out.length === 0) return out; // of no elements there may be any number of rows
  const sums = new Float64Array(inner);
  for (let o = 0, at = 0; o < outer; o++) {
    sums.fill(0);
    for (let k = 0; k < size; k++) for (let i = 0; i < inner; i++) sums[i]! += source[at++]!;
    for (let i = 0; i < inner; i++) out[o * inner + i] = total(sums[i]!, size);
  }
  return out;
}

/** sumOver adds up over some dimensions, which then are gone. */
export function sumOver(t: Tensor, axes: readonly number[]): Tensor {
  return reduce(folds["Sum"]!, t, axes, false);
}

function argument(better: (a: number | bigint, b: number | bigint) => boolean): KernelFactory {
  return (node) => {
    const type = node.attrs.dtype("output_type", DType.Int64);
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const axis = axisOf(int(tensorOf(inputs[1])), t.shape.length, "Expected dimension in the range, but got");
      const size = t.shape[axis]!;
      if (size === 0) throw newError(Code.InvalidArgument, `Reduction axis ${axis} is empty in shape [${t.shape.join(",")}]`);
      const inner = elementCount(t.shape.slice(axis + 1));
      const outer = elementCount(t.shape.slice(0, axis));
      const data = widen(t);
      const found: number[] = [];
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let best = 0;
          for (let k = 1; k < size; k++) if (better(data[(o * size + k) * inner + i]!, data[(o * size + best) * inner + i]!)) best = k;
          found.push(best);
        }
      }
      return integers(
        type,
        t.shape.filter((_, d) => d !== axis),
        found,
      );
    };
  };
}

/** softmax over the last dimension, less the row's maximum so that nothing overflows. */
function softmax(t: Tensor, log: boolean, { simd, arena }: State): Tensor {
  const size = t.shape.at(-1) ?? 1;
  if (!log && t.dtype === DType.Float && t.data.length > 0) {
    const out = arena.make(t.shape);
    simd.softmax(size, t.data as Float32Array, out.data as Float32Array);
    return out;
  }
  const from = widen(t) as Float32Array;
  const out = room(t.dtype, t.shape) as Float32Array;
  for (let at = 0; at < from.length; at += size) {
    let max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < size; i++) max = Math.max(max, from[at + i]!);
    let total = 0;
    for (let i = 0; i < size; i++) total += Math.exp(from[at + i]! - max);
    const shift = Math.log(total);
    for (let i = 0; i < size; i++) out[at + i] = log ? from[at + i]! - max - shift : Math.exp(from[at + i]! - max) / total;
  }
  return narrow(t.dtype, t.shape, out);
}

export const reductions: Kernels = {
  ...Object.fromEntries(Object.entries(folds).map(([name, fold]) => [name, reduction(fold)])),
  ArgMax: argument((a, b) => a > b),
  ArgMin: argument((a, b) => a < b),
  Softmax: () => (inputs, state) => softmax(tensorOf(inputs[0]), false, state),
  LogSoftmax: () => (inputs, state) => softmax(tensorOf(inputs[0]), true, state),
  Cumsum: (node) => {
    const [exclusive, backwards] = [node.attrs.bool("exclusive", false), node.attrs.bool("reverse", false)];
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const axis = axisOf(int(tensorOf(inputs[1])), t.shape.length, "ScanOp: Expected scan axis in the range, but got");
      const own = strides(t.shape);
      const lines = walk(
        t.shape.map((d, i) => (i === axis ? 1 : d)),
        own,
      );
      const from = widen(t) as unknown as { [i: number]: number };
      const out = room(t.dtype, t.shape) as unknown as { [i: number]: number };
      const zero = (t.dtype === DType.Int64 ? 0n : 0) as number;
      for (const line of lines) {
        let total = zero;
        for (let k = 0; k < t.shape[axis]!; k++) {
          const at = line + (backwards ? t.shape[axis]! - 1 - k : k) * own[axis]!;
          const next = total + from[at]!;
          out[at] = exclusive ? total : next;
          total = next;
        }
      }
      return narrow(t.dtype, t.shape, out as unknown as NumericData);
    };
  },
  TopKV2: () => (inputs) => {
    const [t, k] = [tensorOf(inputs[0]), int(tensorOf(inputs[1]))];
    const size = t.shape.at(-1) ?? 0;
    if (k < 0 || k > size) throw newError(Code.InvalidArgument, `input must have at least k columns. Had ${size}, needed ${k}`);
    const data = widen(t);
    const rows = elementCount(t.shape.slice(0, -1));
    const at = new Int32Array(rows * k);
    const indices: number[] = [];
    for (let r = 0; r < rows; r++) {
      const order = Array.from({ length: size }, (_, i) => i).sort(
        (a, b) => Number(data[r * size + b]! > data[r * size + a]!) - Number(data[r * size + b]! < data[r * size + a]!) || a - b,
      );
      for (let i = 0; i < k; i++) {
        at[r * k + i] = r * size + order[i]!;
        indices.push(order[i]!);
      }
    }
    const shape = [...t.shape.slice(0, -1), k];
    return [copyAt(t, shape, at), integers(DType.Int32, shape, indices)];
  },
};
