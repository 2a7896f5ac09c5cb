import { Code, newError } from "@tfs/std";
import { DType, dtypeName, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node, State } from "../kernel.ts";
import { copyAt, strides, walk } from "../shape.ts";
import { tensorOf, type Value, type Variable, variableOf } from "../value.ts";
import { markWeight } from "../weight.ts";
import { integers } from "./array.ts";
import { gather, gatherNd } from "./gather.ts";
import { addTensors, subtractTensors } from "./math.ts";

/** variableName gives what a variable's op calls it. */
export function variableName({ attrs, name }: Pick<Node, "attrs" | "name">): string {
  return attrs.string("shared_name", "") || name;
}

/** A variable is found by its shared name, else by its node's: two handles of one name are one variable. */
function handle(node: Node): (inputs: readonly Value[], state: State) => Variable {
  const name = variableName(node);
  const dtype = node.attrs.dtype("dtype");
  const make = (): Variable => ({ kind: "variable", name, dtype, value: undefined });
  return (_, state) => state.variable(name, make);
}

function assign(change: (old: Variable, value: Tensor) => Tensor): KernelFactory {
  return () =>
    (inputs, { arena }) => {
      const variable = variableOf(inputs[0]);
      const value = tensorOf(inputs[1]);
      if (value.dtype !== variable.dtype)
        throw newError(Code.InvalidArgument, `Trying to assign variable with wrong dtype. Expected ${dtypeName(variable.dtype)} got ${dtypeName(value.dtype)}`);
      variable.value = arena.kept(change(variable, value));
      return variable;
    };
}

const set = assign((_, value) => value);

/** update changes a variable by a value of its own shape: one that broadcast would change the variable's shape for every later call. */
function update(change: (old: Tensor, value: Tensor) => Tensor): KernelFactory {
  return (node) =>
    assign((variable, value) => {
      const old = tensorOf(variable);
      if (shapeText(old.shape) === shapeText(value.shape)) return change(old, value);
      const byHandle = `Cannot update variable with shape ${shapeText(old.shape)} using a Tensor with shape ${shapeText(value.shape)}, shapes must be equal.`;
      throw newError(Code.InvalidArgument, node.op.endsWith("VariableOp") ? byHandle : "Parameters and update must be the same size");
    })(node);
}
const add = update(addTensors);
const subtract = update(subtractTensors);

export const state: Kernels = {
  VariableV2: handle,
  Variable: handle,
  VarHandleOp: handle,
  ReadVariableOp: () => (inputs) => tensorOf(variableOf(inputs[0])),
  Assign: set,
  AssignAdd: add,
  AssignSub: subtract,
  AssignVariableOp: set,
  AssignAddVariableOp: add,
  AssignSubVariableOp: subtract,
  VarIsInitializedOp: () => (inputs) => bool(variableOf(inputs[0]).value !== undefined),
  IsVariableInitialized: () => (inputs) => bool(variableOf(inputs[0]).value !== undefined),
  ResourceGather: (node) => {
    const batchDims = node.attrs.int("batch_dims", 0);
    return (inputs) => gather(tensorOf(variableOf(inputs[0])), tensorOf(inputs[1]), 0, batchDims);
  },
  ResourceGatherNd: () => (inputs) => gatherNd(tensorOf(variableOf(inputs[0])), tensorOf(inputs[1])),
  VariableShape: (node) => {
    const dtype = node.attrs.dtype("out_type", DType.Int32);
    return (inputs) => {
      const { shape } = tensorOf(variableOf(inputs[0]));
      return integers(dtype, [shape.length], shape);
    };
  },
  RestoreV2: (node) => {
    const dtypes = node.attrs.dtypes("dtypes");
    return (inputs, run) => {
      const names = text(tensorOf(inputs[1]));
      const slices = text(tensorOf(inputs[2]));
      if (names.length !== dtypes.length || slices.length !== dtypes.length)
        throw newError(Code.InvalidArgument, `RestoreV2 has ${names.length} names and ${slices.length} slices for ${dtypes.length} outputs`);
      return names.map((name, i) => restore(run.checkpoint(name), name, slices[i]!, dtypes[i]!));
    };
  },
};

function bool(value: boolean): Tensor {
  return { dtype: DType.Bool, shape: [], data: Uint8Array.of(value ? 1 : 0) };
}

function text(t: Tensor): string[] {
  const decoder = new TextDecoder();
  return (t.data as readonly Uint8Array[]).map((bytes) => decoder.decode(bytes));
}

/** restore takes the part that a spec asks for: "5 4 0,3:0,4" is the whole shape, then start and length per dimension ("-" for all of one). */
function restore(t: Tensor, name: string, spec: string, dtype: DType): Tensor {
  if (t.dtype !== dtype) throw newError(Code.InvalidArgument, `the checkpoint has ${dtypeName(t.dtype)} under ${name}, the graph wants ${dtypeName(dtype)}`);
  if (spec === "") {
    markWeight(t.data);
    return t;
  }
  const words = spec.trim().split(" ");
  const extents = words
    .pop()!
    .split(":")
    .map((e, d) => (e === "-" ? [0, t.shape[d] ?? -1] : e.split(",").map(Number)) as [number, number]);
  const fits = words.length === t.shape.length && words.every((w, d) => Number(w) === t.shape[d]) && extents.length === t.shape.length;
  if (!fits || extents.some(([start, length], d) => !(start >= 0 && length >= 0 && start + length <= t.shape[d]!))) {
    throw newError(Code.InvalidArgument, `the slice ${spec} does not fit ${name} of shape ${shapeText(t.shape)}`);
  }
  const shape = extents.map(([, length]) => length);
  const steps = strides(t.shape);
  const start = extents.reduce((sum, [begin], d) => sum + begin * steps[d]!, 0);
  const part = copyAt(t, shape, walk(shape, steps, start));
  markWeight(part.data);
  return part;
}
