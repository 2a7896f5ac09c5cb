// Counting and sorting into bins, and sets: Bincount, Bucketize, Unique and what is like them.
import { Code, newError } from "@tfs/std";
import { DType, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { axisOf, copyRun, int, ints, make } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { integers } from "./array.ts";
import { narrow, widen } from "./math.ts";
import { numberOf, numbersOf, roomFor } from "./numbers.ts";

/** counted adds up the weights of each value by rows; `rowOf` tells the row of a value. */
function counted(values: Tensor, size: number, weights: Tensor, binary: boolean, rows: number | undefined, rowOf: (i: number) => number): Tensor {
  if (size < 0) throw newError(Code.InvalidArgument, `size (${size}) must be non-negative`);
  const { dtype } = weights;
  const shape = rows === undefined ? [size] : [rows, size];
  const out = roomFor(dtype, shape);
  const one = numberOf(dtype, 1);
  const given = weights.data.length === 0 ? undefined : numbersOf(weights, "Bincount");
  if (given !== undefined && given.length !== values.data.length)
    throw newError(
      Code.InvalidArgument,
      `weights must have the same shape as arr or be a length-0 Tensor: ${shapeText(weights.shape)} and ${shapeText(values.shape)}`,
    );
  ints(values).forEach((value, i) => {
    if (value < 0) throw newError(Code.InvalidArgument, "Input arr must be non-negative!");
    if (value >= size) return;
    const at = rowOf(i) * size + value;
    out[at] = binary ? one : out[at]! + (given === undefined ? one : given[i]!);
  });
  return narrow(dtype, shape, out);
}

const only = (): number => 0;

const denseBincount: KernelFactory = (node) => {
  const binary = node.attrs.bool("binary_output", false);
  return (inputs) => {
    const [values, size, weights] = [tensorOf(inputs[0]), int(tensorOf(inputs[1])), tensorOf(inputs[2])];
    if (values.shape.length > 2) throw newError(Code.InvalidArgument, "Shape must be at most rank 2");
    if (values.shape.length < 2) return counted(values, size, weights, binary, undefined, only);
    const columns = values.shape[1]!;
    return counted(values, size, weights, binary, values.shape[0]!, (i) => Math.floor(i / columns));
  };
};

const raggedBincount: KernelFactory = (node) => {
  const binary = node.attrs.bool("binary_output", false);
  return (inputs) => {
    const [splits, values, size, weights] = [ints(tensorOf(inputs[0])), tensorOf(inputs[1]), int(tensorOf(inputs[2])), tensorOf(inputs[3])];
    if (splits[0] !== 0) throw newError(Code.InvalidArgument, `Splits must start with 0, not with ${splits[0]}`);
    if (splits.at(-1) !== values.data.length)
      throw newError(Code.InvalidArgument, `Splits must end with the number of values, got ${splits.at(-1)} instead of ${values.data.length}`);
    let row = 0;
    return counted(values, size, weights, binary, splits.length - 1, (i) => {
      while (i >= splits[row + 1]!) row++;
      return row;
    });
  };
};

const sparseBincount: KernelFactory = (node) => {
  const binary = node.attrs.bool("binary_output", false);
  return (inputs) => {
    const [indices, values, shape] = [ints(tensorOf(inputs[0])), tensorOf(inputs[1]), ints(tensorOf(inputs[2]))];
    const [size, weights] = [int(tensorOf(inputs[3])), tensorOf(inputs[4])];
    if (shape.length < 2) return counted(values, size, weights, binary, undefined, only);
    return counted(values, size, weights, binary, shape[0]!, (i) => {
      const row = indices[i * shape.length]!;
      if (row < 0 || row >= shape[0]!)
        throw newError(Code.InvalidArgument, `Index out of bound. \`batch\` (${row}) must be less than the dimension size (${shape[0]}).`);
      return row;
    });
  };
};

/** above gives the first place in sorted numbers whose number is greater, or not less. */
function place(sorted: ArrayLike<number>, from: number, count: number, value: number, orEqual: boolean): number {
  let [a, b] = [0, count];
  while (a < b) {
    const middle = (a + b) >> 1;
    const x = sorted[from + middle]!;
    if (orEqual ? x >= value : x > value) b = middle;
    else a = middle + 1;
  }
  return a;
}

const bucketize: KernelFactory = (node) => {
  const bounds = node.attrs.floats("boundaries");
  if (bounds.some((b, i) => i > 0 && b < bounds[i - 1]!)) throw newError(Code.InvalidArgument, "Expected sorted boundaries");
  return (inputs) => {
    const t = tensorOf(inputs[0]);
    const from = Array.from(numbersOf(t, "Bucketize"), Number);
    return integers(
      DType.Int32,
      t.shape,
      from.map((v) => place(bounds, 0, bounds.length, v, false)),
    );
  };
};

/** searched finds where values belong in rows of sorted numbers. */
function searched(orEqual: boolean): KernelFactory {
  return (node) => {
    const dtype = node.attrs.dtype("out_type", DType.Int32);
    return (inputs) => {
      const [sorted, values] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
      const [width, columns] = [sorted.shape.at(-1) ?? 0, values.shape.at(-1) ?? 0];
      if (sorted.shape.length !== 2 || values.shape.length !== 2 || sorted.shape[0] !== values.shape[0])
        throw newError(Code.InvalidArgument, `Leading dim_size of both tensors must match: ${shapeText(sorted.shape)} and ${shapeText(values.shape)}`);
      const [from, want] = [numbersOf(sorted, "LowerBound"), numbersOf(values, "LowerBound")];
      return integers(
        dtype,
        values.shape,
        Array.from({ length: want.length }, (_, i) => place(from, Math.floor(i / columns) * width, width, want[i]!, orEqual)),
      );
    };
  };
}

/** keyOf makes a value, or a row of values, a key of a map. */
function keysOf(t: Tensor, rows: number): string[] {
  const each = rows === 0 ? 0 : t.data.length / rows;
  const one = (i: number): string => {
    const v = t.data[i]!;
    if (typeof v === "object") return `${v.length}:${Buffer.from(v).toString("latin1")}`;
    return Object.is(v, -0) ? "0" : String(v);
  };
  return Array.from({ length: rows }, (_, r) => Array.from({ length: each }, (__, k) => one(r * each + k)).join(","));
}

/** unique gives each different row once, in the order they come, where each row went, and how often it was there. */
function unique(t: Tensor, axis: number, index: DType): Tensor[] {
  const [outer, n] = [elementCount(t.shape.slice(0, axis)), t.shape[axis]!];
  const inner = elementCount(t.shape.slice(axis + 1));
  // Rows lie together only along the first axis.
  const flat = outer === 1 ? t : moved(t, outer, n, inner);
  const seen = new Map<string, number>();
  const [first, counts]: [number[], number[]] = [[], []];
  const at = keysOf(flat, n).map((key, i) => {
    let found = seen.get(key);
    if (found === undefined) {
      found = first.push(i) - 1;
      seen.set(key, found);
      counts.push(0);
    }
    counts[found]!++;
    return found;
  });
  const each = outer * inner;
  const kept = make(t.dtype, [first.length * each]);
  first.forEach((row, i) => void copyRun(flat.data, row * each, each, kept.data, i * each));
  const shape = t.shape.map((d, i) => (i === axis ? first.length : d));
  const back = outer === 1 ? kept : moved(kept, first.length, outer, inner);
  return [{ dtype: t.dtype, shape, data: back.data }, integers(index, [n], at), integers(index, [first.length], counts)];
}

/** moved changes [a, b, c] to [b, a, c]. */
function moved(t: Tensor, a: number, b: number, c: number): Tensor {
  const out = make(t.dtype, t.shape);
  for (let i = 0; i < a; i++) for (let k = 0; k < b; k++) copyRun(t.data, (i * b + k) * c, c, out.data, (k * a + i) * c);
  return out;
}

function uniques(counts: boolean): KernelFactory {
  return (node) => {
    const index = node.attrs.dtype("out_idx", DType.Int32);
    return (inputs) => {
      const [t, axes] = [tensorOf(inputs[0]), inputs[1] === undefined ? [] : ints(tensorOf(inputs[1]))];
      if (axes.length === 0 && t.shape.length !== 1) throw newError(Code.InvalidArgument, "unique expects a 1D vector.");
      const all = unique(t, axes.length === 0 ? 0 : axisOf(axes[0]!, t.shape.length), index);
      return counts ? all : all.slice(0, 2);
    };
  };
}

const listDiff: KernelFactory = (node) => {
  const index = node.attrs.dtype("out_idx", DType.Int32);
  return (inputs) => {
    const [x, y] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    if (x.shape.length !== 1 || y.shape.length !== 1) throw newError(Code.InvalidArgument, "x and y should be 1D vectors.");
    const gone = new Set(keysOf(y, y.shape[0]!));
    const kept = keysOf(x, x.shape[0]!).flatMap((key, i) => (gone.has(key) ? [] : [i]));
    const out = make(x.dtype, [kept.length]);
    kept.forEach((from, to) => void copyRun(x.data, from, 1, out.data, to));
    return [out, integers(index, [kept.length], kept)];
  };
};

/** inTop tells whether a row's target is among its k greatest. */
const inTop: KernelFactory = (node) => {
  const fixed = node.attrs.has("k") ? node.attrs.int("k") : undefined;
  return (inputs) => {
    const [predictions, targets] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1]))];
    const k = fixed ?? int(tensorOf(inputs[2]));
    const [rows, columns] = predictions.shape as [number, number];
    if (predictions.shape.length !== 2 || targets.length !== rows)
      throw newError(Code.InvalidArgument, `First dimension of predictions ${rows} must match length of targets ${targets.length}`);
    const from = predictions.data as Float32Array;
    const out = Uint8Array.from(targets, (target, r) => {
      const value = from[r * columns + target];
      if (value === undefined || target < 0 || target >= columns || !Number.isFinite(value)) return 0;
      let above = 0;
      for (let c = 0; c < columns; c++) {
        const other = from[r * columns + c]!;
        if (!Number.isFinite(other)) return 0;
        if (other > value) above++;
      }
      return above < k ? 1 : 0;
    });
    return { dtype: DType.Bool, shape: [rows], data: out };
  };
};

