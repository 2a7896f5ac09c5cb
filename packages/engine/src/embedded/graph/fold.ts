// Constants: what is the same in every run is computed once.
import type { Tensor } from "@tfs/tensor";
import { markWeight } from "../weight.ts";
import { keyOf } from "../flat.ts";
import type { Graph, Op } from "./op.ts";

export interface FoldOptions {
  /** evaluate gives what an op makes of its inputs, or nothing if it cannot, or should not, be known now. */
  evaluate(op: Op, inputs: readonly Tensor[]): readonly Tensor[] | undefined;
  /** variable gives what a variable holds that nothing changes, by its op. */
  variable(op: Op): Tensor | undefined;
}

/** Ops that give what they are given. */
const passed = new Set(["Identity", "StopGradient", "PreventGradient", "Snapshot"]);
const variables = new Set(["VarHandleOp", "VariableV2", "Variable"]);

/** Ops that depend on their inputs alone and cost little to compute once. */
const pure = new Set(
  `Add AddV2 Sub Mul RealDiv Div FloorDiv FloorMod Maximum Minimum SquaredDifference Pow Neg Abs Square Sqrt Rsqrt Exp Log Reciprocal Floor Ceil Cast
  Shape ShapeN Size Rank Reshape Squeeze ExpandDims Transpose Pack Unpack ConcatV2 Concat Split SplitV Slice StridedSlice Fill Range Tile BroadcastTo BroadcastArgs
  ZerosLike OnesLike Pad PadV2 Gather GatherV2 Sum Mean Prod Max Min All Any Less LessEqual Greater GreaterEqual Equal NotEqual LogicalAnd LogicalOr LogicalNot
  Select SelectV2 InvertPermutation`.split(/\s+/),
);

/** A result may take so much more than what it is made of: a Fill of a few numbers can be large. */
const [moreTimes, moreBytes] = [4, 2 ** 16];

/** folded computes what depends on constants alone, and leads edges past ops that only pass values on. */
export function folded(graph: Graph, { evaluate, variable }: FoldOptions): Graph {
  const constants = new Map(graph.constants);
  const passes = new Map<string, Op["inputs"][number]>();
  const variableOps = new Map<number, Op>();
  const ops = graph.ops.map((before): Op => {
    const op = before.inputs.some((e) => passes.has(keyOf(e))) ? { ...before, inputs: before.inputs.map((e) => passes.get(keyOf(e)) ?? e) } : before;
    if (variables.has(op.op)) variableOps.set(op.at, op);
    const out = { node: op.at, output: 0 };
    if (graph.isFed(out)) return op;
    const from = op.inputs[0];
    const held = from !== undefined && (op.op === "ReadVariableOp" || passed.has(op.op)) && !graph.isFed(from) ? variableOps.get(from.node) : undefined;
    const value = held === undefined ? undefined : variable(held);
    if (value !== undefined) return constant(op, [value]);
    if (passed.has(op.op) && from !== undefined && op.inputs.length === 1) passes.set(keyOf(out), from);
    if (op.op !== "Const" && !pure.has(op.op)) return op;
    if (op.op !== "Const" && op.inputs.length === 0) return op;
    const inputs = op.inputs.map((e) => (graph.isFed(e) ? undefined : constants.get(keyOf(e))));
    if (!inputs.every((t) => t !== undefined)) return op;
    const values = evaluate(op, inputs);
    if (values === undefined || values.some((_, output) => graph.isFed({ node: op.at, output }))) return op;
    return op.op !== "Const" && bytesOf(values) > moreTimes * bytesOf(inputs) + moreBytes ? op : constant(op, values);
  });

  function constant(op: Op, values: readonly Tensor[]): Op {
    for (const [output, value] of values.entries()) {
      constants.set(keyOf({ node: op.at, output }), value);
      markWeight(value.data);
    }
    return { at: op.at, name: op.name, op: "Const", attr: op.attr, inputs: [], constant: values };
  }

  return { ...graph, ops, constants };
}

function bytesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { data }) => sum + (ArrayBuffer.isView(data) ? data.byteLength : data.length * 64), 0);
}

/** pruned leaves out what nobody needs: who needs a `root` is outside of the graph. */
export function pruned(graph: Graph, root: (op: Op) => boolean): Graph {
  const needed = new Set(graph.fetches.map((e) => e.node));
  const kept: Op[] = [];
  for (const op of [...graph.ops].reverse()) {
    if (!needed.has(op.at) && !root(op)) continue;
    kept.push(op);
    for (const e of op.inputs) if (!graph.isFed(e)) needed.add(e.node);
  }
  return { ...graph, ops: kept.reverse() };
}
