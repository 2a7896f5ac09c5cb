import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, newTensor, reshape, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, State } from "../kernel.ts";
import { valuesMs } from "../leash.ts";
import { axisOf, broadcast, copyAt, copyRun, int, ints, make, offsets, strides, walk } from "../shape.ts";
import { tensorOf } from "../value.ts";

/** integers makes an int32 or int64 tensor of shape arithmetic. */
export function integers(dtype: DType, shape: readonly number[], values: readonly number[]): Tensor {
  return newTensor(dtype, shape, dtype === DType.Int64 ? BigInt64Array.from(values, BigInt) : Int32Array.from(values));
}

function reshapeTo(t: Tensor, want: readonly number[]): Tensor {
  const unknown = want.indexOf(-1);
  const n = elementCount(t.shape);
  if (want.some((d, i) => d < 0 && i !== unknown)) throw newError(Code.InvalidArgument, `Only one input size may be -1, not both ${unknown} and another`);
  if (unknown >= 0) {
    const rest = elementCount(want.filter((_, i) => i !== unknown));
    if (rest === 0 ? n !== 0 : n % rest !== 0)
      throw newError(Code.InvalidArgument, `Input to reshape is a tensor with ${n} values, but the requested shape requires a multiple of ${rest}`);
    return { dtype: t.dtype, shape: want.map((d, i) => (i === unknown ? (rest === 0 ? 0 : n / rest) : d)), data: t.data };
  }
  if (elementCount(want) !== n)
    throw newError(Code.InvalidArgument, `Input to reshape is a tensor with ${n} values, but the requested shape has ${elementCount(want)}`);
  return reshape(t, want);
}

function concatAlong(tensors: readonly Tensor[], axis: number): Tensor {
  const [first] = tensors;
  if (first === undefined) throw newError(Code.InvalidArgument, "concat of no tensors");
  if (first.shape.length === 0) throw newError(Code.InvalidArgument, "ConcatOp : Can't concatenate scalars (use tf.stack instead)");
  const real = axisOf(axis, first.shape.length, "ConcatOp : Expected concatenating dimensions in the range, but got");
  let total = 0;
  tensors.forEach((t, i) => {
    const fits = t.shape.length === first.shape.length && t.shape.every((d, k) => k === real || d === first.shape[k]);
    if (!fits)
      throw newError(
        Code.InvalidArgument,
        `ConcatOp : Dimension ${first.shape.findIndex((d, k) => k !== real && d !== t.shape[k])} in both shapes must be equal: shape[0] = ${shapeText(first.shape)} vs. shape[${i}] = ${shapeText(t.shape)}`,
      );
    if (t.dtype !== first.dtype) throw newError(Code.InvalidArgument, `concat of ${dtypeName(first.dtype)} and ${dtypeName(t.dtype)}`);
    total += t.shape[real]!;
  });
  const out = make(
    first.dtype,
    first.shape.map((d, k) => (k === real ? total : d)),
  );
  const outer = elementCount(first.shape.slice(0, real));
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const t of tensors) {
      const run = t.data.length / Math.max(1, outer);
      copyRun(t.data, o * run, run, out.data, at);
      at += run;
    }
  }
  return out;
}

function splitAlong(t: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  const real = axisOf(axis, t.shape.length, "split_dim");
  const outer = elementCount(t.shape.slice(0, real));
  const each = t.data.length / Math.max(1, outer * t.shape[real]!);
  let from = 0;
  return sizes.map((size) => {
    const out = make(
      t.dtype,
      t.shape.map((d, k) => (k === real ? size : d)),
    );
    for (let o = 0; o < outer; o++) copyRun(t.data, (o * t.shape[real]! + from) * each, size * each, out.data, o * size * each);
    from += size;
    return out;
  });
}

/** Below so many floats a call into WebAssembly is not worth it. */
const hostMoves = 64;

/** moved gives what is at the indices of `shape`, a step for each dimension, in row-major order. */
export function moved(state: Pick<State, "simd" | "arena"> | undefined, t: Tensor, shape: readonly number[], steps: readonly number[]): Tensor {
  if (state !== undefined && t.dtype === DType.Float && elementCount(shape) >= hostMoves) {
    const out = state.arena.make(shape);
    if (state.simd.permute(shape, steps, t.data as Float32Array, out.data as Float32Array)) return out;
  }
  return copyAt(t, shape, walk(shape, steps));
}

