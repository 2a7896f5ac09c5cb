import { throwIfDone } from "@tfs/std";
import { DType } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { tensorOf, type Value } from "../value.ts";

/** truth reads a condition as TensorFlow does: a non-empty string, a non-zero number, or a tensor that has elements. */
function truth(value: Value | undefined): boolean {
  const t = tensorOf(value);
  if (t.shape.length > 0) return t.data.length > 0;
  const v = t.data[0]!;
  return t.dtype === DType.String ? (v as Uint8Array).length > 0 : Number(v) !== 0;
}

const whileLoop: KernelFactory = (node) => {
  const [condition, body] = [node.body(node.attrs.func("cond")), node.body(node.attrs.func("body"))];
  return (inputs, state) => {
    let values = inputs;
    while (truth(condition.run(values, state)[0])) {
      throwIfDone(state.ctx);
      values = body.run(values, state);
    }
    return values;
  };
};

const branch: KernelFactory = (node) => {
  const [yes, no] = [node.body(node.attrs.func("then_branch")), node.body(node.attrs.func("else_branch"))];
  return (inputs, state) => (truth(inputs[0]) ? yes : no).run(inputs.slice(1), state);
};

export const controls: Kernels = {
  While: whileLoop,
  StatelessWhile: whileLoop,
  If: branch,
  StatelessIf: branch,
};
