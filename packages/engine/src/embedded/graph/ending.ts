// What follows a product or a convolution becomes part of it: a scale goes into its weights, a shift becomes its bias, ReLU its limits, and padding before it its own.
import { DType, elementCount, type Tensor } from "@tfs/tensor";
import { newAttrs } from "../attrs.ts";
import { ints } from "../shape.ts";
import { markWeight } from "../weight.ts";
import { keyOf } from "../flat.ts";
import { type After, constantOp, type Graph, isFloat, type Op, readers } from "./op.ts";

/** Memo gives what was made of the same tensors before, by what it is, or makes it: plans of one model share weights. */
export type Memo = (what: string, from: readonly Tensor[], make: () => Tensor) => Tensor;

const none: After = { bias: false, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
const heavy = new Set(["MatMul", "Conv2D", "DepthwiseConv2dNative"]);
const norms = new Set(["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"]);

/** normalized writes batch normalization by constants as a product and a sum. */
export function normalized(graph: Graph, memo: Memo): Graph {
  const readersOf = readers(graph);
  const constants = new Map(graph.constants);
  const ops = graph.ops.flatMap((op): Op[] => {
    if (!norms.has(op.op)) return [op];
    const attrs = newAttrs(op.name, op.attr);
    if (attrs.bool("is_training", true) || attrs.string("data_format", "NHWC") !== "NHWC" || !isFloat(op)) return [op];
    const others = readersOf(op.at).some((reader) => reader?.inputs.some((e) => e.node === op.at && e.output > 0));
    const given = op.inputs.slice(1, 5).map((e) => (graph.isFed(e) ? undefined : constants.get(keyOf(e))));
    if (others || graph.fetches.some((e) => e.node === op.at && e.output > 0) || graph.isFed({ node: op.at, output: 0 })) return [op];
    if (given.length !== 4 || !given.every((t) => t !== undefined && t.dtype === DType.Float && t.shape.length === 1 && t.shape[0] === given[0]!.shape[0]))
      return [op];
    const epsilon = attrs.float("epsilon", 1e-4);
    const [scale, offset, mean, variance] = given.map((t) => t!.data as Float32Array) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const factor = (c: number): number => scale[c]! / Math.sqrt(variance[c]! + epsilon);
    const tensors = given as Tensor[];
    const by = memo(`factor ${epsilon}`, tensors, () => vector(scale.length, factor));
    const shift = memo(`shift ${epsilon}`, tensors, () => vector(scale.length, (c) => offset[c]! - mean[c]! * factor(c)));
    const made = [by, shift].map((value) => {
      const one = constantOp(graph.fresh(), op.name, value);
      constants.set(keyOf({ node: one.at, output: 0 }), value);
      return one;
    }) as [Op, Op];
    const attr = { T: op.attr["T"]! };
    const product: Op = { at: graph.fresh(), name: op.name, op: "Mul", attr, inputs: [op.inputs[0]!, { node: made[0].at, output: 0 }] };
    const sum: Op = {
      at: op.at,
      name: op.name,
      op: "AddV2",
      attr,
      inputs: [
        { node: product.at, output: 0 },
        { node: made[1].at, output: 0 },
      ],
    };
    return [...made, product, sum];
  });
  return { ...graph, ops, constants };
}

/** ended gives products and convolutions the endings that follow them. */
export function ended(graph: Graph, memo: Memo): Graph {
  const constants = new Map(graph.constants);
  const readersOf = readers(graph);
  const gone = new Set<number>();
  const made = new Map<number, readonly Op[]>(); // what stands where an op stood
  const current = new Map<number, Op>(); // heavy ops as they are now, by their number
  const pads = new Map(graph.ops.filter((op) => op.op === "Pad").map((op) => [op.at, op]));
  const constant = (e: { readonly node: number; readonly output: number } | undefined): Tensor | undefined =>
    e === undefined || graph.isFed(e) ? undefined : constants.get(keyOf(e));

  /** before gives the heavy op whose only reader is this one, if it reads one by that input. */
  function before(op: Op, input: number): Op | undefined {
    const e = op.inputs[input];
    if (e === undefined || graph.isFed(e)) return undefined;
    const found = current.get(e.node);
    return found !== undefined && readersOf(e.node).length === 1 ? found : undefined;
  }

  function added(name: string, value: Tensor): Op {
    const op = constantOp(graph.fresh(), name, value);
    constants.set(keyOf({ node: op.at, output: 0 }), value);
    markWeight(value.data);
    return op;
  }

  /** becomes puts a heavy op where the op stood that it takes in. */
  function becomes(was: Op, op: Op, now: Omit<Op, "at">, more: readonly Op[] = []): void {
    const heavyOp = { ...now, at: op.at };
    const constantsBefore = (made.get(was.at) ?? []).filter((o) => o.at !== was.at);
    gone.add(was.at);
    made.set(op.at, [...constantsBefore, ...more, heavyOp]);
    current.set(op.at, heavyOp);
  }

  for (const op of graph.ops) {
    if (heavy.has(op.op) && isFloat(op)) {
      current.set(op.at, op);
      takePadding(op);
      continue;
    }
    if (graph.isFed({ node: op.at, output: 0 })) continue;
    if (op.op === "Relu" || op.op === "Relu6") {
      const was = before(op, 0);
      if (was !== undefined && isOpen(was)) becomes(was, op, { ...was, after: { ...none, ...was.after, low: 0, high: op.op === "Relu" ? none.high : 6 } });
      continue;
    }
    if (!["Mul", "Add", "AddV2", "BiasAdd"].includes(op.op) || !isFloat(op)) continue;
    for (const side of op.op === "BiasAdd" ? [0] : [0, 1]) {
      const was = before(op, side);
      const filter = constant(was?.inputs[1]);
      const value = constant(op.inputs[1 - side]);
      if (was === undefined || !isOpen(was) || filter === undefined || value === undefined) continue;
      const n = columnsOf(was, filter);
      const by = n === undefined ? undefined : across(value, n, was.op === "MatMul" ? 2 : 4, op.op === "BiasAdd");
      if (n === undefined || by === undefined) continue;
      const bias = was.after?.bias === true ? constant(was.inputs[2]) : undefined;
      if (was.after?.bias === true && bias === undefined) continue;
      if (op.op === "Mul") {
        if (!by.every(Number.isFinite)) continue;
        const filters = added(
          was.name,
          memo(`${was.op} ${isRowwise(was)} by ${n}`, [filter, value], () => scaled(was, filter, by)),
        );
        const biases =
          bias &&
          added(
            was.name,
            memo(`product of ${n}`, [bias, value], () => vector(n, (c) => (bias.data as Float32Array)[c]! * by[c]!)),
          );
        const inputs = [was.inputs[0]!, { node: filters.at, output: 0 }, ...(biases === undefined ? [] : [{ node: biases.at, output: 0 }])];
        becomes(was, op, { ...was, inputs }, biases === undefined ? [filters] : [filters, biases]);
      } else {
        const from = bias === undefined ? [value] : [value, bias];
        const biases = added(
          was.name,
          memo(`sum of ${n}`, from, () => vector(n, (c) => by[c]! + (bias === undefined ? 0 : (bias.data as Float32Array)[c]!))),
        );
        const inputs = [was.inputs[0]!, was.inputs[1]!, { node: biases.at, output: 0 }];
        becomes(was, op, { ...was, inputs, after: { ...none, ...was.after, bias: true } }, [biases]);
      }
      break;
    }
  }
  return { ...graph, constants, ops: graph.ops.flatMap((op) => (gone.has(op.at) ? [] : (made.get(op.at) ?? [op]))) };

  /** takePadding lets a convolution do the padding of a Pad op that only it reads. */
  function takePadding(op: Op): void {
    const e = op.inputs[0];
    if (op.op === "MatMul" || e === undefined || graph.isFed(e)) return;
    const pad = pads.get(e.node);
    const attrs = newAttrs(op.name, op.attr);
    if (pad?.op !== "Pad" || readersOf(pad.at).length !== 1 || attrs.string("padding") !== "VALID" || attrs.string("data_format", "NHWC") !== "NHWC") return;
    const sizes = constant(pad.inputs[1]);
    if (sizes === undefined || elementCount(sizes.shape) !== 8 || sizes.shape[0] !== 4) return;
    const [n0, n1, top, bottom, left, right, c0, c1] = ints(sizes) as [number, number, number, number, number, number, number, number];
    if (n0 !== 0 || n1 !== 0 || c0 !== 0 || c1 !== 0 || Math.min(top, bottom, left, right) < 0) return;
    gone.add(pad.at);
    const now: Op = { ...op, inputs: [pad.inputs[0]!, ...op.inputs.slice(1)], after: { ...none, padding: [top, bottom, left, right] } };
    made.set(op.at, [now]);
    current.set(op.at, now);
  }
}

/** isOpen tells whether more may be added to what an op does to its sums: after limits only narrower ones could. */
function isOpen({ after = none }: Op): boolean {
  return after.low === none.low && after.high === none.high;
}

/** isRowwise tells whether what is summed up for a column lies in a row of the weights. */
function isRowwise(op: Op): boolean {
  return op.op === "MatMul" && newAttrs(op.name, op.attr).bool("transpose_b", false);
}

/** columnsOf is how many sums an op has side by side: those that a bias is added to. */
function columnsOf(op: Op, filter: Tensor): number | undefined {
  if (filter.dtype !== DType.Float) return undefined;
  if (op.op === "MatMul") return filter.shape.length === 2 ? filter.shape[isRowwise(op) ? 0 : 1] : undefined;
  if (filter.shape.length !== 4) return undefined;
  return op.op === "Conv2D" ? filter.shape[3] : filter.shape[2]! * filter.shape[3]!;
}

/** across gives a constant's value for each of n columns, if it says one for each, or one for all, and has no more dimensions than the sums. */
function across(value: Tensor, n: number, rank: number, isBias: boolean): Float32Array | undefined {
  const data = value.data as Float32Array;
  if (value.dtype !== DType.Float || value.shape.length > rank || (isBias && value.shape.length !== 1)) return undefined;
  if (data.length === n && (value.shape.at(-1) ?? 1) === n) return data;
  return data.length === 1 && !isBias ? new Float32Array(n).fill(data[0]!) : undefined;
}

/** scaled multiplies the weights of each column. */
function scaled(op: Op, filter: Tensor, by: Float32Array): Tensor {
  const from = filter.data as Float32Array;
  const data = new Float32Array(from.length);
  const [n, each] = [by.length, from.length / Math.max(1, by.length)];
  if (isRowwise(op)) for (let r = 0, i = 0; r < n; r++) for (let k = 0; k < each; k++, i++) data[i] = from[i]! * by[r]!;
  else for (let i = 0; i < from.length; i += n) for (let c = 0; c < n; c++) data[i + c] = from[i + c]! * by[c]!;
  return { dtype: DType.Float, shape: filter.shape, data };
}

function vector(n: number, of: (i: number) => number): Tensor {
  return { dtype: DType.Float, shape: [n], data: Float32Array.from({ length: n }, (_, i) => of(i)) };
}
