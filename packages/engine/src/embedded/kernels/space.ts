// What moves elements between dimensions, and what takes them by an index of each dimension.
import { Code, newError } from "@tfs/std";
import { elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { axisOf, copyAt, copyRun, ints, make, strides } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { padded, permuted } from "./array.ts";

/** pick takes, of each dimension, the indices of its list, in their order. */
export function pick(t: Tensor, lists: readonly ArrayLike<number>[]): Tensor {
  const steps = strides(t.shape);
  const shape = lists.map((list) => list.length);
  let at = new Int32Array(Math.min(1, elementCount(shape)));
  make(t.dtype, shape); // of a sane size
  for (let d = 0; d < lists.length && at.length > 0; d++) {
    const [list, step] = [lists[d]!, steps[d]!];
    const next = new Int32Array(at.length * list.length);
    for (let i = 0; i < at.length; i++) for (let k = 0; k < list.length; k++) next[i * list.length + k] = at[i]! + list[k]! * step;
    at = next;
  }
  return copyAt(t, shape, at);
}

const all = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const of = (t: Tensor, shape: readonly number[]): Tensor => ({ dtype: t.dtype, shape, data: t.data });
const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);

function spaceToBatch(t: Tensor, block: readonly number[], paddings: readonly number[]): Tensor {
  const m = block.length;
  checkBlock(t, block, paddings, "paddings");
  const pads = [0, 0, ...paddings, ...new Array<number>(2 * (t.shape.length - 1 - m)).fill(0)];
  const wide = padded(t, { dtype: 3, shape: [t.shape.length, 2], data: Int32Array.from(pads) }, undefined);
  const [batch, rest] = [wide.shape[0]!, wide.shape.slice(1 + m)];
  const sizes = block.map((b, i) => {
    const size = wide.shape[1 + i]!;
    if (size % b !== 0) throw newError(Code.InvalidArgument, `padded_shape[${i}]=${size} is not divisible by block_shape[${i}]=${b}`);
    return size / b;
  });
  const split = of(wide, [batch, ...block.flatMap((b, i) => [sizes[i]!, b]), ...rest]);
  const order = [...block.map((_, i) => 2 + 2 * i), 0, ...block.map((_, i) => 1 + 2 * i), ...rest.map((_, i) => 1 + 2 * m + i)];
  return of(permuted(split, order), [batch * product(block), ...sizes, ...rest]);
}

function batchToSpace(t: Tensor, block: readonly number[], crops: readonly number[]): Tensor {
  const m = block.length;
  checkBlock(t, block, crops, "crops");
  const [sizes, rest] = [t.shape.slice(1, 1 + m), t.shape.slice(1 + m)];
  const times = product(block);
  if (t.shape[0]! % times !== 0)
    throw newError(Code.InvalidArgument, `Input batch dimension (${t.shape[0]}) is not divisible by product of block sizes (${times})`);
  const batch = t.shape[0]! / times;
  const split = of(t, [...block, batch, ...sizes, ...rest]);
  const order = [m, ...block.flatMap((_, i) => [m + 1 + i, i]), ...rest.map((_, i) => 2 * m + 1 + i)];
  const full = sizes.map((size, i) => size * block[i]!);
  const joined = of(permuted(split, order), [batch, ...full, ...rest]);
  if (crops.every((c) => c === 0)) return joined;
  const lists = joined.shape.map((size, d) => {
    if (d === 0 || d > m) return all(size);
    const [start, end] = [crops[2 * (d - 1)]!, crops[2 * (d - 1) + 1]!];
    if (start + end > size) throw newError(Code.InvalidArgument, `cropped_shape[${d - 1}]=${size - start - end} must be non-negative`);
    return all(size - start - end).map((i) => i + start);
  });
  return pick(joined, lists);
}

function checkBlock(t: Tensor, block: readonly number[], edges: readonly number[], what: string): void {
  if (t.shape.length < 1 + block.length) throw newError(Code.InvalidArgument, `input rank should be >= ${1 + block.length} instead of ${t.shape.length}`);
  if (block.some((b) => b < 1)) throw newError(Code.InvalidArgument, `All values in block_shape must be positive, got value, ${Math.min(...block)}`);
  if (edges.length !== 2 * block.length || edges.some((e) => e < 0))
    throw newError(Code.InvalidArgument, `${what} must be non-negative pairs, one for each dimension`);
}

