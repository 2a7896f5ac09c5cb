import { type Arena, newArena } from "./arena.ts";
import { type Attention, attend } from "./attention.ts";
import { gru, type GruStep, lstm, type Step } from "./cells.ts";
import { chain, type Layout } from "./chains.ts";
import { collect } from "./collect.ts";
import type { Ending } from "./ending.ts";
import { Memory } from "./memory.ts";
import { type Matrix, multiply, multiplyEach, type Numbers, type Stack } from "./products.ts";
import { fold, type folds, norm, permute, type Scaling, softmax } from "./rows.ts";
import { convolve, convolveEach, type Images, pool, type Window } from "./windows.ts";

/**
 * Simd computes with floats, and multiplies doubles, for one model, in WebAssembly memory that is the model's own. Values may lie there, in a run's arena, or anywhere else: then they are
 * copied. All throw ResourceExhausted where 4 GiB are not enough.
 */
export interface Simd {
  /** multiply writes a times b to `out`, row by row. All are floats, or all doubles, which have no ending. The inner sizes must be equal and not zero. */
  multiply(a: Matrix, b: Matrix, out: Numbers, ending?: Ending): void;
  /** multiplyEach writes the products of stacks of matrices, one by one. */
  multiplyEach(a: Stack, b: Stack, out: Pick<Stack, "data" | "wide" | "at">): void;
  /** convolve writes the convolution of images with filter[high, wide, channels, filters] to `out`. Nothing of it may be empty. */
  convolve(images: Images, filter: Float32Array, window: Window, out: Images, ending?: Ending): void;
  /** convolveEach does so for each channel with filters of its own, filter[high, wide, channels, times]. */
  convolveEach(images: Images, filter: Float32Array, window: Window, out: Images, ending?: Ending): void;
  /** pool writes the largest of each window, or the mean of those of its cells that lie in the images. */
  pool(images: Images, window: Window, mean: boolean, out: Images): void;
  /** attend writes softmax(q kᵀ scale) v of each head. Nothing of it may be empty. */
  attend(asked: Attention, out: Float32Array): void;
  /** lstm writes the state and the cell that follow a step of an LSTM, gru the state that follows one of a GRU. Nothing of a step may be empty. */
  lstm(step: Step & { readonly cell: Float32Array }, outH: Float32Array, outCell: Float32Array): void;
  gru(step: GruStep, out: Float32Array): void;
  /** chain runs a chain of elementwise ops. */
  chain(layout: Layout, from: readonly Float32Array[], out: Float32Array): void;
  /** softmax writes e^x over its sum, for each row of so many floats. */
  softmax(size: number, x: Float32Array, out: Float32Array): void;
  /** norm normalises each row of so many floats: layer normalisation. Nothing of it may be empty. */
  norm(size: number, scaling: Scaling, x: Float32Array, out: Float32Array): void;
  /** fold writes the sum, the largest or the smallest over the middle of x[outer, size, inner], times `by`. Nothing of it may be empty. */
  fold(how: keyof typeof folds, sizes: readonly [number, number, number], by: number, x: Float32Array, out: Float32Array): void;
  /** permute writes what is at `shape`'s indices, a step for each dimension. It tells whether it could. */
  permute(shape: readonly number[], steps: readonly number[], x: Float32Array, out: Float32Array): boolean;
  /** arena makes one for a run, which ends it. */
  arena(): Arena;
}

/** A memory that has grown past its weights by so much is let go when no run is under way: it does not shrink. */
const spareBytes = 2 ** 28;

/** newSimd makes that of a model; memory is taken when something is computed. With a memory in common it computes there, and never lets it go. */
export function newSimd(common?: WebAssembly.Memory): Simd {
  let made: Memory | undefined;
  let runs = 0;
  const memory = (): Memory => (made ??= new Memory(common));
  const begun = (): Memory => {
    const found = memory();
    found.begin();
    return found;
  };
  return {
    multiply: (a, b, out, ending) => multiply(begun(), a, b, out, ending),
    multiplyEach: (a, b, out) => multiplyEach(begun(), a, b, out),
    convolve: (images, filter, window, out, ending) => convolve(begun(), images, filter, window, out, ending),
    convolveEach: (images, filter, window, out, ending) => convolveEach(begun(), images, filter, window, out, ending),
    pool: (images, window, mean, out) => pool(begun(), images, window, mean, out),
    attend: (asked, out) => attend(begun(), asked, out),
    lstm: (step, outH, outCell) => lstm(begun(), step, outH, outCell),
    gru: (step, out) => gru(begun(), step, out),
    chain: (layout, from, out) => chain(begun(), layout, from, out),
    softmax: (size, x, out) => softmax(begun(), size, x, out),
    norm: (size, scaling, x, out) => norm(begun(), size, scaling, x, out),
    fold: (how, sizes, by, x, out) => fold(begun(), how, sizes, by, x, out),
    permute: (shape, steps, x, out) => permute(begun(), shape, steps, x, out),
    arena() {
      runs++;
      return newArena(memory, () => {
        runs--;
        if (runs === 0 && common === undefined && made !== undefined && made.bytes > made.weightBytes + spareBytes) {
          made = undefined;
          void collect();
        }
      });
    },
  };
}
