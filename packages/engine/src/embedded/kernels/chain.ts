// Chains of elementwise ops. What WebAssembly cannot do with the inputs of a call (other types, shapes that do not fit, very few numbers) the ops' own kernels do.
import { DType, type Tensor } from "@tfs/tensor";
import type { Kernel, State } from "../kernel.ts";
import { type Layout, lay, type Recipe } from "../simd/index.ts";
import { tensorOf, type Value } from "../value.ts";

/** Member is one op of a chain by itself. */
export interface Member {
  readonly kernel: Kernel;
  /** from are its inputs among the chain's values: inputs first, then what each member gives. */
  readonly from: readonly number[];
}

/** Below so many results in all a call into WebAssembly is not worth it. */
const hostNumbers = 32;

/** chainOf makes the kernel of a chain. Inputs mostly come in the same shapes: what was worked out for them is kept. */
export function chainOf(recipe: Recipe, members: readonly Member[]): Kernel {
  let shapes: (readonly number[])[] = [];
  let layout: Layout | undefined;

  function layoutFor(tensors: readonly Tensor[]): Layout | undefined {
    if (shapes.length === 0 || !tensors.every(({ shape }, i) => same(shape, shapes[i]!))) {
      shapes = tensors.map((t) => t.shape);
      layout = lay(recipe, shapes);
    }
    return layout;
  }

  return (inputs, state) => {
    const tensors = new Array<Tensor>(inputs.length);
    let floats = true;
    for (let i = 0; i < inputs.length; i++) {
      tensors[i] = tensorOf(inputs[i]);
      floats &&= tensors[i]!.dtype === DType.Float;
    }
    const found = floats ? layoutFor(tensors) : undefined;
    if (found === undefined) return oneByOne(members, tensors, state);
    const out = state.arena.make(found.shape);
    if (out.data.length * recipe.steps.length < hostNumbers) return oneByOne(members, tensors, state);
    state.simd.chain(
      found,
      tensors.map((t) => t.data as Float32Array),
      out.data as Float32Array,
    );
    return out;
  };
}

function oneByOne(members: readonly Member[], inputs: readonly Tensor[], state: State): Value {
  const values: Value[] = [...inputs];
  for (const { kernel, from } of members)
    values.push(
      kernel(
        from.map((v) => values[v]!),
        state,
      ) as Value, // elementwise kernels give one output, at once
    );
  return values.at(-1)!;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
