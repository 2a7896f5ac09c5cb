// Elementwise ops that only each other read become one.
import { DType } from "@tfs/tensor";
import { newAttrs } from "../attrs.ts";
import { type ChainOp, maxValues, type Recipe } from "../simd/index.ts";
import { keyOf } from "../flat.ts";
import { constantOp, type Graph, isFloat, type Op, readers, type Work } from "./op.ts";

/** Ops that chains have, with what they are called there. */
const names: Readonly<Record<string, ChainOp>> = {
  Add: "add",
  AddV2: "add",
  BiasAdd: "bias",
  Sub: "subtract",
  Mul: "multiply",
  RealDiv: "divide",
  Maximum: "maximum",
  Minimum: "minimum",
  SquaredDifference: "squaredDifference",
  LeakyRelu: "leaky",
  Relu: "relu",
  Relu6: "relu6",
  Neg: "negate",
  Abs: "absolute",
  Square: "square",
  Sqrt: "root",
  Rsqrt: "inverseRoot",
  Reciprocal: "inverse",
  Inv: "inverse",
  Exp: "exponential",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
  Erf: "erf",
  Erfc: "erfc",
  Floor: "floor",
  Ceil: "ceil",
  Rint: "round",
  Round: "round",
  gelu: "gelu",
};

/** chained joins elementwise ops of floats whose results only each other read. Each of them, even if it stays alone, becomes a chain. */
export function chained(graph: Graph): Graph {
  const readersOf = readers(graph);
  const groupOf = new Map<number, Op[]>(); // by the number of a member; its ops last first
  for (const op of [...graph.ops].reverse()) {
    if (!joins(op) || graph.isFed({ node: op.at, output: 0 })) continue;
    const all = readersOf(op.at);
    const group = all[0] === undefined ? undefined : groupOf.get(all[0].at);
    const inside = group !== undefined && all.every((reader) => reader !== undefined && groupOf.get(reader.at) === group);
    const joined = inside && valuesOf([...group, op]) <= maxValues ? group : [];
    joined.push(op);
    groupOf.set(op.at, joined);
  }
  const ops = graph.ops.flatMap((op): Op[] => {
    const group = groupOf.get(op.at);
    if (group === undefined) return [op];
    if (group[0] !== op) return []; // the last one stands for all
    const chain = [...group].reverse();
    const slopes = chain.filter((o) => o.op === "LeakyRelu").map((o) => constantOp(graph.fresh(), o.name, slope(o)));
    return [
      ...slopes,
      { at: op.at, name: op.name, op: op.op, attr: op.attr, chain, inputs: [...outside(chain), ...slopes.map((o) => ({ node: o.at, output: 0 }))] },
    ];
  });
  return { ...graph, ops };
}

function joins(op: Op): boolean {
  if (names[op.op] === undefined || op.constant !== undefined || !isFloat(op) || (op.inputs.length > 2 && op.fused === undefined)) return false;
  return op.op !== "BiasAdd" || newAttrs(op.name, op.attr).string("data_format", "NHWC") === "NHWC";
}

function slope(op: Op) {
  return { dtype: DType.Float, shape: [], data: Float32Array.of(newAttrs(op.name, op.attr).float("alpha", 0.2)) };
}

/** valuesOf counts what a chain of these ops has at most: inputs, a slope for each, and results. */
function valuesOf(ops: readonly Op[]): number {
  return outside(ops).length + ops.filter((op) => op.op === "LeakyRelu").length + ops.length;
}

/** outside gives the edges that come from other ops than these, each once. */
function outside(ops: readonly Op[]): Op["inputs"] {
  const own = new Set(ops.map((op) => op.at));
  const found = new Map(ops.flatMap((op) => op.inputs.filter((e) => !own.has(e.node)).map((e) => [keyOf(e), e] as const)));
  return [...found.values()];
}

/** recipeOf numbers the values of a chain, whose inputs are its op's. */
export function recipeOf({ chain = [], inputs }: Work): Recipe {
  const place = new Map(inputs.map((e, i) => [keyOf(e), i]));
  for (const [k, op] of chain.entries()) place.set(keyOf({ node: op.at, output: 0 }), inputs.length + k);
  let slopes = inputs.length - chain.filter((op) => op.op === "LeakyRelu").length;
  const steps = chain.map((op) => {
    const from = op.inputs.map((e) => place.get(keyOf(e))!);
    return { op: names[op.op]!, from: op.op === "LeakyRelu" ? [...from, slopes++] : from };
  });
  return { inputs: inputs.length, steps };
}
