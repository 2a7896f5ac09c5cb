// GELU by the error function, as Keras and others write it; it becomes one op of a chain.
import { type Edge, keyOf } from "../flat.ts";
import { either, type Found, type Sight } from "./fuse.ts";
import type { Op } from "./op.ts";

/** geluAt gives x / 2 times erfc(-x √½), or times 1 + erf(x √½), that ends in an op; the half may be at either. */
export function geluAt(op: Op, sight: Sight): Found | undefined {
  if (op.op !== "Mul") return undefined;
  return either(op, (a, b) => {
    const [left, right] = [halved(a, sight), halved(b, sight)];
    const [x, share] = [left?.of ?? a, left === undefined ? right?.of : b];
    const half = left ?? right;
    const double = half === undefined ? undefined : doubleOf(share, x, sight);
    if (half === undefined || double === undefined) return undefined;
    return { pattern: "gelu", from: { x }, members: [half.op, ...double, op], results: [{ node: op.at, output: 0 }] };
  });
}

/** halved gives what an edge is the half of. */
function halved(e: Edge, sight: Sight): { readonly op: Op; readonly of: Edge } | undefined {
  return scaledBy(e, 0.5, sight);
}

/** scaledBy gives what an edge is a product of with a number. */
function scaledBy(e: Edge | undefined, by: number, sight: Sight): { readonly op: Op; readonly of: Edge } | undefined {
  const op = sight.made(e, "Mul");
  return op === undefined ? undefined : either(op, (of, number) => (isNumber(number, by, sight) ? { op, of } : undefined));
}

function isNumber(e: Edge | undefined, want: number, sight: Sight): boolean {
  const t = sight.constant(e);
  return t?.shape.length === 0 && Math.abs(Number(t.data[0]) - want) < 1e-6;
}

/** doubleOf gives the ops of twice the share of the normal distribution that is below x. */
function doubleOf(e: Edge | undefined, x: Edge, sight: Sight): readonly Op[] | undefined {
  const rest = sight.made(e, "Erfc");
  if (rest !== undefined) {
    const scaled = scaledBy(rest.inputs[0], Math.SQRT1_2, sight);
    const minus = sight.made(scaled?.of, "Neg");
    return scaled !== undefined && minus !== undefined && keyOf(minus.inputs[0]!) === keyOf(x) ? [minus, scaled.op, rest] : undefined;
  }
  const sum = sight.made(e, "Add", "AddV2");
  if (sum === undefined) return undefined;
  return either(sum, (one, second) => {
    const erf = sight.made(second, "Erf");
    if (erf === undefined || !isNumber(one, 1, sight)) return undefined;
    const quotient = sight.made(erf.inputs[0], "RealDiv");
    const [op, of] = quotient === undefined ? [] : [quotient, isNumber(quotient.inputs[1], Math.SQRT2, sight) ? quotient.inputs[0] : undefined];
    const scaled = op === undefined ? scaledBy(erf.inputs[0], Math.SQRT1_2, sight) : of === undefined ? undefined : { op, of };
    return scaled !== undefined && keyOf(scaled.of) === keyOf(x) ? [scaled.op, erf, sum] : undefined;
  });
}