/** permuted reorders dimensions: output dimension i is input dimension order[i]. */
export function permuted(t: Tensor, order: readonly number[], state?: State): Tensor {
  const rank = t.shape.length;
  if (order.length !== rank || new Set(order).size !== rank || order.some((d) => d < 0 || d >= rank))
    throw newError(Code.InvalidArgument, `${order.join(",")} is not a permutation of ${rank} dimensions`);
  if (order.every((d, i) => d === i)) return t;
  const steps = strides(t.shape);
  return moved(
    state,
    t,
    order.map((d) => t.shape[d]!),
    order.map((d) => steps[d]!),
  );
}

/** padded puts a value, or zeros, around each dimension: before and after, a row of `paddings` each. */
export function padded(t: Tensor, paddings: Tensor, value: number | bigint | Uint8Array | undefined): Tensor {
  const p = ints(paddings);
  if (paddings.shape.length !== 2 || paddings.shape[1] !== 2 || paddings.shape[0] !== t.shape.length)
    throw newError(Code.InvalidArgument, `paddings must be a matrix with 2 columns and one row per dimension: ${shapeText(paddings.shape)}`);
  if (p.some((v) => v < 0)) throw newError(Code.InvalidArgument, "Paddings must be non-negative");
  const shape = t.shape.map((d, i) => d + p[2 * i]! + p[2 * i + 1]!);
  const out = make(t.dtype, shape);
  if (value !== undefined) (out.data as unknown as { fill(v: unknown): void }).fill(value);
  const steps = strides(shape);
  const start = steps.reduce((sum, step, i) => sum + step * p[2 * i]!, 0);
  // From the last dimension that is padded on, what lay together still does.
  let last = t.shape.length - 1;
  while (last > 0 && p[2 * last] === 0 && p[2 * last + 1] === 0) last--;
  const outer = Math.max(0, last);
  const at = walk(t.shape.slice(0, outer), steps.slice(0, outer), start);
  const run = elementCount(t.shape.slice(outer));
  if (run === 0) return out;
  const width = t.data.length / (at.length * run || 1);
  for (let i = 0; i < at.length; i++) copyRun(t.data, i * run * width, run * width, out.data, at[i]! * width);
  return out;
}

const reverse: KernelFactory = () => (inputs) => {
  const t = tensorOf(inputs[0]);
  const axes = new Set(ints(tensorOf(inputs[1])).map((a) => axisOf(a, t.shape.length)));
  const steps = strides(t.shape);
  const start = steps.reduce((sum, step, d) => sum + (axes.has(d) ? step * Math.max(0, t.shape[d]! - 1) : 0), 0);
  return copyAt(
    t,
    t.shape,
    walk(
      t.shape,
      steps.map((s, d) => (axes.has(d) ? -s : s)),
      start,
    ),
  );
};

const pad: KernelFactory = () => (inputs) =>
  padded(tensorOf(inputs[0]), tensorOf(inputs[1]), inputs[2] === undefined ? undefined : (tensorOf(inputs[2]).data[0] as number));

const concat: KernelFactory = () => (inputs) => concatAlong(inputs.slice(0, -1).map(tensorOf), int(tensorOf(inputs.at(-1))));

/** foreseen tells a run's leash of an op that makes so much of little. A shape that is none is for who makes it to refuse. */
function foreseen({ leash }: State, shape: readonly number[]): void {
  leash?.step(valuesMs(shape.reduce((n, dim) => n * Math.max(0, dim), 1)));
}

