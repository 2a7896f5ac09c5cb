// What several ops do together, in one go. Where the inputs of a call do not fit (other types, other shapes), the ops do it one after the other.
import { DType, type Tensor } from "@tfs/tensor";
import { keyOf } from "../flat.ts";
import type { Fused, Op, Pattern } from "../graph/index.ts";
import type { Kernel, State } from "../kernel.ts";
import { productMs } from "../leash.ts";
import { strides } from "../shape.ts";
import type { Mask, Step } from "../simd/index.ts";
import { tensorOf, type Value } from "../value.ts";

/** Way computes a pattern's results from what it reads, floats but for a mask, in the order of the names that go with it; nothing if they do not fit. */
type Way = (given: readonly (Tensor | undefined)[], numbers: Fused["numbers"], state: State) => readonly Tensor[] | undefined;

const ways: Readonly<Record<Pattern, { readonly names: readonly string[]; readonly way: Way }>> = {
  lstm: { names: ["x", "kernel", "h", "recurrent", "cell", "bias"], way: lstm },
  gru: { names: ["x", "kernel", "h", "recurrent", "bias", "recurrentBias", "biases"], way: gru },
  attention: { names: ["q", "k", "v", "mask"], way: attention },
  gelu: { names: [], way: () => undefined }, // a chain does it
  norm: { names: ["x", "gamma", "beta"], way: norm },
};

/** fusedOf makes the kernel of a pattern; `kernel` makes that of a member. */
export function fusedOf({ pattern, members, reads, results, roles, numbers }: Fused, kernel: (member: Op) => Kernel): Kernel {
  const steps = members.map((op) => ({ op, kernel: kernel(op) }));
  const { names, way } = ways[pattern];
  const places = names.map((name) => roles[name]);
  return (values, state) => {
    const given = new Array<Tensor | undefined>(places.length);
    let fit = true;
    for (let i = 0; i < places.length; i++) {
      const place = places[i];
      if (place === undefined) continue;
      given[i] = tensorOf(values[place]);
      fit &&= given[i]!.dtype === (names[i] === "mask" ? DType.Bool : DType.Float);
    }
    const made = (fit ? way(given, numbers, state) : undefined) ?? oneByOne(values, state);
    return made.length === 1 ? made[0]! : made;
  };

  function oneByOne(values: readonly Value[], state: State): readonly Value[] {
    const all = new Map(reads.map((e, i) => [keyOf(e), values[i]!]));
    for (const step of steps) {
      const given = step.op.inputs.map((e) => all.get(keyOf(e))!);
      const made = step.kernel(given, state) as Value | readonly Value[]; // no member is control flow
      if (Array.isArray(made)) for (const [output, value] of (made as readonly Value[]).entries()) all.set(keyOf({ node: step.op.at, output }), value);
      else all.set(keyOf({ node: step.op.at, output: 0 }), made as Value);
    }
    return results.map((e) => all.get(keyOf(e))!);
  }
}

/** lstm gives the state and the cell. */
function lstm([x, kernel, h, recurrent, cell, bias]: Parameters<Way>[0], _: Fused["numbers"], { simd, arena, leash }: State): readonly Tensor[] | undefined {
  const step = stepOf(4, { x: x!, kernel: kernel!, h: h!, recurrent: recurrent!, bias });
  if (step === undefined || !isMatrix(cell!, step.rows, step.units)) return undefined;
  leash?.step(productMs(step.rows * (step.size + step.units) * 4 * step.units));
  const [outH, outCell] = [arena.make(h!.shape), arena.make(h!.shape)];
  simd.lstm({ ...step, cell: floats(cell!) }, floats(outH), floats(outCell));
  return [outH, outCell];
}

/** gru gives the state. The ops say how many units there are where they take slices. Biases are two rows, or one of each kind. */
function gru(
  [x, kernel, h, recurrent, bias, recurrentBias, biases]: Parameters<Way>[0],
  { units }: Fused["numbers"],
  { simd, arena, leash }: State,
): readonly Tensor[] | undefined {
  const step = stepOf(3, { x: x!, kernel: kernel!, h: h!, recurrent: recurrent!, bias });
  if (step === undefined || (units ?? step.units) !== step.units || !isBias(recurrentBias, 3 * step.units)) return undefined;
  if (biases !== undefined && !isMatrix(biases, 2, 3 * step.units)) return undefined;
  leash?.step(productMs(step.rows * (step.size + step.units) * 3 * step.units));
  const out = arena.make(h!.shape);
  simd.gru({ ...step, recurrentBias: recurrentBias && floats(recurrentBias), biases: biases && floats(biases) }, floats(out));
  return [out];
}

