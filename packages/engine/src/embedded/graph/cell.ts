// Steps of LSTM and GRU layers, as Keras exports them: products, a split into gates, sigmoids and tangents.
import type { Tensor } from "@tfs/tensor";
import { newAttrs } from "../attrs.ts";
import { type Edge, keyOf } from "../flat.ts";
import { ints } from "../shape.ts";
import { either, type Found, type Sight } from "./fuse.ts";
import type { Op } from "./op.ts";

const adds = ["Add", "AddV2"] as const;

/** cellAt gives the step that ends in an op. */
export function cellAt(op: Op, sight: Sight): Found | undefined {
  return op.op === "Mul" ? lstmAt(op, sight) : op.op === "AddV2" || op.op === "Add" ? gruAt(op, sight) : undefined;
}

/** lstmAt: the state is σ(output) tanh(cell), where the cell is σ(forget) cell + σ(input) tanh(now). */
function lstmAt(op: Op, sight: Sight): Found | undefined {
  return either(op, (o, t) => {
    const out = gate(o, "Sigmoid", 3, sight);
    const tanh = sight.made(t, "Tanh");
    const sum = sight.made(tanh?.inputs[0], ...adds);
    if (out === undefined || tanh === undefined || sum === undefined) return undefined;
    return either(sum, (a, b) => {
      const [kept, fresh] = [sight.made(a, "Mul"), sight.made(b, "Mul")];
      if (kept === undefined || fresh === undefined) return undefined;
      const old = either(kept, (f, cell) => both(gate(f, "Sigmoid", 1, sight), cell));
      const now = either(fresh, (i, g) => both(gate(i, "Sigmoid", 0, sight), gate(g, "Tanh", 2, sight)));
      if (old === undefined || now === undefined) return undefined;
      const gates = [old[0], now[0], now[1], out];
      const split = out.split;
      const sums = sumOf(split.inputs[1], sight);
      if (sums === undefined || gates.some((one) => one.split !== split)) return undefined;
      const { bias, members, products } = sums;
      return {
        pattern: "lstm",
        from: { x: products[0].inputs[0], kernel: products[0].inputs[1], h: products[1].inputs[0], recurrent: products[1].inputs[1], cell: old[1], bias },
        members: [...members, split, ...gates.map((one) => one.by), kept, fresh, sum, tanh, op],
        results: [
          { node: op.at, output: 0 },
          { node: sum.at, output: 0 },
        ],
      };
    });
  });
}

function both<A, B>(a: A | undefined, b: B | undefined): readonly [A, B] | undefined {
  return a === undefined || b === undefined ? undefined : [a, b];
}

/** gate gives the op that makes a gate of a part of a split in four. */
function gate(e: Edge, op: string, index: number, sight: Sight): { readonly by: Op; readonly split: Op } | undefined {
  const by = sight.made(e, op);
  const part = by?.inputs[0];
  const split = sight.maker(part);
  return by !== undefined && split !== undefined && part!.output === index && isSplit(split, 4, sight) ? { by, split } : undefined;
}

function isSplit(op: Op, parts: number, sight: Sight): boolean {
  if (op.op !== "Split" || newAttrs(op.name, op.attr).int("num_split") !== parts) return false;
  const dimension = sight.constant(op.inputs[0]);
  return dimension !== undefined && [1, -1].includes(Number(dimension.data[0]));
}

function productAt(e: Edge | undefined, sight: Sight): Op | undefined {
  const op = sight.made(e, "MatMul");
  if (op === undefined) return undefined;
  const attrs = newAttrs(op.name, op.attr);
  return attrs.bool("transpose_a", false) || attrs.bool("transpose_b", false) ? undefined : op;
}

