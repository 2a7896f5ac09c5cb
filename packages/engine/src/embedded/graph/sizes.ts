// Arithmetic on sizes: what comes of shapes alone is the same as long as the shapes are.
import type { Tensor } from "@tfs/tensor";
import type { Kernel } from "../kernel.ts";
import { isTensor, type Value } from "../value.ts";
import type { Graph, Op } from "./op.ts";

/** Ops that sizes are worked out with. */
const onSizes = new Set(
  "Pack ConcatV2 Concat Prod Sum Max Min GatherV2 Gather StridedSlice Slice Mul Add AddV2 Sub Maximum Minimum Cast Range Fill ExpandDims Squeeze Reshape Identity BroadcastArgs".split(
    " ",
  ),
);

/** sized marks the ops whose results depend on shapes and constants alone. */
export function sized(graph: Graph): Graph {
  const { isFed } = graph;
  const known = new Set<number>();
  const ops = graph.ops.map((op): Op => {
    const isSizes = op.op === "Shape" || (onSizes.has(op.op) && op.inputs.length > 0 && op.inputs.every((e) => !isFed(e) && known.has(e.node)));
    if (op.constant !== undefined || isSizes) known.add(op.at);
    return isSizes && op.constant === undefined ? { ...op, bySizes: true } : op;
  });
  return { ...graph, ops };
}

/** More values than this are not remembered. */
const mostValues = 1024;

/** remembered makes a kernel that gives the same value again where its inputs are: for Shape where their shape is, for others where they are the same values. */
export function remembered(op: string, kernel: Kernel): Kernel {
  const same = op === "Shape" ? sameShape : sameValue;
  let from: readonly Value[] = [];
  let result: Value | undefined;
  return (inputs, state) => {
    if (result !== undefined && from.length === inputs.length && inputs.every((value, i) => same(value, from[i]!))) return result;
    const made = kernel(inputs, state);
    result = undefined;
    if (Array.isArray(made) || made instanceof Promise || !isTensor(made as Value)) return made;
    const tensor = made as Tensor;
    if (tensor.data.length > mostValues) return made;
    // Nothing large is held on to: of what Shape reads, only the shape.
    from = op === "Shape" ? inputs.map((value) => (isTensor(value) ? { dtype: value.dtype, shape: value.shape, data: none } : value)) : inputs;
    result = state.arena.kept(tensor);
    return result;
  };
}

const none = new Float32Array(0);

function sameValue(a: Value, b: Value): boolean {
  return a === b;
}

function sameShape(a: Value, b: Value): boolean {
  if (!isTensor(a) || !isTensor(b) || a.shape.length !== b.shape.length) return false;
  for (let i = 0; i < a.shape.length; i++) if (a.shape[i] !== b.shape[i]) return false;
  return true;
}
