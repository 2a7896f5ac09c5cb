// Chains of elementwise ops, which chain.c runs over a piece of a row at a time.
import { elementCount } from "@tfs/tensor";
import type { Memory } from "./memory.ts";

/** codes are the ops of chain.c, by name; those below 16 take two values. */
export const codes = {
  add: 0,
  bias: 0, // as add; the second value has to be a vector as long as the first one's last dimension
  subtract: 1,
  multiply: 2,
  divide: 3,
  maximum: 4,
  minimum: 5,
  squaredDifference: 6,
  leaky: 7, // x, or x times y where x is negative
  relu: 16,
  relu6: 17,
  negate: 18,
  absolute: 19,
  square: 20,
  root: 21,
  inverseRoot: 22,
  inverse: 23,
  exponential: 24,
  sigmoid: 25,
  tanh: 26,
  erf: 27,
  erfc: 28,
  floor: 29,
  ceil: 30,
  round: 31,
  gelu: 32,
} as const;
export type ChainOp = keyof typeof codes;

/** Recipe is a chain: values are numbered, inputs first, then what each step gives. The last step gives the result. */
export interface Recipe {
  readonly inputs: number;
  readonly steps: readonly { readonly op: ChainOp; readonly from: readonly number[] }[];
}

/** As in chain.c. */
const [outer, most, pieceBytes] = [4, 32, 1024];
/** A recipe has at most so many values in all. */
export const maxValues: number = most;

/** Layout is a recipe for inputs of known shapes. */
export interface Layout {
  readonly shape: readonly number[];
  readonly words: Int32Array;
  readonly inputs: number;
}

/** The head of the words, and of each input. */
const [headWords, inputWords] = [3 + outer, 2 + outer];

/**
 * lay works out how inputs of these shapes are walked over. It gives nothing where chain.c cannot, or where it would compute much of one step over and over that is
 * smaller than the result.
 */
export function lay(recipe: Recipe, shapes: readonly (readonly number[])[]): Layout | undefined {
  const all = [...shapes];
  for (const { op, from } of recipe.steps) {
    const shape = from.map((v) => all[v]!).reduce<readonly number[] | undefined>((a, b) => (a === undefined ? b : common(a, b)), undefined);
    if (shape === undefined || (op === "bias" && !isBias(all[from[0]!]!, all[from[1]!]!))) return undefined;
    all.push(shape);
  }
  const shape = all.at(-1)!;
  const n = elementCount(shape);
  if (n === 0) return undefined;
  const walks = merged(shape, shapes);
  if (walks.length > outer + 1) return undefined;
  const row = walks.at(-1)?.size ?? 1;
  const rows = walks.slice(0, -1);
  const lead = new Array<number>(outer - rows.length);
  const wide: boolean[] = shapes.map((_, i) => (walks.at(-1)?.steps[i] ?? 1) !== 0);
  const words = [row, shapes.length, recipe.steps.length, ...lead.fill(1), ...rows.map((w) => w.size)];
  for (let i = 0; i < shapes.length; i++) words.push(0, wide[i] ? 1 : 0, ...lead.fill(0), ...rows.map((w) => w.steps[i]!));
  let computed = 0;
  for (const { op, from } of recipe.steps) {
    const w = from.some((v) => wide[v]);
    computed += (w ? n : n / row) - elementCount(all[wide.length]!);
    wide.push(w);
    words.push(codes[op], from[0]!, from[1] ?? from[0]!, w ? 1 : 0);
  }
  return computed > n ? undefined : { shape, words: Int32Array.from(words), inputs: shapes.length };
}

function isBias(value: readonly number[], bias: readonly number[]): boolean {
  return bias.length === 1 && bias[0] === value.at(-1);
}

/** common is the shape that two broadcast to, if there is one. */
function common(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out.push(x === 1 ? y : x);
  }
  return out;
}

/** Walk is a dimension that is walked over, with the step of each input; 0 where it stands still. */
interface Walk {
  size: number;
  readonly steps: number[];
}

/** merged gives the dimensions of `shape` with those joined that every input walks over as one. */
function merged(shape: readonly number[], inputs: readonly (readonly number[])[]): Walk[] {
  const walks: Walk[] = [];
  const next = inputs.map(() => 1); // the step of each input's next dimension
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d]!;
    const steps = inputs.map((input, i) => {
      const own = input[input.length - shape.length + d] ?? 1;
      const step = own === 1 ? 0 : next[i]!;
      next[i]! *= own;
      return step;
    });
    if (size === 1) continue;
    const inner = walks[0];
    if (inner !== undefined && steps.every((s, i) => s === inner.steps[i]! * inner.size)) inner.size *= size;
    else walks.unshift({ size, steps });
  }
  return walks;
}

/** chain runs a chain over inputs of the shapes it was laid out for. */
export function chain(memory: Memory, { words, inputs }: Layout, from: readonly Float32Array[], out: Float32Array): void {
  for (let i = 0; i < inputs; i++) words[headWords + i * inputWords] = memory.source(from[i]!);
  const to = memory.target(out);
  const at = memory.tell(words);
  const toSteps = at + (headWords + inputs * inputWords) * 4;
  memory.code.chain(at, at + headWords * 4, toSteps, at + pieceBytes * most, to);
  memory.settle(to, out);
}
