import { Code, newError } from "@tfs/std";
import { elementCount, type Tensor } from "@tfs/tensor";
import type { Kernels } from "../kernel.ts";
import { copyAt, ints, strides, walk } from "../shape.ts";
import { tensorOf } from "../value.ts";

/** Masks are StridedSlice's attributes: bit i speaks of entry i of begin, end and strides. */
interface Masks {
  readonly begin: number;
  readonly end: number;
  readonly ellipsis: number;
  readonly newAxis: number;
  readonly shrink: number;
}

const bit = (mask: number, i: number): boolean => ((mask >>> i) & 1) === 1;

/** stridedSlice is Python's t[begin:end:stride, …, newaxis, index]. Source of the rules: tensorflow/core/util/strided_slice_op.cc. */
function stridedSlice(t: Tensor, begin: readonly number[], end: readonly number[], step: readonly number[], masks: Masks): Tensor {
  const rank = t.shape.length;
  let explicit = 0;
  for (let i = 0; i < begin.length; i++) if (!bit(masks.newAxis, i) && !bit(masks.ellipsis, i)) explicit++;
  if (explicit > rank) throw newError(Code.InvalidArgument, `Index out of range using input dim ${rank}; input has only ${rank} dims`);
  const own = strides(t.shape);
  const shape: number[] = [];
  const steps: number[] = [];
  let start = 0;
  let dim = 0;
  const whole = (count: number): void => {
    for (let k = 0; k < count; k++, dim++) {
      shape.push(t.shape[dim]!);
      steps.push(own[dim]!);
    }
  };
  for (let i = 0; i < begin.length; i++) {
    if (bit(masks.ellipsis, i)) {
      whole(rank - explicit);
      continue;
    }
    if (bit(masks.newAxis, i)) {
      shape.push(1);
      steps.push(0);
      continue;
    }
    const size = t.shape[dim]!;
    const by = step[i]!;
    if (by === 0) throw newError(Code.InvalidArgument, `strides[${i}] must be non-zero`);
    const clamp = (v: number): number => {
      const real = v < 0 ? v + size : v;
      return by > 0 ? Math.min(Math.max(real, 0), size) : Math.min(Math.max(real, -1), size - 1);
    };
    if (bit(masks.shrink, i)) {
      const real = begin[i]! < 0 ? begin[i]! + size : begin[i]!;
      if (by < 0) throw newError(Code.InvalidArgument, "only stride 1 allowed on non-range indexing.");
      if (real < 0 || real >= size) throw newError(Code.InvalidArgument, `slice index ${begin[i]} of dimension ${dim} out of bounds.`);
      start += real * own[dim]!;
    } else {
      const from = bit(masks.begin, i) ? (by > 0 ? 0 : size - 1) : clamp(begin[i]!);
      const to = bit(masks.end, i) ? (by > 0 ? size : -1) : clamp(end[i]!);
      const count = Math.max(0, Math.ceil((to - from) / by));
      shape.push(count);
      steps.push(own[dim]! * by);
      if (count > 0) start += from * own[dim]!;
    }
    dim++;
  }
  whole(rank - dim);
  return copyAt(t, shape, elementCount(shape) === 0 ? new Int32Array(0) : walk(shape, steps, start));
}

export const slices: Kernels = {
  StridedSlice: (node) => {
    const masks: Masks = {
      begin: node.attrs.int("begin_mask", 0),
      end: node.attrs.int("end_mask", 0),
      ellipsis: node.attrs.int("ellipsis_mask", 0),
      newAxis: node.attrs.int("new_axis_mask", 0),
      shrink: node.attrs.int("shrink_axis_mask", 0),
    };
    return (inputs) => {
      const [begin, end, step] = [ints(tensorOf(inputs[1])), ints(tensorOf(inputs[2])), ints(tensorOf(inputs[3]))];
      if (begin.length !== end.length || begin.length !== step.length)
        throw newError(Code.InvalidArgument, "Expected begin, end, and strides to be 1D equal size tensors");
      return stridedSlice(tensorOf(inputs[0]), begin, end, step, masks);
    };
  },
  Slice: () => (inputs) => {
    const [t, begin, size] = [tensorOf(inputs[0]), ints(tensorOf(inputs[1])), ints(tensorOf(inputs[2]))];
    if (begin.length !== t.shape.length || size.length !== t.shape.length)
      throw newError(
        Code.InvalidArgument,
        `Expected begin and size arguments to be 1-D tensors of size ${t.shape.length}, but got shapes [${begin.length}] and [${size.length}] instead.`,
      );
    const shape = size.map((s, d) => (s === -1 ? t.shape[d]! - begin[d]! : s));
    shape.forEach((s, d) => {
      if (begin[d]! < 0 || begin[d]! > t.shape[d]!) throw newError(Code.InvalidArgument, `Expected begin[${d}] in [0, ${t.shape[d]}], but got ${begin[d]}`);
      if (s < 0 || begin[d]! + s > t.shape[d]!)
        throw newError(Code.InvalidArgument, `Expected size[${d}] in [0, ${t.shape[d]! - begin[d]!}], but got ${size[d]}`);
    });
    const own = strides(t.shape);
    return copyAt(
      t,
      shape,
      elementCount(shape) === 0
        ? new Int32Array(0)
        : walk(
            shape,
            own,
            own.reduce((sum, s, d) => sum + s * begin[d]!, 0),
          ),
    );
  },
};
