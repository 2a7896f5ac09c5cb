import { Code, type Failure, newError } from "@tfs/std";
import { DType } from "@tfs/tensor";
import { isTensor, type Value } from "./value.ts";

/** left is what a run throws that takes too long for where it is: it has changed nothing, and is to begin again elsewhere. */
export const left: Failure = newError(Code.Aborted, "the run goes on elsewhere");

/** The clock is looked at every so many steps: most take less than that does. */
const looks = 16;

/** Leash holds a run to some milliseconds: fewer by what its next step will take as far as one can tell, more by the clock. */
class Leash {
  readonly #maxMs: number;
  readonly #patienceMs: number;
  #untilMs = 0;
  #knownMs = 0;
  #steps = 0;
  #stays = false;
  #wasLong = false;

  constructor(maxMs: number, patienceMs: number) {
    this.#maxMs = maxMs;
    this.#patienceMs = patienceMs;
  }

  /** step is told before a step how many milliseconds it takes by the least. Throws `left` if that is too long. */
  step(ms: number): void {
    this.#knownMs += ms;
    const isLong = this.#knownMs >= this.#maxMs;
    if ((!isLong && this.#steps++ % looks !== 0) || this.#wasLong) return;
    if (!isLong && !this.#isOver()) return;
    this.#wasLong = true;
    if (!this.#stays) throw left;
  }

  /** wasLong tells of a run that has ended where it was whether it belongs elsewhere. */
  get wasLong(): boolean {
    return this.#wasLong;
  }

  /** stay says that the next step changes something: from there on the run ends where it is. */
  stay(): void {
    this.#stays = true;
  }

  #isOver(): boolean {
    const now = performance.now();
    if (this.#untilMs === 0) this.#untilMs = now + this.#patienceMs;
    return now >= this.#untilMs;
  }
}
export type { Leash };

/** newLeash makes that of one run, whose time counts from its first step. */
export function newLeash(maxMs: number, patienceMs: number): Leash {
  return new Leash(maxMs, patienceMs);
}

/** Kernels do so much in a millisecond at the most, on the fastest processors: products of floats in WebAssembly, of other numbers on the host, values written there. */
const [products, hostProducts, writes] = [1e7, 1e6, 1e6];

/** productMs is the least that so many multiplications take. */
export function productMs(count: number, onHost = false): number {
  return count / (onHost ? hostProducts : products);
}

/** valuesMs is the least that so many values take to be written, one by one. */
export function valuesMs(count: number): number {
  return count / writes;
}

/** Ops that take long for each of their values, or for each byte of strings. */
const slow = /Sort|TopK|Unique|FFT|Decode|Regex|String|Unicode|Parse|NonMax|Resize|Lookup|Cum|Segment|Sparse|Scatter|Hash|Draw|Random|Multinomial/;
/** Ops that look at little of what they are given, or tell by themselves what they take. */
const little =
  /^(Const|NoOp|Identity|IdentityN|Snapshot|StopGradient|PreventGradient|Reshape|Shape|ShapeN|Size|Rank|ExpandDims|Squeeze|Slice|StridedSlice|ReadVariableOp|VarHandleOp|.*Gather.*|TensorList.*|TensorArray.*|While|StatelessWhile|If|StatelessIf|Case|StatelessCase|Switch|Merge|Enter|Exit|NextIteration|LoopCond|.*MatMul.*|Einsum|.*Conv.*|Fill|Range|Tile|BroadcastTo|OneHot)$/;
const [slowNs, usualNs] = [20, 0.3];

/** perValue gives the least nanoseconds that an op takes for each value that it is given. */
export function perValue(op: string): number {
  if (little.test(op)) return 0;
  return slow.test(op) ? slowNs : usualNs;
}

/** Held is what is known of a step before it is run: the nanoseconds that it takes for a value at the least, and whether it may change the model's state. */
export interface Held {
  readonly ns: number;
  readonly changes: boolean;
}

/** hold tells a run's leash of its next step. */
export function hold(leash: Leash, { ns, changes }: Held, inputs: readonly Value[]): void {
  leash.step(ns === 0 ? 0 : (Math.max(valuesOf(inputs), ns === usualNs ? spreadOf(inputs) : 0) * ns) / 1e6);
  if (changes) leash.stay();
}

/** valuesOf counts what a step is given: of strings the bytes. */
function valuesOf(inputs: readonly Value[]): number {
  let count = 0;
  for (const value of inputs) {
    if (value === undefined || !isTensor(value)) continue;
    if (value.dtype === DType.String) for (const text of value.data as readonly Uint8Array[]) count += text.length + 1;
    else count += value.data.length;
  }
  return count;
}

/** spreadOf counts what comes of inputs that are broadcast to each other, such as a column and a row; 0 where they are not. */
function spreadOf(inputs: readonly Value[]): number {
  const [a, b] = inputs;
  if (inputs.length < 2 || a === undefined || b === undefined || !isTensor(a) || !isTensor(b)) return 0;
  const [from, to] = [a.data.length, b.data.length];
  if (from <= 1 || to <= 1 || (from === to && a.shape.length === b.shape.length && a.shape.every((dim, i) => dim === b.shape[i]))) return 0;
  let count = 1;
  const rank = Math.max(a.shape.length, b.shape.length);
  for (let i = 1; i <= rank; i++) {
    const [x, y] = [a.shape.at(-i) ?? 1, b.shape.at(-i) ?? 1];
    if (x !== y && x !== 1 && y !== 1) return 0;
    count *= Math.max(x, y);
  }
  return count;
}