export const arrays: Kernels = {
  Shape: (node) => {
    const out = node.attrs.dtype("out_type", DType.Int32);
    return (inputs) => {
      const { shape } = tensorOf(inputs[0]);
      return integers(out, [shape.length], shape);
    };
  },
  ShapeN: (node) => {
    const out = node.attrs.dtype("out_type", DType.Int32);
    return (inputs) => inputs.map((v) => integers(out, [tensorOf(v).shape.length], tensorOf(v).shape));
  },
  Size: (node) => {
    const out = node.attrs.dtype("out_type", DType.Int32);
    return (inputs) => integers(out, [], [elementCount(tensorOf(inputs[0]).shape)]);
  },
  Rank: () => (inputs) => integers(DType.Int32, [], [tensorOf(inputs[0]).shape.length]),
  Reshape: () => (inputs) => reshapeTo(tensorOf(inputs[0]), ints(tensorOf(inputs[1]))),
  Squeeze: (node) => {
    const dims = node.attrs.ints("squeeze_dims");
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const drop = new Set(dims.map((d) => axisOf(d, t.shape.length, "Tried to squeeze dim index")));
      for (const d of drop)
        if (t.shape[d] !== 1) throw newError(Code.InvalidArgument, `Can not squeeze dim[${d}], expected a dimension of 1, got ${t.shape[d]}`);
      return { ...t, shape: t.shape.filter((size, d) => (drop.size > 0 ? !drop.has(d) : size !== 1)) };
    };
  },
  ExpandDims: () => (inputs) => {
    const t = tensorOf(inputs[0]);
    const at = axisOf(int(tensorOf(inputs[1])), t.shape.length + 1, "Tried to expand dim index");
    return { ...t, shape: [...t.shape.slice(0, at), 1, ...t.shape.slice(at)] };
  },
  Transpose: () => (inputs, state) =>
    permuted(
      tensorOf(inputs[0]),
      ints(tensorOf(inputs[1])).map((d) => (d < 0 ? d + tensorOf(inputs[0]).shape.length : d)),
      state,
    ),
  InvertPermutation: () => (inputs) => {
    const t = tensorOf(inputs[0]);
    const order = ints(t);
    const inverse = new Array<number>(order.length).fill(-1);
    order.forEach((d, i) => {
      if (d < 0 || d >= order.length || inverse[d] !== -1) throw newError(Code.InvalidArgument, `${d} is not between 0 and ${order.length}, or comes twice`);
      inverse[d] = i;
    });
    return integers(t.dtype, t.shape, inverse);
  },
  Pack: (node) => {
    const axis = node.attrs.int("axis", 0);
    return (inputs) => {
      const ts = inputs.map(tensorOf);
      const rank = (ts[0]?.shape.length ?? 0) + 1;
      const at = axisOf(axis, rank);
      for (const t of ts)
        if (shapeText(t.shape) !== shapeText(ts[0]!.shape))
          throw newError(
            Code.InvalidArgument,
            `Shapes of all inputs must match: values[0].shape = ${shapeText(ts[0]!.shape)} != values[${ts.indexOf(t)}].shape = ${shapeText(t.shape)}`,
          );
      return concatAlong(
        ts.map((t) => ({ ...t, shape: [...t.shape.slice(0, at), 1, ...t.shape.slice(at)] })),
        at,
      );
    };
  },
  Unpack: (node) => {
    const axis = node.attrs.int("axis", 0);
    const num = node.attrs.int("num");
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const at = axisOf(axis, t.shape.length);
      if (t.shape[at] !== num) throw newError(Code.InvalidArgument, `Input shape axis ${at} must equal ${num}, got shape ${shapeText(t.shape)}`);
      return splitAlong(t, at, new Array<number>(num).fill(1)).map((part) => ({ ...part, shape: part.shape.filter((_, d) => d !== at) }));
    };
  },
  ConcatV2: concat,
  Concat: () => (inputs) => concatAlong(inputs.slice(1).map(tensorOf), int(tensorOf(inputs[0]))),
  Split: (node) => {
    const num = node.attrs.int("num_split");
    return (inputs) => {
      const t = tensorOf(inputs[1]);
      const at = axisOf(int(tensorOf(inputs[0])), t.shape.length, "split_dim");
      const size = t.shape[at]!;
      if (size % num !== 0)
        throw newError(
          Code.InvalidArgument,
          `Number of ways to split should evenly divide the split dimension, but got split_dim ${at} (size = ${size}) and num_split ${num}`,
        );
      return splitAlong(t, at, new Array<number>(num).fill(size / num));
    };
  },
  SplitV: () => (inputs) => {
    const t = tensorOf(inputs[0]);
    const at = axisOf(int(tensorOf(inputs[2])), t.shape.length, "split_dim");
    const sizes = ints(tensorOf(inputs[1]));
    const known = sizes.reduce((sum, s) => sum + Math.max(0, s), 0);
    const full = sizes.map((s) => (s === -1 ? t.shape[at]! - known : s));
    if (full.some((s) => s < 0) || full.reduce((a, b) => a + b, 0) !== t.shape[at])
      throw newError(
        Code.InvalidArgument,
        `Determined shape must either match input shape along split_dim exactly if fully specified, or be less than the size of the input along split_dim if not fully specified.  Got: ${known}`,
      );
    return splitAlong(t, at, full);
  },
  Fill: () => (inputs, state) => {
    const [dims, value] = [ints(tensorOf(inputs[0])), tensorOf(inputs[1])];
    if (value.shape.length !== 0) throw newError(Code.InvalidArgument, `value must be a scalar, got shape ${shapeText(value.shape)}`);
    foreseen(state, dims);
    const out = make(value.dtype, dims);
    return copyAt(value, out.shape, new Int32Array(elementCount(out.shape)));
  },
  ZerosLike: () => (inputs) => make(tensorOf(inputs[0]).dtype, tensorOf(inputs[0]).shape),
  OnesLike: () => (inputs) => {
    const t = tensorOf(inputs[0]);
    const one = newTensor(t.dtype, [1], scalarData(t.dtype, 1));
    return copyAt(one, t.shape, new Int32Array(elementCount(t.shape)));
  },
  Range: () => (inputs, state) => {
    const [first, limit, delta] = inputs.map((v) => tensorOf(v)) as [Tensor, Tensor, Tensor];
    const [a, b, d] = [Number(first.data[0]), Number(limit.data[0]), Number(delta.data[0])];
    if (d === 0) throw newError(Code.InvalidArgument, "Requires delta != 0: 0");
    if ((d > 0 && a > b) || (d < 0 && a < b))
      throw newError(Code.InvalidArgument, `Requires start ${d > 0 ? "<=" : ">="} limit when delta ${d > 0 ? ">" : "<"} 0: ${a}/${b}`);
    const n = Math.ceil(Math.abs((b - a) / d));
    foreseen(state, [n]);
    const out = make(first.dtype, [n]);
    const write = out.data as unknown as { [i: number]: number | bigint };
    const big = first.dtype === DType.Int64;
    for (let i = 0; i < n; i++) write[i] = big ? BigInt(a + i * d) : a + i * d;
    return out;
  },
  Tile: () => (inputs, state) => {
    const [t, multiples] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1]))];
    if (multiples.length !== t.shape.length || multiples.some((m) => m < 0))
      throw newError(Code.InvalidArgument, `Expected multiples argument to be a vector of length ${t.shape.length} but got length ${multiples.length}`);
    // Each dimension d becomes (multiple, d) with step 0 over the multiple.
    const steps = strides(t.shape);
    const shape = t.shape.flatMap((d, i) => [multiples[i]!, d]);
    foreseen(state, shape);
    make(
      t.dtype,
      t.shape.map((d, i) => d * multiples[i]!),
    );
    const at = walk(
      shape,
      t.shape.flatMap((_, i) => [0, steps[i]!]),
    );
    return copyAt(
      t,
      t.shape.map((d, i) => d * multiples[i]!),
      at,
    );
  },
  BroadcastTo: () => (inputs, state) => {
    const [t, want] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1]))];
    const shape = broadcast(t.shape, want);
    if (shapeText(shape) !== shapeText(want)) throw newError(Code.InvalidArgument, `Incompatible shapes: ${shapeText(t.shape)} vs. ${shapeText(want)}`);
    foreseen(state, want);
    make(t.dtype, want);
    return copyAt(t, want, offsets(t.shape, want));
  },
  BroadcastArgs: () => (inputs) => {
    const [a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    const shape = broadcast(ints(a), ints(b));
    return integers(a.dtype, [shape.length], shape);
  },
  Pad: pad,
  PadV2: pad,
  ReverseV2: reverse,
  OneHot: (node) => {
    const axis = node.attrs.int("axis", -1);
    return (inputs, state) => {
      const [indices, depth, on, off] = inputs.map((v) => tensorOf(v)) as [Tensor, Tensor, Tensor, Tensor];
      const d = int(depth);
      if (d < 0) throw newError(Code.InvalidArgument, `depth must be non-negative, got: ${d}`);
      foreseen(state, [...indices.shape, d]);
      const rank = indices.shape.length;
      const at = axis === -1 ? rank : axis;
      const out = make(on.dtype, [...indices.shape.slice(0, at), d, ...indices.shape.slice(at)]);
      const inner = elementCount(indices.shape.slice(at));
      const write = out.data as unknown as { [i: number]: unknown };
      for (let i = 0; i < out.data.length; i++) write[i] = off.data[0];
      ints(indices).forEach((index, i) => {
        if (index < 0 || index >= d) return;
        write[(Math.floor(i / inner) * d + index) * inner + (i % inner)] = on.data[0];
      });
      return out;
    };
  },
};

/** scalarData gives one element of a dtype. */
export function scalarData(dtype: DType, value: number): Tensor["data"] {
  const t = make(dtype, [1]);
  const write = t.data as unknown as { [i: number]: unknown };
  if (dtype === DType.String) throw newError(Code.InvalidArgument, "a string has no numeric value");
  if (dtype === DType.Half) write[0] = value === 1 ? 0x3c00 : 0;
  else if (dtype === DType.BFloat16) write[0] = value === 1 ? 0x3f80 : 0;
  else write[0] = dtype === DType.Int64 || dtype === DType.UInt64 ? BigInt(value) : value;
  return t.data;
}