/** nth gives the element that would be at a place if a row were sorted. */
const nth: KernelFactory = (node) => {
  const reverse = node.attrs.bool("reverse", false);
  return (inputs) => {
    const [t, n] = [tensorOf(inputs[0]), int(tensorOf(inputs[1]))];
    const width = t.shape.at(-1) ?? 0;
    if (t.shape.length === 0 || n < 0 || n >= width) throw newError(Code.InvalidArgument, `Input must have at least n+1 = ${n + 1} columns, got ${width}`);
    const shape = t.shape.slice(0, -1);
    const [from, out] = [widen(t) as Float32Array, roomFor(t.dtype, shape)];
    for (let r = 0; r < out.length; r++) out[r] = from.slice(r * width, (r + 1) * width).sort()[reverse ? width - 1 - n : n]!;
    return narrow(t.dtype, shape, out);
  };
};

export const bins: Kernels = {
  DenseBincount: denseBincount,
  RaggedBincount: raggedBincount,
  SparseBincount: sparseBincount,
  Bincount: () => (inputs) => counted(tensorOf(inputs[0]), int(tensorOf(inputs[1])), tensorOf(inputs[2]), false, undefined, only),
  Bucketize: bucketize,
  LowerBound: searched(true),
  UpperBound: searched(false),
  Unique: uniques(false),
  UniqueV2: uniques(false),
  UniqueWithCounts: uniques(true),
  UniqueWithCountsV2: uniques(true),
  ListDiff: listDiff,
  InTopK: inTop,
  InTopKV2: inTop,
  NthElement: nth,
};
