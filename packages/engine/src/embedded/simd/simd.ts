import { Memory } from "./memory.ts";
import { type Matrix, multiply } from "./products.ts";
import { convolve, convolveEach, type Images, pool, type Window } from "./windows.ts";

/** Simd computes with floats for one model, in WebAssembly memory that is the model's own. All throw ResourceExhausted where 4 GiB are not enough. */
export interface Simd {
  /** multiply writes a times b to `out`, row by row. The inner sizes must be equal and not zero. */
  multiply(a: Matrix, b: Matrix, out: Float32Array): void;
  /** convolve writes the convolution of images with filter[high, wide, channels, filters] to `out`. Nothing of it may be empty. */
  convolve(images: Images, filter: Float32Array, window: Window, out: Images): void;
  /** convolveEach does so for each channel with filters of its own, filter[high, wide, channels, times]. */
  convolveEach(images: Images, filter: Float32Array, window: Window, out: Images): void;
  /** pool writes the largest of each window, or the mean of those of its cells that lie in the images. */
  pool(images: Images, window: Window, mean: boolean, out: Images): void;
}

/** newSimd makes that of a model; memory is taken when something is computed. */
export function newSimd(): Simd {
  let made: Memory | undefined;
  const memory = (): Memory => (made ??= new Memory());
  return {
    multiply: (a, b, out) => multiply(memory(), a, b, out),
    convolve: (images, filter, window, out) => convolve(memory(), images, filter, window, out),
    convolveEach: (images, filter, window, out) => convolveEach(memory(), images, filter, window, out),
    pool: (images, window, mean, out) => pool(memory(), images, window, mean, out),
  };
}
