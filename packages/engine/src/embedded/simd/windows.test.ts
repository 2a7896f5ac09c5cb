// Windows over images, held to loops that say what they mean.
import assert from "node:assert/strict";
import { test } from "node:test";
import { elementCount } from "@tfs/tensor";
import { markWeight } from "../weight.ts";
import { type Images, newSimd, type Window } from "./index.ts";

let seed = 7;
function random(...shape: number[]): Images & { readonly data: Float32Array } {
  const data = Float32Array.from({ length: elementCount(shape) }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed / 2 ** 31;
  });
  return { data, shape };
}

interface Row {
  readonly name: string;
  readonly images: readonly [count: number, high: number, wide: number, channels: number];
  readonly size: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
  /** before and after each side. */
  readonly padding?: readonly [readonly [number, number], readonly [number, number]];
}

const rows: readonly Row[] = [
  { name: "one pixel, one channel", images: [1, 1, 1, 1], size: [1, 1] },
  { name: "cells of one: a product of matrices", images: [2, 5, 7, 12], size: [1, 1] },
  { name: "cells of one, with steps", images: [2, 5, 7, 12], size: [1, 1], strides: [2, 3] },
  {
    name: "cells of one, with padding",
    images: [1, 3, 3, 4],
    size: [1, 1],
    padding: [
      [1, 0],
      [0, 2],
    ],
  },
  { name: "three by three", images: [2, 6, 7, 3], size: [3, 3] },
  {
    name: "padded all round",
    images: [2, 6, 7, 5],
    size: [3, 3],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
  {
    name: "padded unevenly, with steps",
    images: [1, 9, 8, 4],
    size: [3, 2],
    strides: [2, 2],
    padding: [
      [0, 1],
      [1, 0],
    ],
  },
  { name: "spread out", images: [1, 9, 9, 6], size: [3, 3], dilations: [2, 3] },
  {
    name: "spread out and padded",
    images: [2, 6, 6, 17],
    size: [3, 3],
    dilations: [2, 2],
    padding: [
      [2, 2],
      [2, 2],
    ],
  },
  {
    name: "a window larger than the image",
    images: [1, 2, 2, 20],
    size: [5, 5],
    padding: [
      [2, 2],
      [2, 2],
    ],
  },
  {
    name: "many channels",
    images: [1, 4, 4, 70],
    size: [3, 3],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
  {
    name: "more pixels than are done at a time",
    images: [1, 90, 100, 3],
    size: [5, 5],
    padding: [
      [2, 2],
      [2, 2],
    ],
  },
  { name: "more images than memory takes at a time", images: [9, 300, 180, 4], size: [1, 2], strides: [50, 20] },
];

/** sizes gives window and result of a row. */
function geometryOf({
  images,
  size,
  strides = [1, 1],
  dilations = [1, 1],
  padding = [
    [0, 0],
    [0, 0],
  ],
}: Row): { window: Window; out: [number, number] } {
  const length = (i: 0 | 1): number => Math.floor((images[1 + i]! + padding[i][0] + padding[i][1] - (size[i] - 1) * dilations[i] - 1) / strides[i]) + 1;
  return { window: { size, strides, dilations, before: [padding[0][0], padding[1][0]] }, out: [length(0), length(1)] };
}

/** each calls back for every pixel of the result with the cells of its window that lie in the image. */
function each(row: Row, take: (pixel: number, cells: { readonly at: number; readonly cell: number }[]) => void): void {
  const { window, out } = geometryOf(row);
  const [count, h, w] = row.images;
  let pixel = 0;
  for (let n = 0; n < count; n++)
    for (let y = 0; y < out[0]; y++)
      for (let x = 0; x < out[1]; x++) {
        const cells: { at: number; cell: number }[] = [];
        for (let i = 0; i < window.size[0]; i++)
          for (let j = 0; j < window.size[1]; j++) {
            const [inY, inX] = [
              y * window.strides[0] - window.before[0] + i * window.dilations[0],
              x * window.strides[1] - window.before[1] + j * window.dilations[1],
            ];
            if (inY >= 0 && inY < h && inX >= 0 && inX < w) cells.push({ at: (n * h + inY) * w + inX, cell: i * window.size[1] + j });
          }
        take(pixel++, cells);
      }
}

function close(got: Float32Array, want: ArrayLike<number>): void {
  assert.equal(got.length, want.length);
  for (let i = 0; i < got.length; i++) assert.ok(Math.abs(got[i]! - want[i]!) <= 2e-5, `element ${i} is ${got[i]}, not ${want[i]}`);
}

for (const row of rows) {
  const [count, , , channels] = row.images;
  const { window, out } = geometryOf(row);
  for (const filters of [1, 8, 13])
    test(`convolution to ${filters} channels: ${row.name}`, () => {
      const [x, filter] = [random(...row.images), random(...row.size, channels, filters)];
      const result = random(count, ...out, filters);
      const want = new Float64Array(result.data.length);
      each(row, (pixel, cells) => {
        for (const { at, cell } of cells)
          for (let c = 0; c < channels; c++)
            for (let f = 0; f < filters; f++) want[pixel * filters + f]! += x.data[at * channels + c]! * filter.data[(cell * channels + c) * filters + f]!;
      });
      const simd = newSimd();
      markWeight(filter.data);
      for (let again = 0; again < 2; again++) {
        result.data.fill(Number.NaN);
        simd.convolve(x, filter.data, window, result);
        close(result.data, want);
      }
    });
  for (const times of [1, 2])
    test(`${times === 1 ? "a filter" : `${times} filters`} for each channel: ${row.name}`, () => {
      const [x, filter] = [random(...row.images), random(...row.size, channels, times)];
      const result = random(count, ...out, channels * times);
      const want = new Float64Array(result.data.length);
      each(row, (pixel, cells) => {
        for (const { at, cell } of cells)
          for (let c = 0; c < channels; c++)
            for (let t = 0; t < times; t++)
              want[(pixel * channels + c) * times + t]! += x.data[at * channels + c]! * filter.data[(cell * channels + c) * times + t]!;
      });
      newSimd().convolveEach(x, filter.data, window, result);
      close(result.data, want);
    });
  if (row.dilations !== undefined) continue;
  for (const mean of [false, true])
    test(`${mean ? "means" : "largest"} of windows: ${row.name}`, () => {
      const x = random(...row.images);
      const result = random(count, ...out, channels);
      const want = new Float64Array(result.data.length);
      each(row, (pixel, cells) => {
        for (let c = 0; c < channels; c++) {
          const values = cells.map(({ at }) => x.data[at * channels + c]!);
          want[pixel * channels + c] = mean ? values.reduce((sum, v) => sum + v, 0) / values.length : Math.max(...values);
        }
      });
      newSimd().pool(x, window, mean, result);
      const defined = Array.from(want, (v) => (Number.isFinite(v) ? v : 0));
      close(
        result.data.map((v) => (Number.isFinite(v) ? v : 0)),
        defined,
      );
    });
}
