import { elementCount } from "@tfs/tensor";
import type { Memory } from "./memory.ts";

/** softmax writes e^x over its sum, for each row of so many floats. */
export function softmax(memory: Memory, size: number, x: Float32Array, out: Float32Array): void {
  const [from, to] = [memory.source(x), memory.target(out)];
  memory.code.softmax(x.length / size, size, from, to);
  memory.settle(to, out);
}

/** Scaling is what layer normalisation does to a row once its mean is zero and its variance one: a factor and a summand for each place, or none. */
export interface Scaling {
  readonly epsilon: number;
  readonly gamma: Float32Array | undefined;
  readonly beta: Float32Array | undefined;
}

/** norm normalises each row of so many floats. */
export function norm(memory: Memory, size: number, { epsilon, gamma, beta }: Scaling, x: Float32Array, out: Float32Array): void {
  const placed = (data: Float32Array | undefined): number => (data === undefined ? 0 : memory.source(data));
  const [from, to] = [memory.source(x), memory.target(out)];
  memory.code.norm(x.length / size, size, epsilon, from, placed(gamma), placed(beta), to);
  memory.settle(to, out);
}

/** folds are what fold does, as rows.c numbers it. */
export const folds = { sum: 0, max: 1, min: 2 } as const;

/** fold writes the sum, the largest or the smallest over the middle of x[outer, size, inner], times `by`. */
export function fold(
  memory: Memory,
  how: keyof typeof folds,
  [outer, size, inner]: readonly [number, number, number],
  by: number,
  x: Float32Array,
  out: Float32Array,
): void {
  const [from, to] = [memory.source(x), memory.target(out)];
  memory.code.fold(folds[how], outer, size, inner, by, from, to);
  memory.settle(to, out);
}

/** As many sizes does permute in rows.c walk over. */
const maxDimensions = 5;

/** permute writes what is at `shape`'s indices, a step for each dimension, in row-major order. It tells whether it could: of more than five dimensions, others must lie together. */
export function permute(memory: Memory, shape: readonly number[], steps: readonly number[], x: Float32Array, out: Float32Array): boolean {
  const sizes: number[] = [];
  const strides: number[] = [];
  for (let d = 0; d < shape.length; d++) {
    if (shape[d] === 1) continue;
    if (sizes.length > 0 && strides.at(-1) === steps[d]! * shape[d]!) {
      sizes[sizes.length - 1]! *= shape[d]!; // they are walked over as one
      strides[strides.length - 1] = steps[d]!;
    } else {
      sizes.push(shape[d]!);
      strides.push(steps[d]!);
    }
  }
  const more = maxDimensions - sizes.length;
  if (more < 0 || elementCount(shape) === 0) return false;
  const words = Int32Array.from([...new Array<number>(more).fill(1), ...sizes, ...new Array<number>(more).fill(0), ...strides]);
  const [from, to] = [memory.source(x), memory.target(out)];
  const at = memory.tell(words);
  memory.code.permute(at, at + maxDimensions * 4, from, to);
  memory.settle(to, out);
  return true;
}