/** blocks moves blocks of height and width to depth, or back. */
function blocks(toDepth: boolean): KernelFactory {
  return (node) => {
    const size = node.attrs.int("block_size");
    if (node.attrs.string("data_format", "NHWC") !== "NHWC") throw newError(Code.Unimplemented, `${node.op} ${node.name}: only NHWC is supported`);
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      if (t.shape.length !== 4) throw newError(Code.InvalidArgument, `Input rank should be: 4 instead of: ${t.shape.length}`);
      const [n, h, w, c] = t.shape as [number, number, number, number];
      if (toDepth) {
        if (h % size !== 0 || w % size !== 0)
          throw newError(Code.InvalidArgument, `Image width ${w} and height ${h} should be divisible by block_size: ${size}`);
        return of(permuted(of(t, [n, h / size, size, w / size, size, c]), [0, 1, 3, 2, 4, 5]), [n, h / size, w / size, size * size * c]);
      }
      if (c % (size * size) !== 0) throw newError(Code.InvalidArgument, `Input depth dimension ${c} should be divisible by: ${size * size}`);
      const depth = c / (size * size);
      return of(permuted(of(t, [n, h, w, size, size, depth]), [0, 1, 3, 2, 4, 5]), [n, h * size, w * size, depth]);
    };
  };
}

/** mirrored continues each dimension by its own reflection, with its edge once (REFLECT) or twice (SYMMETRIC). */
const mirrored: KernelFactory = (node) => {
  const once = node.attrs.string("mode") === "REFLECT";
  return (inputs) => {
    const [t, pads] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1]))];
    if (pads.length !== 2 * t.shape.length)
      throw newError(Code.InvalidArgument, `The first dimension of paddings must be the rank of inputs [${pads.length / 2},2] ${shapeText(t.shape)}`);
    const lists = t.shape.map((n, d) => {
      const [before, after] = [pads[2 * d]!, pads[2 * d + 1]!];
      const limit = once ? n - 1 : n;
      if (before < 0 || after < 0) throw newError(Code.InvalidArgument, `paddings must be non-negative: ${before} ${after}`);
      if (before > limit || after > limit)
        throw newError(Code.InvalidArgument, `paddings must be no greater than the dimension size: ${before}, ${after} greater than ${limit}`);
      const shift = once ? 0 : 1;
      return all(before + n + after).map((i) => {
        const k = i - before;
        if (k < 0) return -k - shift;
        return k < n ? k : 2 * n - 2 - k + shift;
      });
    });
    return pick(t, lists);
  };
};

/** rolled moves elements round along axes. */
const rolled: KernelFactory = () => (inputs) => {
  const [t, shifts, axes] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1])), ints(tensorOf(inputs[2]))];
  if (shifts.length !== axes.length) throw newError(Code.InvalidArgument, "shift and axis must have the same size");
  const by = t.shape.map(() => 0);
  axes.forEach((axis, i) => {
    const d = axisOf(axis, t.shape.length);
    by[d]! += shifts[i]!;
  });
  return pick(
    t,
    t.shape.map((n, d) => all(n).map((i) => (((i - by[d]!) % n) + n) % n)),
  );
};

/** reversed turns the first elements of each row round, as many as its length says. */
const reversed: KernelFactory = (node) => {
  const [along, by] = [node.attrs.int("seq_dim"), node.attrs.int("batch_dim", 0)];
  return (inputs) => {
    const [t, lengths] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1]))];
    const [seq, batch] = [axisOf(along, t.shape.length), axisOf(by, t.shape.length)];
    if (seq === batch) throw newError(Code.InvalidArgument, `batch_dim == seq_dim == ${seq}`);
    if (lengths.length !== t.shape[batch])
      throw newError(Code.InvalidArgument, `Length of seq_lengths != input.dims(${batch}), (${lengths.length} vs. ${t.shape[batch]})`);
    const steps = strides(t.shape);
    for (const n of lengths) if (n < 0 || n > t.shape[seq]!) throw newError(Code.InvalidArgument, `seq_lens(0) < 0 or > input.dims(${seq})`);
    const at = Int32Array.from({ length: elementCount(t.shape) }, (_, i) => {
      const place = Math.floor(i / steps[seq]!) % t.shape[seq]!;
      const n = lengths[Math.floor(i / steps[batch]!) % t.shape[batch]!]!;
      return place < n ? i + (n - 1 - 2 * place) * steps[seq]! : i;
    });
    return copyAt(t, t.shape, at);
  };
};

