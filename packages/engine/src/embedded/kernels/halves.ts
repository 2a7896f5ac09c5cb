// Windows over 16-bit floats, as TensorFlow computes them: in floats of 32 bits, rounded once.
import { DType, type Tensor } from "@tfs/tensor";
import type { KernelFactory } from "../kernel.ts";
import { tensorOf, type Value } from "../value.ts";
import { isWeight, markWeight } from "../weight.ts";
import { narrow, widen } from "./math.ts";

/** What weights are in floats: they are widened once. */
const known = new WeakMap<object, Tensor>();

/** widened gives 16-bit floats as floats, and all else as it is. */
function widened(value: Value): Tensor {
  const t = tensorOf(value);
  if (!isHalf(t.dtype)) return t;
  const found = known.get(t.data);
  if (found !== undefined) return found;
  const made: Tensor = { dtype: DType.Float, shape: t.shape, data: widen(t) };
  if (isWeight(t.data)) {
    markWeight(made.data);
    known.set(t.data, made);
  }
  return made;
}

const isHalf = (dtype: DType): boolean => dtype === DType.Half || dtype === DType.BFloat16;

/** alsoHalves lets a kernel of floats take 16-bit ones, where the inputs named by `numbers` are of one such type. The kernel gives one output, bare. */
export function alsoHalves(factory: KernelFactory, numbers: readonly number[] = [0]): KernelFactory {
  return (node) => {
    const kernel = factory(node);
    const first = numbers[0]!;
    return (inputs, state) => {
      const { dtype } = tensorOf(inputs[first]);
      if (!isHalf(dtype) || numbers.some((i) => tensorOf(inputs[i]).dtype !== dtype)) return kernel(inputs, state);
      const out = kernel(inputs.map(widened), state) as Tensor;
      const narrowed = narrow(dtype, out.shape, out.data as Float32Array);
      state.arena.take(out); // nobody else knows of it
      state.arena.drop(out);
      return narrowed;
    };
  };
}
