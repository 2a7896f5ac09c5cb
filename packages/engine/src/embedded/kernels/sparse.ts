// Sparse tensors: three tensors that say where values are, which, and how large all is.
import { Code, newError } from "@tfs/std";
import { DType, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { axisOf, copyRun, int, ints, make, strides } from "../shape.ts";
import { tensorOf, type Value } from "../value.ts";
import { integers } from "./array.ts";
import { narrow } from "./math.ts";
import { numbersOf, roomFor } from "./numbers.ts";

/** Sparse is a sparse tensor: `at` has rank numbers for each value. */
interface Sparse {
  readonly at: readonly number[];
  readonly values: Tensor;
  readonly shape: readonly number[];
}

const rankOf = (s: Sparse): number => s.shape.length;
const countOf = (s: Sparse): number => s.values.shape[0] ?? 0;

function sparseOf(inputs: readonly Value[], from = 0): Sparse {
  const [indices, values, shape] = inputs.slice(from, from + 3).map(tensorOf) as [Tensor, Tensor, Tensor];
  if (indices.shape.length !== 2) throw newError(Code.InvalidArgument, `Input indices should be a matrix but received shape ${shapeText(indices.shape)}`);
  if (values.shape.length !== 1 || values.shape[0] !== indices.shape[0])
    throw newError(
      Code.InvalidArgument,
      `Number of values must match first dimension of indices. Got ${values.shape[0]} values, indices shape: ${shapeText(indices.shape)}`,
    );
  if (shape.data.length !== indices.shape[1])
    throw newError(
      Code.InvalidArgument,
      `Number of dimensions must match second dimension of indices. Got ${shape.data.length} dimensions, indices shape: ${shapeText(indices.shape)}`,
    );
  return { at: ints(indices), values, shape: ints(shape) };
}

function given(s: Sparse): Tensor[] {
  const count = countOf(s);
  return [integers(DType.Int64, [count, rankOf(s)], s.at), s.values, integers(DType.Int64, [rankOf(s)], s.shape)];
}

/** taken keeps some of the values, in the order that `order` names them, with their indices changed. */
function taken(
  s: Sparse,
  order: readonly number[],
  shape: readonly number[],
  change: (index: readonly number[], i: number) => readonly number[] = (index) => index,
): Sparse {
  const rank = rankOf(s);
  const values = make(s.values.dtype, [order.length]);
  const width = countOf(s) === 0 ? 1 : s.values.data.length / countOf(s);
  order.forEach((i, to) => void copyRun(s.values.data, i * width, width, values.data, to * width));
  return { at: order.flatMap((i) => change(s.at.slice(i * rank, (i + 1) * rank), i)), values, shape };
}

/** flats gives the place of each value if all were dense. Throws for one that is outside. */
function flats(s: Sparse): number[] {
  const [rank, steps] = [rankOf(s), strides(s.shape)];
  return Array.from({ length: countOf(s) }, (_, i) => {
    let flat = 0;
    for (let d = 0; d < rank; d++) {
      const index = s.at[i * rank + d]!;
      if (index < 0 || index >= s.shape[d]!)
        throw newError(
          Code.InvalidArgument,
          `indices[${i}] = [${s.at.slice(i * rank, (i + 1) * rank).join(",")}] is out of bounds: need 0 <= index < [${s.shape.join(",")}]`,
        );
      flat += index * steps[d]!;
    }
    return flat;
  });
}

/** toDense writes values where their indices say; the indices may be a scalar or a vector for one dimension. */
const toDense: KernelFactory = (node) => {
  const checked = node.attrs.bool("validate_indices", true);
  return (inputs) => {
    const [indices, shape, values, fallback] = inputs.map(tensorOf) as [Tensor, Tensor, Tensor, Tensor];
    const size = ints(shape);
    const count = indices.shape.length === 0 ? 1 : indices.shape[0]!;
    const depth = indices.shape.length === 2 ? indices.shape[1]! : 1;
    if (depth !== size.length) throw newError(Code.InvalidArgument, `output_shape has incorrect number of elements: ${size.length} should be: ${depth}`);
    if (values.shape.length > 1 || (values.shape.length === 1 && values.shape[0] !== count))
      throw newError(Code.InvalidArgument, `sparse_values has incorrect shape ${shapeText(values.shape)}, should be [] or [${count}]`);
    const out = make(values.dtype, size);
    (out.data as unknown as { fill(v: unknown): void }).fill(fallback.data[0]);
    const places = flats({ at: ints(indices), values: { ...values, shape: [count] }, shape: size });
    places.forEach((place, i) => {
      if (checked && i > 0 && place <= places[i - 1]!)
        throw newError(
          Code.InvalidArgument,
          `indices[${i}] is ${place === places[i - 1] ? "repeated" : "out of order. Many sparse ops require sorted indices."}`,
        );
      (out.data as unknown as { [i: number]: unknown })[place] = values.data[values.shape.length === 0 ? 0 : i];
    });
    return out;
  };
};

/** reshaped gives indices and shape for other dimensions; one size may be -1. */
const reshaped: KernelFactory = () => (inputs) => {
  const [indices, before, want] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1])), ints(tensorOf(inputs[2]))];
  const total = elementCount(before);
  const known = elementCount(want.filter((d) => d !== -1));
  const unknown = want.filter((d) => d === -1).length;
  if (unknown > 1) throw newError(Code.InvalidArgument, "only one output dimension may be -1");
  if (unknown === 1 && (known === 0 || total % known !== 0))
    throw newError(
      Code.InvalidArgument,
      `Input to reshape is a SparseTensor with ${total} dense values, but the requested shape requires a multiple of ${known}.`,
    );
  const shape = want.map((d) => (d === -1 ? total / known : d));
  if (elementCount(shape) !== total)
    throw newError(Code.InvalidArgument, `Input to reshape is a tensor with ${total} dense values, but the requested shape has ${elementCount(shape)}`);
  const count = indices.shape[0] ?? 0;
  const places = flats({ at: ints(indices), values: { dtype: DType.Bool, shape: [count], data: new Uint8Array(count) }, shape: before });
  const steps = strides(shape);
  const at = places.flatMap((place) => shape.map((size, d) => Math.floor(place / steps[d]!) % Math.max(1, size)));
  return [integers(DType.Int64, [count, shape.length], at), integers(DType.Int64, [shape.length], shape)];
};

