import { Code, newError, throwIfDone } from "@tfs/std";
import { DType, shapeText } from "@tfs/tensor";
import type { KernelFactory, Kernels, Later, Node, State } from "../kernel.ts";
import { flowOps } from "../flow.ts";
import { int } from "../shape.ts";
import { tensorOf, type Value } from "../value.ts";
import { first } from "./source.ts";

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
    for (;;) {
      const held = condition.run(values, state);
      if (held instanceof Promise || state.pace.isOver()) return slowly(values, held, state);
      if (!holds(held[0])) return values;
      throwIfDone(state.ctx);
      state.rounds.take();
      const next = body.run(values, state);
      if (next instanceof Promise) return next.then((given) => slowly(given, undefined, state));
      values = next;
    }
  };

  /** slowly goes on with a loop that has run for long, or holds one that has, and lets others have their turns. `held` is the condition if that was asked already. */
  async function slowly(inputs: readonly Value[], held: Later<readonly Value[]> | undefined, state: State): Promise<readonly Value[]> {
    let [values, asked] = [inputs, held];
    for (;;) {
      if (state.pace.isOver()) await state.pace.rest();
      throwIfDone(state.ctx);
      const [truthful] = await (asked ?? condition.run(values, state));
      if (!holds(truthful)) return values;
      state.rounds.take();
      asked = undefined;
      values = await body.run(values, state);
    }
  }
};

const branch: KernelFactory = (node) => {
  const [yes, no] = [node.body(node.attrs.func("then_branch")), node.body(node.attrs.func("else_branch"))];
  const holds = truthFor(node);
  return (inputs, state) => (holds(inputs[0]) ? yes : no).run(inputs.slice(1), state);
};

/** cases runs the branch of an index; any that is not there means the last one (case_op.cc). */
const cases: KernelFactory = (node) => {
  const branches = node.attrs.funcs("branches").map((name) => node.body(name));
  if (branches.length === 0) throw newError(Code.InvalidArgument, `${node.op} ${node.name} has no branches`);
  return (inputs, state) => {
    const at = int(tensorOf(inputs[0]));
    return (branches[at] ?? branches.at(-1)!).run(inputs.slice(1), state);
  };
};

export const controls: Kernels = {
  Case: cases,
  StatelessCase: cases,
  // Steps of v1 loops and branches pass values on; which way they go is for dataflow.ts, which calls no kernel for Switch and Merge.
  ...Object.fromEntries([...flowOps].map((op) => [op, first])),

  While: whileLoop,
  StatelessWhile: whileLoop,
  If: branch,
  StatelessIf: branch,
};