/** partitioned sends rows to outputs by number; stitched puts them together again. */
const partitioned: KernelFactory = (node) => {
  const count = node.attrs.int("num_partitions");
  return (inputs) => {
    const [t, partitions] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    const rank = partitions.shape.length;
    if (shapeText(t.shape.slice(0, rank)) !== shapeText(partitions.shape))
      throw newError(
        Code.InvalidArgument,
        `data.shape must start with partitions.shape, got data.shape = ${shapeText(t.shape)}, partitions.shape = ${shapeText(partitions.shape)}`,
      );
    const inner = t.shape.slice(rank);
    const rows: number[][] = Array.from({ length: count }, () => []);
    ints(partitions).forEach((p, i) => {
      if (p < 0 || p >= count) throw newError(Code.InvalidArgument, `partitions[${i}] = ${p} is not in [0, ${count})`);
      rows[p]!.push(i);
    });
    const each = t.data.length / Math.max(1, elementCount(partitions.shape));
    return rows.map((list) => {
      const out = make(t.dtype, [list.length, ...inner]);
      list.forEach((row, i) => void copyRun(t.data, row * each, each, out.data, i * each));
      return out;
    });
  };
};

const stitched: KernelFactory = (node) => {
  const count = node.attrs.int("N");
  return (inputs) => {
    const [indices, data] = [inputs.slice(0, count).map(tensorOf), inputs.slice(count).map(tensorOf)];
    let size = 0;
    for (const t of indices) for (const i of ints(t)) size = Math.max(size, i + 1);
    const first = data[0]!;
    const inner = first.shape.slice(indices[0]!.shape.length);
    const out = make(first.dtype, [size, ...inner]);
    const each = size === 0 ? 0 : out.data.length / size;
    indices.forEach((t, k) => {
      if (shapeText(data[k]!.shape.slice(0, t.shape.length)) !== shapeText(t.shape))
        throw newError(Code.InvalidArgument, `data[${k}].shape = ${shapeText(data[k]!.shape)} does not start with indices[${k}].shape = ${shapeText(t.shape)}`);
      ints(t).forEach((to, i) => {
        if (to < 0) throw newError(Code.InvalidArgument, `indices[${k}] = ${to} is not in [0, ${size})`);
        copyRun(data[k]!.data, i * each, each, out.data, to * each);
      });
    });
    return out;
  };
};

export const spaces: Kernels = {
  SpaceToBatchND: () => (inputs) => spaceToBatch(tensorOf(inputs[0]), ints(tensorOf(inputs[1])), ints(tensorOf(inputs[2]))),
  BatchToSpaceND: () => (inputs) => batchToSpace(tensorOf(inputs[0]), ints(tensorOf(inputs[1])), ints(tensorOf(inputs[2]))),
  SpaceToBatch: (node) => {
    const size = node.attrs.int("block_size");
    return (inputs) => spaceToBatch(tensorOf(inputs[0]), [size, size], ints(tensorOf(inputs[1])));
  },
  BatchToSpace: (node) => {
    const size = node.attrs.int("block_size");
    return (inputs) => batchToSpace(tensorOf(inputs[0]), [size, size], ints(tensorOf(inputs[1])));
  },
  SpaceToDepth: blocks(true),
  DepthToSpace: blocks(false),
  MirrorPad: mirrored,
  Roll: rolled,
  ReverseSequence: reversed,
  DynamicPartition: partitioned,
  DynamicStitch: stitched,
  ParallelDynamicStitch: stitched,
};