/** filled gives every row without a value the default one, and tells which those were. */
const filled: KernelFactory = () => (inputs) => {
  const [s, fallback] = [sparseOf(inputs), tensorOf(inputs[3])];
  const [rank, rows] = [rankOf(s), s.shape[0] ?? 0];
  if (rows === 0 && countOf(s) > 0) throw newError(Code.InvalidArgument, `Received SparseTensor with dense_shape[0] = 0 but indices.shape[0] = ${countOf(s)}`);
  const byRow: number[][] = Array.from({ length: rows }, () => []);
  for (let i = 0; i < countOf(s); i++) {
    const row = s.at[i * rank]!;
    if (row < 0 || row >= rows) throw newError(Code.InvalidArgument, `indices(${i}, 0) is invalid: ${row} >= ${rows}`);
    byRow[row]!.push(i);
  }
  const empty = byRow.map((list) => (list.length === 0 ? 1 : 0));
  const at: number[] = [];
  const values = make(s.values.dtype, [countOf(s) + empty.filter((e) => e === 1).length]);
  const back = new Array<number>(countOf(s)).fill(0);
  let to = 0;
  byRow.forEach((list, row) => {
    if (list.length === 0) {
      at.push(row, ...new Array<number>(rank - 1).fill(0));
      copyRun(fallback.data, 0, 1, values.data, to++);
    }
    for (const i of list) {
      at.push(...s.at.slice(i * rank, (i + 1) * rank));
      copyRun(s.values.data, i, 1, values.data, to);
      back[i] = to++;
    }
  });
  return [
    integers(DType.Int64, [to, rank], at),
    values,
    { dtype: DType.Bool, shape: [rows], data: Uint8Array.from(empty) },
    integers(DType.Int64, [back.length], back),
  ];
};

/** sorted puts values in the order of their indices, wherever these lie. */
function sorted(s: Sparse): Sparse {
  const rank = rankOf(s);
  const order = Array.from({ length: countOf(s) }, (_, i) => i).sort((a, b) => {
    for (let d = 0; d < rank; d++) {
      const by = s.at[a * rank + d]! - s.at[b * rank + d]!;
      if (by !== 0) return by;
    }
    return a - b;
  });
  return taken(s, order, s.shape);
}

const reordered: KernelFactory = () => (inputs) => given(sorted(sparseOf(inputs))).slice(0, 2);

