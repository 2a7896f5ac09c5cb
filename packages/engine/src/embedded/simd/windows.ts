import { biasAt, type Ending, plain } from "./ending.ts";
import { floatBytes, type Memory } from "./memory.ts";

/** Images lie as [count, height, width, channels]. */
export interface Images {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Window is what goes over images: its size, its steps, how far its cells lie apart, and how many rows and columns of padding come before the images. */
export interface Window {
  readonly size: readonly [high: number, wide: number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly before: readonly [top: number, left: number];
}

/** So many bytes of images that lie elsewhere are worked on at a time: memory never shrinks. */
const batchBytes = 2 ** 22;
/** And so many floats of windows laid out as rows, with what comes of them: half of a second-level cache. */
const rowFloats = 2 ** 16;

/** convolve writes the convolution of images with filter[high, wide, channels, filters] to `out`, images of outH × outW. */
export function convolve(memory: Memory, images: Images, filter: Float32Array, window: Window, out: Images, ending: Ending = plain): void {
  const [, h, w, channels] = images.shape as [number, number, number, number];
  const [, outH, outW, filters] = out.shape as [number, number, number, number];
  const depth = window.size[0] * window.size[1] * channels;
  const packed = memory.packed(filter, depth, filters, false);
  const bias = biasAt(memory, ending);
  const chunk = Math.max(4, Math.min(outH * outW, Math.floor(rowFloats / (depth + filters) / 4) * 4));
  const rows = memory.temporary(chunk * depth * floatBytes);
  inBatches(memory, images, out, (count, from, to) =>
    memory.code.conv(count, h, w, channels, outH, outW, ...geometry(window), filters, from, packed, bias, ending.low, ending.high, rows, chunk, to),
  );
}

/** convolveEach writes the convolution of each channel with filters of its own, filter[high, wide, channels, times], to `out`. */
export function convolveEach(memory: Memory, images: Images, filter: Float32Array, window: Window, out: Images, ending: Ending = plain): void {
  const [, h, w, channels] = images.shape as [number, number, number, number];
  const [, outH, outW, filters] = out.shape as [number, number, number, number];
  const at = memory.source(filter);
  const bias = biasAt(memory, ending);
  inBatches(memory, images, out, (count, from, to) =>
    memory.code.depthwise(count, h, w, channels, outH, outW, ...geometry(window), filters / channels, from, at, bias, ending.low, ending.high, to),
  );
}

/** pool writes the largest of each window, or the mean of those of its cells that lie in the images. Windows without dilation only. */
export function pool(memory: Memory, images: Images, window: Window, mean: boolean, out: Images): void {
  const [, h, w, channels] = images.shape as [number, number, number, number];
  const [, outH, outW] = out.shape as [number, number, number, number];
  const { size, strides, before } = window;
  inBatches(memory, images, out, (count, from, to) =>
    memory.code.pool(count, h, w, channels, outH, outW, ...size, ...strides, ...before, mean ? 1 : 0, from, to),
  );
}

function geometry({ size, strides, dilations, before }: Window): number[] {
  return [...size, ...strides, ...dilations, ...before];
}

/** inBatches runs an operation over all images where they and what comes of them lie in memory; else some at a time, which are brought there and back. */
function inBatches(memory: Memory, images: Images, out: Images, run: (count: number, from: number, to: number) => void): void {
  const count = images.shape[0]!;
  const [held, heldOut] = [memory.held(images.data), memory.held(out.data)];
  if (held !== undefined && heldOut !== undefined) {
    run(count, held.at, heldOut.at);
    return;
  }
  const [each, eachOut] = [images.data.length / count, out.data.length / count];
  const most = Math.min(count, Math.max(1, Math.floor(batchBytes / floatBytes / Math.max(each, eachOut))));
  const from = memory.temporary(most * each * floatBytes);
  const to = memory.temporary(most * eachOut * floatBytes);
  for (let first = 0; first < count; first += most) {
    const n = Math.min(most, count - first);
    memory.copyIn(from, images.data.subarray(first * each, (first + n) * each));
    run(n, from, to);
    memory.copyOut(to, out.data.subarray(first * eachOut, (first + n) * eachOut));
  }
}