/** sumOf takes apart a sum of two products, and perhaps a bias. */
function sumOf(
  e: Edge | undefined,
  sight: Sight,
): { readonly bias: Edge | undefined; readonly members: readonly Op[]; readonly products: readonly [Op, Op] } | undefined {
  const op = sight.made(e, ...adds, "BiasAdd");
  if (op === undefined) return undefined;
  const [a, b] = op.inputs;
  const products = both(productAt(a, sight), productAt(b, sight));
  if (products !== undefined) return { bias: undefined, members: [...products, op], products };
  const inner = sight.made(a, ...adds);
  const found = inner === undefined ? undefined : both(productAt(inner.inputs[0], sight), productAt(inner.inputs[1], sight));
  return found === undefined ? undefined : { bias: b, members: [...found, inner!, op], products: found };
}

/** gruAt: the state is update h + (1 - update) tanh(x₂ + reset h₂), where the gates are σ(x₀ + h₀) and σ(x₁ + h₁), and xᵢ and hᵢ are thirds of products. */
function gruAt(op: Op, sight: Sight): Found | undefined {
  return either(op, (a, b) => {
    const [kept, fresh] = [sight.made(a, "Mul"), sight.made(b, "Mul")];
    if (kept === undefined || fresh === undefined) return undefined;
    return either(fresh, (rest, n) => {
      const [less, now] = [sight.made(rest, "Sub"), sight.made(n, "Tanh")];
      const update = sight.made(less?.inputs[1], "Sigmoid");
      const last = sight.made(now?.inputs[0], ...adds);
      if (less === undefined || now === undefined || update === undefined || last === undefined || !isOne(sight.constant(less.inputs[0]))) return undefined;
      const h = either(kept, (u, state) => (keyOf(u) === keyOf(less.inputs[1]!) ? state : undefined));
      const first = sight.made(update.inputs[0], ...adds);
      if (h === undefined || first === undefined) return undefined;
      return either(last, (x2, product) => {
        const times = sight.made(product, "Mul");
        if (times === undefined) return undefined;
        return either(times, (r, h2) => {
          const reset = sight.made(r, "Sigmoid");
          const second = sight.made(reset?.inputs[0], ...adds);
          if (reset === undefined || second === undefined) return undefined;
          return either(first, (x0, h0) =>
            either(second, (x1, h1) => {
              const [xs, hs] = [thirds([x0, x1, x2], sight), thirds([h0, h1, h2], sight)];
              const [left, right] = [productWithBias(xs?.of, sight), productWithBias(hs?.of, sight)];
              if (xs === undefined || hs === undefined || left === undefined || right === undefined) return undefined;
              const [x, kernel] = left.product.inputs;
              const [state, recurrent] = right.product.inputs;
              if (keyOf(state!) !== keyOf(h) || (xs.units ?? hs.units) !== (hs.units ?? xs.units)) return undefined;
              const units = xs.units ?? hs.units;
              const rows = rowsOf(left.bias, right.bias, sight);
              const biases = rows === undefined ? { bias: left.bias, recurrentBias: right.bias } : { biases: rows.of };
              return {
                pattern: "gru",
                from: { x, kernel, h, recurrent, ...biases },
                members: [
                  ...left.members,
                  ...xs.members,
                  ...right.members,
                  ...(rows?.members ?? []),
                  ...hs.members,
                  first,
                  update,
                  second,
                  reset,
                  times,
                  last,
                  now,
                  less,
                  kept,
                  fresh,
                  op,
                ],
                results: [{ node: op.at, output: 0 }],
                ...(units === undefined ? {} : { numbers: { units } }),
              };
            }),
          );
        });
      });
    });
  });
}

function isOne(t: Tensor | undefined): boolean {
  return t !== undefined && t.data.length === 1 && t.data[0] === 1;
}

/** productWithBias takes apart a product, and perhaps a bias. */
function productWithBias(
  e: Edge | undefined,
  sight: Sight,
): { readonly bias: Edge | undefined; readonly members: readonly Op[]; readonly product: Op } | undefined {
  const alone = productAt(e, sight);
  if (alone !== undefined) return { bias: undefined, members: [alone], product: alone };
  const sum = sight.made(e, ...adds, "BiasAdd");
  const product = productAt(sum?.inputs[0], sight);
  return sum === undefined || product === undefined ? undefined : { bias: sum.inputs[1], members: [product, sum], product };
}