/** norm normalises over the last dimension, if that is the one. */
function norm([x, gamma, beta]: Parameters<Way>[0], { axis = 0, epsilon = 0 }: Fused["numbers"], { simd, arena }: State): readonly Tensor[] | undefined {
  const { shape, data } = x!;
  const size = shape.at(-1) ?? 0;
  const isRow = (t: Tensor | undefined): boolean => t === undefined || (t.data.length === size && t.shape.at(-1) === size && t.shape.length <= shape.length);
  if (data.length === 0 || (axis !== -1 && axis !== shape.length - 1) || !isRow(gamma) || !isRow(beta)) return undefined;
  const out = arena.make(shape);
  simd.norm(size, { epsilon, gamma: gamma && floats(gamma), beta: beta && floats(beta) }, floats(x!), floats(out));
  return [out];
}

/** attention has q[batch, rows, heads, size], k[batch, keys, heads, size] and v[batch, keys, heads, wide]. */
function attention(
  [q, k, v, mask]: Parameters<Way>[0],
  { scale = 1, instead = 0 }: Fused["numbers"],
  { simd, arena, leash }: State,
): readonly Tensor[] | undefined {
  const [[batches = 0, rows = 0, heads = 0, size = 0], [, keys = 0], wide = 0] = [q!.shape, k!.shape, v!.shape.at(-1)];
  const fits = (t: Tensor, ...shape: number[]): boolean => t.shape.length === 4 && shape.every((d, i) => d > 0 && d === t.shape[i]);
  if (!fits(q!, batches, rows, heads, size) || !fits(k!, batches, keys, heads, size) || !fits(v!, batches, keys, heads, wide)) return undefined;
  const seen = mask && maskOf(mask, [batches, heads, rows, keys], instead);
  if (mask !== undefined && seen === undefined) return undefined;
  leash?.step(productMs(batches * rows * heads * keys * (size + wide)));
  const out = arena.make([batches, rows, heads, wide]);
  simd.attend({ batches, heads, rows, keys, size, wide, scale, q: floats(q!), k: floats(k!), v: floats(v!), mask: seen }, floats(out));
  return [out];
}

/** maskOf gives a mask as floats, if it has one for each key, and for the rest one or all. */
function maskOf({ shape, data }: Tensor, scores: readonly [number, number, number, number], instead: number): Mask | undefined {
  const own = [...new Array<number>(Math.max(0, 4 - shape.length)).fill(1), ...shape];
  if (own.length > 4 || own[3] !== scores[3] || !own.every((d, i) => d === 1 || d === scores[i])) return undefined;
  const steps = strides(own).map((step, i) => (own[i] === 1 ? 0 : step)) as [number, number, number, number];
  return { data: Float32Array.from(data as Uint8Array), steps: [steps[0], steps[1], steps[2]], instead };
}

/** stepOf gives what a layer of so many gates reads, if the shapes are such. */
function stepOf(
  gates: number,
  { x, kernel, h, recurrent, bias }: Record<"x" | "kernel" | "h" | "recurrent", Tensor> & { readonly bias: Tensor | undefined },
): Step | undefined {
  const [[rows = 0, size = 0], [, units = 0]] = [x.shape, h.shape];
  const wide = gates * units;
  if (rows * size * units === 0 || !isMatrix(x, rows, size) || !isMatrix(h, rows, units)) return undefined;
  if (!isMatrix(kernel, size, wide) || !isMatrix(recurrent, units, wide) || !isBias(bias, wide)) return undefined;
  return { rows, size, units, x: floats(x), kernel: floats(kernel), bias: bias && floats(bias), h: floats(h), recurrent: floats(recurrent) };
}

function isMatrix({ shape }: Tensor, rows: number, columns: number): boolean {
  return shape.length === 2 && shape[0] === rows && shape[1] === columns;
}

/** isBias holds of one number for each column, and of none at all. */
function isBias(t: Tensor | undefined, columns: number): boolean {
  return t === undefined || (t.data.length === columns && t.shape.at(-1) === columns && t.shape.length <= 2);
}

function floats({ data }: Tensor): Float32Array {
  return data as Float32Array;
}
