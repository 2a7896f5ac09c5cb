// Layer normalisation, as Keras and tf.nn.batch_normalization write it: moments, then products and sums.
import { newAttrs } from "../attrs.ts";
import { type Edge, keyOf } from "../flat.ts";
import { ints } from "../shape.ts";
import { either, type Found, type Sight } from "./fuse.ts";
import type { Op } from "./op.ts";

const adds = ["Add", "AddV2"] as const;

/** Factor is what values are multiplied by: one over the root of variance and epsilon, perhaps times gamma. */
interface Factor {
  readonly variance: Edge;
  readonly epsilon: number;
  readonly gamma: Edge | undefined;
  readonly members: readonly Op[];
}

/** normAt gives the layer normalisation that ends in an op: x factor + (beta - mean factor). */
export function normAt(op: Op, sight: Sight): Found | undefined {
  if (op.op !== "AddV2" && op.op !== "Add") return undefined;
  return either(op, (a, b) => {
    const scaled = sight.made(a, "Mul");
    const shift = scaled === undefined ? undefined : shiftOf(b, sight);
    if (scaled === undefined || shift === undefined) return undefined;
    return either(scaled, (x, by) => {
      if (keyOf(by) !== keyOf(shift.by)) return undefined;
      const factor = factorOf(by, sight);
      const mean = meanOf(shift.mean, sight);
      const variance = meanOf(factor?.variance, sight);
      const off = sight.made(variance?.op.inputs[0], "SquaredDifference");
      if (factor === undefined || mean === undefined || variance === undefined || off === undefined || mean.axis !== variance.axis) return undefined;
      const [left, right] = off.inputs.map(keyOf);
      const [from, middle] = [keyOf(x), keyOf(shift.mean)];
      if (keyOf(mean.op.inputs[0]!) !== from || !((left === from && right === middle) || (left === middle && right === from))) return undefined;
      return {
        pattern: "norm",
        from: { x, gamma: factor.gamma, beta: shift.beta },
        members: [mean.op, off, variance.op, ...factor.members, scaled, ...shift.members, op],
        results: [{ node: op.at, output: 0 }],
        numbers: { axis: mean.axis, epsilon: factor.epsilon },
      };
    });
  });
}

/** Shift is what is added: beta, or nothing, less the mean times the factor. */
interface Shift {
  readonly mean: Edge;
  readonly by: Edge;
  readonly beta: Edge | undefined;
  readonly members: readonly Op[];
}

function shiftOf(e: Edge, sight: Sight): Shift | undefined {
  const alone = negated(e, sight);
  if (alone !== undefined) return { ...alone, beta: undefined };
  const less = sight.made(e, "Sub");
  const product = sight.made(less?.inputs[1], "Mul");
  if (less !== undefined && product !== undefined)
    return either(product, (mean, by) => (meanOf(mean, sight) === undefined ? undefined : { mean, by, beta: less.inputs[0], members: [product, less] }));
  const sum = sight.made(e, ...adds);
  if (sum === undefined) return undefined;
  return either(sum, (p, beta) => {
    const found = negated(p, sight);
    return found === undefined ? undefined : { ...found, beta, members: [...found.members, sum] };
  });
}

/** negated takes a product of minus the mean apart. */
function negated(e: Edge, sight: Sight): Omit<Shift, "beta"> | undefined {
  const product = sight.made(e, "Mul");
  if (product === undefined) return undefined;
  return either(product, (n, by) => {
    const minus = sight.made(n, "Neg");
    return minus === undefined ? undefined : { mean: minus.inputs[0]!, by, members: [minus, product] };
  });
}

function factorOf(e: Edge, sight: Sight): Factor | undefined {
  const alone = rootOf(e, sight);
  if (alone !== undefined) return { ...alone, gamma: undefined };
  const product = sight.made(e, "Mul");
  if (product === undefined) return undefined;
  return either(product, (r, gamma) => {
    const found = rootOf(r, sight);
    return found === undefined ? undefined : { ...found, gamma, members: [...found.members, product] };
  });
}

function rootOf(e: Edge, sight: Sight): Omit<Factor, "gamma"> | undefined {
  const root = sight.made(e, "Rsqrt");
  const sum = sight.made(root?.inputs[0], ...adds);
  if (root === undefined || sum === undefined) return undefined;
  return either(sum, (variance, small) => {
    const epsilon = sight.constant(small);
    return epsilon?.data.length === 1 && epsilon.shape.length === 0 ? { variance, epsilon: Number(epsilon.data[0]), members: [sum, root] } : undefined;
  });
}

/** meanOf gives a mean over one dimension, which is kept. */
function meanOf(e: Edge | undefined, sight: Sight): { readonly op: Op; readonly axis: number } | undefined {
  const op = sight.made(e, "Mean");
  const axes = sight.constant(op?.inputs[1]);
  if (op === undefined || axes === undefined || axes.data.length !== 1 || !newAttrs(op.name, op.attr).bool("keep_dims", false)) return undefined;
  return { op, axis: ints(axes)[0]! };
}