/** multiplied is a sparse matrix times a dense one, either turned round. */
const multiplied: KernelFactory = (node) => {
  const [turnA, turnB] = [node.attrs.bool("adjoint_a", false), node.attrs.bool("adjoint_b", false)];
  return (inputs) => {
    const [s, b] = [sparseOf(inputs), tensorOf(inputs[3])];
    if (rankOf(s) !== 2 || b.shape.length !== 2)
      throw newError(Code.InvalidArgument, `Tensor 'a_shape' must have 2 elements and 'b' be a matrix, got ${shapeText(b.shape)}`);
    const [rows, inner] = turnA ? [s.shape[1]!, s.shape[0]!] : [s.shape[0]!, s.shape[1]!];
    const [high, wide] = b.shape as [number, number];
    const columns = turnB ? high : wide;
    if ((turnB ? wide : high) !== inner)
      throw newError(
        Code.InvalidArgument,
        `Cannot multiply A and B because inner dimension does not match: ${inner} vs. ${turnB ? wide : high}.  Did you forget a transpose?`,
      );
    const [values, from, out] = [numbersOf(s.values, node.op), numbersOf(b, node.op), roomFor(b.dtype, [rows, columns])];
    flats(s).forEach((_, i) => {
      const [m, k] = turnA ? [s.at[2 * i + 1]!, s.at[2 * i]!] : [s.at[2 * i]!, s.at[2 * i + 1]!];
      for (let n = 0; n < columns; n++) out[m * columns + n] = out[m * columns + n]! + values[i]! * from[turnB ? n * wide + k : k * wide + n]!;
    });
    return narrow(b.dtype, [rows, columns], out);
  };
};

/** reduced joins values along axes into a dense tensor. */
function reduced(join: (a: number, b: number) => number): KernelFactory {
  return (node) => {
    const keep = node.attrs.bool("keep_dims", false);
    return (inputs) => {
      const [s, axes] = [sparseOf(inputs), ints(tensorOf(inputs[3]))];
      const gone = new Set(axes.map((a) => axisOf(a, rankOf(s), "Invalid reduction dimension")));
      const kept = s.shape.map((d, i) => (gone.has(i) ? 1 : d));
      const steps = strides(kept);
      const shape = keep ? kept : kept.filter((_, d) => !gone.has(d));
      const [values, out] = [numbersOf(s.values, node.op), roomFor(s.values.dtype, shape)];
      const seen = new Set<number>();
      flats(s).forEach((_, i) => {
        let to = 0;
        for (let d = 0; d < rankOf(s); d++) if (!gone.has(d)) to += s.at[i * rankOf(s) + d]! * steps[d]!;
        out[to] = seen.has(to) ? join(out[to]!, values[i]!) : values[i]!;
        seen.add(to);
      });
      return narrow(s.values.dtype, shape, out);
    };
  };
}

const sliced: KernelFactory = () => (inputs) => {
  const [s, start, size] = [sparseOf(inputs), ints(tensorOf(inputs[3])), ints(tensorOf(inputs[4]))];
  const rank = rankOf(s);
  const shape = s.shape.map((d, i) => Math.max(0, Math.min(size[i]!, d - start[i]!)));
  const inside = Array.from({ length: countOf(s) }, (_, i) => i).filter((i) =>
    shape.every((n, d) => s.at[i * rank + d]! >= start[d]! && s.at[i * rank + d]! < start[d]! + n),
  );
  return given(taken(s, inside, shape, (index) => index.map((v, d) => v - start[d]!)));
};

const joined: KernelFactory = (node) => {
  const [count, along] = [node.attrs.int("N"), node.attrs.int("concat_dim")];
  return (inputs) => {
    const all = Array.from({ length: count }, (_, k) => sparseOf([inputs[k]!, inputs[count + k]!, inputs[2 * count + k]!]));
    const first = all[0]!;
    const axis = axisOf(along, rankOf(first), "Concat dimension must be in range");
    let offset = 0;
    const moved = all.map((s) => {
      if (rankOf(s) !== rankOf(first) || s.shape.some((d, i) => i !== axis && d !== first.shape[i]))
        throw newError(Code.InvalidArgument, `Input shapes must match outside of dimension ${axis}: ${shapeText(s.shape)} and ${shapeText(first.shape)}`);
      const by = offset;
      offset += s.shape[axis]!;
      return taken(
        s,
        Array.from({ length: countOf(s) }, (_, i) => i),
        s.shape,
        (index) => index.map((v, d) => (d === axis ? v + by : v)),
      );
    });
    const shape = first.shape.map((d, i) => (i === axis ? offset : d));
    const values = make(first.values.dtype, [moved.reduce((n, s) => n + countOf(s), 0)]);
    let to = 0;
    for (const s of moved) {
      copyRun(s.values.data, 0, s.values.data.length, values.data, to);
      to += s.values.data.length;
    }
    return given(sorted({ at: moved.flatMap((s) => s.at), values, shape }));
  };
};

