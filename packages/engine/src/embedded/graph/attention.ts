// Attention of several heads, as Keras writes it: a product, a scale, a mask, softmax, another product.
import { DType } from "@tfs/tensor";
import { newAttrs } from "../attrs.ts";
import { either, type Found, type Sight } from "./fuse.ts";
import type { Op } from "./op.ts";

/** attentionAt gives the attention that ends in an op. */
export function attentionAt(op: Op, sight: Sight): Found | undefined {
  if (!isEinsum(op, "bnts,bsnh->btnh")) return undefined;
  const softmax = sight.made(op.inputs[0], "Softmax");
  if (softmax === undefined) return undefined;
  const masked = sight.made(softmax.inputs[0], "SelectV2");
  const [mask, , other] = masked?.inputs ?? [];
  const instead = sight.constant(other);
  if (masked !== undefined && (instead?.shape.length !== 0 || instead.dtype !== DType.Float)) return undefined;
  const from = masked === undefined ? softmax.inputs[0] : masked.inputs[1];
  const product = sight.made(from, "Mul");
  const scaled =
    product === undefined
      ? undefined
      : either(product, (of, by) => {
          const scale = sight.constant(by);
          return scale?.shape.length === 0 ? { of, scale: Number(scale.data[0]) } : undefined;
        });
  const scores = sight.made(scaled?.of ?? from, "Einsum");
  if (scores === undefined || !isEinsum(scores, "btnh,bsnh->bnts")) return undefined;
  return {
    pattern: "attention",
    from: { q: scores.inputs[0], k: scores.inputs[1], v: op.inputs[1], mask },
    members: [scores, ...(scaled === undefined ? [] : [product!]), ...(masked === undefined ? [] : [masked]), softmax, op],
    results: [{ node: op.at, output: 0 }],
    numbers: { scale: scaled?.scale ?? 1, instead: instead === undefined ? 0 : Number(instead.data[0]) },
  };
}

/** isEinsum tells whether an op's equation is this one, whatever its labels are called. */
function isEinsum(op: Op, like: string): boolean {
  if (op.op !== "Einsum" || op.inputs.length !== 2) return false;
  const equation = newAttrs(op.name, op.attr).string("equation");
  const called = new Map<string, string>();
  const back = new Map<string, string>();
  if (equation.length !== like.length) return false;
  return [...equation].every((label, i) => {
    const name = like[i]!;
    if (/[^a-z]/.test(name)) return label === name;
    if ((called.get(name) ?? label) !== label || (back.get(label) ?? name) !== name) return false;
    called.set(name, label);
    back.set(label, name);
    return true;
  });
}
