import { Code, newError, throwIfDone } from "@tfs/std";
import { DType, shapeText } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { tensorOf, type Value } from "../value.ts";

/** Truth reads a condition. */
type Truth = (value: Value | undefined) => boolean;

/** truthFor reads a node's conditions as TensorFlow does, which most often lowers the node to Switch and Merge: then a condition has to be a scalar (switch_op.cc). */
function truthFor(node: Node): Truth {
  if (!node.attrs.bool("_lower_using_switch_merge", false)) return truth;
  return (value) => {
    const { shape } = tensorOf(value);
    if (shape.length > 0) throw newError(Code.InvalidArgument, `The second input must be a scalar, but it has shape ${shapeText(shape)}`);
    return truth(value);
  };
}

/** truth takes a non-empty string, a non-zero number, or a tensor that has elements for true. */
function truth(value: Value | undefined): boolean {
  const t = tensorOf(value);
  if (t.shape.length > 0) return t.data.length > 0;
  const v = t.data[0]!;
  return t.dtype === DType.String ? (v as Uint8Array).length > 0 : Number(v) !== 0;
}

const whileLoop: KernelFactory = (node) => {
  const [condition, body] = [node.body(node.attrs.func("cond")), node.body(node.attrs.func("body"))];
  const holds = truthFor(node);
  return (inputs, state) => {
    let values = inputs;
    while (holds(condition.run(values, state)[0])) {
      throwIfDone(state.ctx);
      values = body.run(values, state);
    }
    return values;
  };
};

const branch: KernelFactory = (node) => {
  const [yes, no] = [node.body(node.attrs.func("then_branch")), node.body(node.attrs.func("else_branch"))];
  const holds = truthFor(node);
  return (inputs, state) => (holds(inputs[0]) ? yes : no).run(inputs.slice(1), state);
};

export const controls: Kernels = {
  While: whileLoop,
  StatelessWhile: whileLoop,
  If: branch,
  StatelessIf: branch,
};