/** split cuts a sparse tensor along an axis: first parts are one longer where it does not come out even. */
const split: KernelFactory = (node) => {
  const count = node.attrs.int("num_split");
  return (inputs) => {
    const [s, axis] = [sparseOf(inputs, 1), int(tensorOf(inputs[0]))];
    const along = axisOf(axis, rankOf(s));
    const size = s.shape[along]!;
    if (count < 1 || count > size)
      throw newError(Code.InvalidArgument, `Input num_split should be between 1 and the splitting dimension size (${size}), got ${count}`);
    flats(s); // none is outside
    let start = 0;
    const parts = Array.from({ length: count }, (_, k) => {
      const length = Math.floor(size / count) + (k < size % count ? 1 : 0);
      const from = start;
      start += length;
      const inside = Array.from({ length: countOf(s) }, (__, i) => i).filter((i) => {
        const v = s.at[i * rankOf(s) + along]!;
        return v >= from && v < from + length;
      });
      const shape = s.shape.map((d, i) => (i === along ? length : d));
      return given(taken(s, inside, shape, (index) => index.map((v, d) => (d === along ? v - from : v))));
    });
    return [0, 1, 2].flatMap((k) => parts.map((part) => part[k]!));
  };
};

/** withDense joins each value with the one of a dense tensor that is broadcast to it. */
function withDense(join: (a: number, b: number) => number): KernelFactory {
  return (node) => (inputs) => {
    const [s, dense] = [sparseOf(inputs), tensorOf(inputs[3])];
    const lead = rankOf(s) - dense.shape.length;
    if (lead < 0 || dense.shape.some((d, i) => d !== 1 && d !== s.shape[lead + i]))
      throw newError(
        Code.InvalidArgument,
        `SparseDenseBinaryOpShared broadcasts dense to sparse only; got incompatible shapes: [${s.shape.join(",")}] vs. ${shapeText(dense.shape)}`,
      );
    const steps = strides(dense.shape);
    const [values, from, out] = [numbersOf(s.values, node.op), numbersOf(dense, node.op), roomFor(s.values.dtype, s.values.shape)];
    flats(s).forEach((_, i) => {
      let place = 0;
      dense.shape.forEach((d, k) => {
        if (d !== 1) place += s.at[i * rankOf(s) + lead + k]! * steps[k]!;
      });
      out[i] = join(values[i]!, from[place]!);
    });
    return narrow(s.values.dtype, s.values.shape, out);
  };
}

const addDense: KernelFactory = (node) => (inputs) => {
  const [s, dense] = [sparseOf(inputs), tensorOf(inputs[3])];
  if (shapeText(s.shape) !== shapeText(dense.shape))
    throw newError(Code.InvalidArgument, `Dimensions do not match: sparse ${shapeText(s.shape)} and dense ${shapeText(dense.shape)}`);
  const [values, from] = [numbersOf(s.values, node.op), numbersOf(dense, node.op)];
  const out = roomFor(dense.dtype, dense.shape);
  for (let i = 0; i < out.length; i++) out[i] = from[i]!;
  flats(s).forEach((place, i) => {
    out[place] = out[place]! + values[i]!;
  });
  return narrow(dense.dtype, dense.shape, out);
};

const fromDense = (a: number, b: number): number => (b > a ? b : a);

export const sparses: Kernels = {
  SparseToDense: toDense,
  SparseReshape: reshaped,
  SparseFillEmptyRows: filled,
  SparseReorder: reordered,
  SparseTensorDenseMatMul: multiplied,
  SparseReduceSum: reduced((a, b) => a + b),
  SparseReduceMax: reduced(fromDense),
  SparseSlice: sliced,
  SparseConcat: joined,
  SparseSplit: split,
  SparseDenseCwiseAdd: withDense((a, b) => a + b),
  SparseDenseCwiseMul: withDense((a, b) => a * b),
  SparseDenseCwiseDiv: withDense((a, b) => a / b),
  SparseTensorDenseAdd: addDense,
};