/** rowsOf gives what two biases are the two rows of, if they are: an op unpacks it, or a split does, and its parts are squeezed. */
function rowsOf(a: Edge | undefined, b: Edge | undefined, sight: Sight): { readonly of: Edge; readonly members: readonly Op[] } | undefined {
  const squeezed = both(sight.made(a, "Squeeze"), sight.made(b, "Squeeze"));
  const parts = squeezed === undefined ? both(a, b) : ([squeezed[0].inputs[0]!, squeezed[1].inputs[0]!] as const);
  const makers = both(sight.maker(parts?.[0]), sight.maker(parts?.[1]));
  if (parts === undefined || makers === undefined || makers[0] !== makers[1] || parts[0].output !== 0 || parts[1].output !== 1) return undefined;
  const [op] = makers;
  const attrs = newAttrs(op.name, op.attr);
  if (squeezed === undefined) {
    const fits = op.op === "Unpack" && attrs.int("num") === 2 && attrs.int("axis", 0) === 0;
    return fits ? { of: op.inputs[0]!, members: [op] } : undefined;
  }
  const dimension = sight.constant(op.inputs[0]);
  const rows = squeezed.every((one) => {
    const given = newAttrs(one.name, one.attr);
    return !given.has("squeeze_dims") || given.ints("squeeze_dims").every((d) => d === 0);
  });
  const fits = rows && op.op === "Split" && attrs.int("num_split") === 2 && dimension !== undefined && Number(dimension.data[0]) === 0;
  return fits ? { of: op.inputs[1]!, members: [op, ...squeezed] } : undefined;
}

/** Thirds are of an edge's columns; slices say how many are in each. */
interface Thirds {
  readonly of: Edge;
  readonly members: readonly Op[];
  readonly units: number | undefined;
}

/** thirds gives what three edges are the thirds of, if they are: parts of a split, or slices. */
function thirds(edges: readonly [Edge, Edge, Edge], sight: Sight): Thirds | undefined {
  const [a, b, c] = edges.map((e) => sight.maker(e));
  if (a === undefined || b === undefined || c === undefined) return undefined;
  if (a === b && b === c) {
    const ordered = edges.every((e, i) => e.output === i);
    return ordered && isSplit(a, 3, sight) ? { of: a.inputs[1]!, members: [a], units: undefined } : undefined;
  }
  const members = [a, b, c];
  if (!members.every((op) => op.op === "StridedSlice" && keyOf(op.inputs[0]!) === keyOf(a.inputs[0]!))) return undefined;
  const [first, second, third] = members.map((op) => columnsOf(op, sight));
  if (first === undefined || second === undefined || third === undefined) return undefined;
  const units = first.to;
  const fit =
    first.from === 0 &&
    second.from === units &&
    second.to === 2 * units &&
    third.from === 2 * units &&
    (third.to === 3 * units || third.to === Number.POSITIVE_INFINITY);
  return fit ? { of: a.inputs[0]!, members, units } : undefined;
}

/** columnsOf reads a slice of all rows of a matrix. */
function columnsOf(op: Op, sight: Sight): { readonly from: number; readonly to: number } | undefined {
  const attrs = newAttrs(op.name, op.attr);
  const [begin, end, steps] = [1, 2, 3].map((i) => sight.constant(op.inputs[i])).map((t) => (t === undefined ? undefined : ints(t)));
  if (begin?.length !== 2 || end?.length !== 2 || steps?.length !== 2 || steps.some((s) => s !== 1)) return undefined;
  if (["ellipsis_mask", "new_axis_mask", "shrink_axis_mask"].some((mask) => attrs.int(mask, 0) !== 0)) return undefined;
  const [from, to] = [attrs.int("begin_mask", 0), attrs.int("end_mask", 0)];
  if ((from & 1) === 0 || (to & 1) === 0) return undefined;
  return { from: (from & 2) === 0 ? begin[1]! : 0, to: (to & 2) === 0 ? end[1]! : Number.POSITIVE_INFINITY };
}
