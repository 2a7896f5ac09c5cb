// Convolutions that window.ts has no kernel for: over volumes, in groups, and backwards (what Keras calls transposed). Patches become rows of a matrix, and a
// product does the rest; an image, or a slice of a volume, at a time.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { productMs } from "../leash.ts";
import { ints, make } from "../shape.ts";
import type { Simd } from "../simd/index.ts";
import { tensorOf } from "../value.ts";
import { alsoHalves } from "./halves.ts";

type Triple = readonly [number, number, number];

/** Geometry of a window over three dimensions; an image has a depth of 1. */
interface Geometry {
  /** size of the larger side: what a convolution reads. */
  readonly size: Triple;
  /** places where the window lies. */
  readonly places: Triple;
  readonly window: Triple;
  readonly strides: Triple;
  readonly dilations: Triple;
  readonly before: Triple;
}

interface Moves {
  readonly strides: Triple;
  readonly dilations: Triple;
  readonly padding: string;
  readonly explicit: readonly number[];
}

/** movesOf reads strides, dilations and padding of a node over images or volumes. */
function movesOf(node: Node): Moves {
  const format = node.attrs.string("data_format", "");
  if (format !== "" && format !== "NHWC" && format !== "NDHWC")
    throw newError(Code.Unimplemented, `${node.op} ${node.name}: only ${format.length === 4 ? "NHWC" : "NDHWC"} is supported`);
  return {
    strides: inner(node.attrs.ints("strides")),
    dilations: inner(node.attrs.ints("dilations")),
    padding: node.attrs.string("padding"),
    explicit: node.attrs.ints("explicit_paddings"),
  };
}

/** inner takes the middle of a list that speaks of batch and channels too. */
function inner(list: readonly number[]): Triple {
  const middle = list.slice(1, -1);
  while (middle.length < 3) middle.unshift(1);
  return middle as unknown as Triple;
}

/** geometry works out where windows lie; `places` says how many there are, where that is known. */
function geometry(size: Triple, window: Triple, { strides, dilations, padding, explicit }: Moves): Geometry {
  const before: [number, number, number] = [0, 0, 0];
  const places = size.map((n, d) => {
    const reach = (window[d]! - 1) * dilations[d]! + 1;
    if (padding === "SAME") {
      const count = Math.ceil(n / strides[d]!);
      before[d] = Math.max(0, (count - 1) * strides[d]! + reach - n) >> 1;
      return count;
    }
    const at = explicit.length - 2 * (4 - d); // of pairs for all dimensions, the last is that of the channels
    const [start, end] = padding === "EXPLICIT" ? [explicit[at] ?? 0, explicit[at + 1] ?? 0] : [0, 0];
    before[d] = start;
    return Math.floor((n + start + end - reach) / strides[d]!) + 1;
  }) as unknown as Triple;
  if (places.some((n) => n < 0)) throw newError(Code.InvalidArgument, `Computed output size would be negative: ${places.join(" x ")}`);
  return { size, places, window, strides, dilations, before };
}

function floats(t: Tensor, rank: number, node: Node, what: string): Float32Array {
  if (t.shape.length !== rank) throw newError(Code.InvalidArgument, `${what} must be ${rank}-dimensional: ${shapeText(t.shape)}`);
  if (t.dtype !== DType.Float) throw newError(Code.Unimplemented, `${node.op} is not supported for ${dtypeName(t.dtype)}`);
  return t.data as Float32Array;
}

/** Visit is told of each place of a window in a slice of places, and each of its cells: where the cell lies in the larger side, or -1 outside. */
type Visit = (place: number, cell: number, at: number) => void;

/** walk visits the places at depth `d`. */
function walk(g: Geometry, d: number, visit: Visit): void {
  const [, high, wide] = g.places;
  const [sd, sh, sw] = g.size;
  const [wd, wh, ww] = g.window;
  for (let y = 0, place = 0; y < high; y++)
    for (let x = 0; x < wide; x++, place++)
      for (let a = 0, cell = 0; a < wd; a++) {
        const z = d * g.strides[0] - g.before[0] + a * g.dilations[0];
        for (let b = 0; b < wh; b++) {
          const row = y * g.strides[1] - g.before[1] + b * g.dilations[1];
          for (let c = 0; c < ww; c++, cell++) {
            const column = x * g.strides[2] - g.before[2] + c * g.dilations[2];
            const inside = z >= 0 && z < sd && row >= 0 && row < sh && column >= 0 && column < sw;
            visit(place, cell, inside ? (z * sh + row) * sw + column : -1);
          }
        }
      }
}

/** convolved multiplies patches of `channels` numbers, from `from` on in each cell, by a filter of cells and channels by filters. */
function convolved(
  simd: Simd,
  g: Geometry,
  x: Float32Array,
  depth: number,
  filter: Float32Array,
  channels: number,
  from: number,
  filters: number,
  put: (slice: number, out: Float32Array) => void,
): void {
  const places = g.places[1] * g.places[2];
  const cells = elementCount(g.window);
  const patches = make(DType.Float, [places, cells * channels]).data as Float32Array;
  for (let d = 0; d < g.places[0]; d++) {
    patches.fill(0);
    walk(g, d, (place, cell, at) => {
      if (at < 0) return;
      const [to, start] = [(place * cells + cell) * channels, at * depth + from];
      for (let k = 0; k < channels; k++) patches[to + k] = x[start + k]!;
    });
    const out = new Float32Array(places * filters);
    const rows = { data: patches, rows: places, columns: cells * channels, transposed: false };
    if (places > 0) simd.multiply(rows, { data: filter, rows: cells * channels, columns: filters, transposed: false }, out);
    put(d, out);
  }
}

/** convolve3d is Conv3D, and Conv2D in groups: each group of filters sees its part of the channels. */
function convolve3d(rank: 4 | 5): KernelFactory {
  return (node) => {
    const moves = movesOf(node);
    return (inputs, { simd, leash }) => {
      const [x, filter] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
      const [data, weights] = [floats(x, rank, node, "input"), floats(filter, rank, node, "filter")];
      const depth = x.shape.at(-1)!;
      const [channels, filters] = filter.shape.slice(-2) as [number, number];
      const groups = depth / channels;
      if (!Number.isInteger(groups) || filters % groups !== 0)
        throw newError(Code.InvalidArgument, `input depth must be evenly divisible by filter depth: ${depth} vs ${channels}`);
      const g = geometry(inner(x.shape), inner([0, ...filter.shape.slice(0, -2), 0]), moves);
      const out = make(DType.Float, [x.shape[0]!, ...g.places.slice(5 - rank), filters]);
      leash?.step(productMs((out.data.length * weights.length) / filters));
      const to = out.data as Float32Array;
      const [perImage, each] = [elementCount(g.size) * depth, filters / groups];
      const slice = g.places[1] * g.places[2];
      for (let group = 0; group < groups; group++) {
        const part = groups === 1 ? weights : columns(weights, filters, group * each, each);
        for (let n = 0; n < x.shape[0]!; n++)
          convolved(simd, g, data.subarray(n * perImage, (n + 1) * perImage), depth, part, channels, group * channels, each, (d, values) => {
            const start = (n * g.places[0] + d) * slice;
            for (let p = 0; p < slice; p++) for (let k = 0; k < each; k++) to[(start + p) * filters + group * each + k] = values[p * each + k]!;
          });
      }
      return out;
    };
  };
}

/** columns takes some columns of a matrix. */
function columns(data: Float32Array, width: number, from: number, count: number): Float32Array {
  const rows = data.length / width;
  const out = new Float32Array(rows * count);
  for (let r = 0; r < rows; r++) for (let k = 0; k < count; k++) out[r * count + k] = data[r * width + from + k]!;
  return out;
}

/** backwards spreads each output's gradient over the window that it came from. */
function backwards(rank: 4 | 5): KernelFactory {
  return (node) => {
    const moves = movesOf(node);
    return (inputs, { simd, leash }) => {
      const [sizes, filter, gradient] = [ints(tensorOf(inputs[0])), tensorOf(inputs[1]), tensorOf(inputs[2])];
      const [weights, data] = [floats(filter, rank, node, "filter"), floats(gradient, rank, node, "out_backprop")];
      const [channels, filters] = filter.shape.slice(-2) as [number, number];
      // Two sizes are height and width alone; batch and channels are the other inputs'.
      const shape = sizes.length === rank ? sizes : [gradient.shape[0]!, ...sizes, channels];
      if (shape.length !== rank) throw newError(Code.InvalidArgument, `input_sizes must have ${rank} elements, got ${sizes.length}`);
      const g = geometry(inner(shape), inner([0, ...filter.shape.slice(0, -2), 0]), moves);
      const want = [shape[0]!, ...g.places.slice(5 - rank), filters];
      if (shapeText(want) !== shapeText(gradient.shape) || shape.at(-1) !== channels)
        throw newError(Code.InvalidArgument, `${node.op}: out_backprop has the shape ${shapeText(gradient.shape)}, where ${shapeText(want)} is expected`);
      const out = make(DType.Float, shape);
      leash?.step(productMs((gradient.data.length * weights.length) / filters));
      const to = out.data as Float32Array;
      const [perImage, slice] = [elementCount(g.size) * channels, g.places[1] * g.places[2]];
      const cells = elementCount(g.window);
      const spread = make(DType.Float, [slice, cells * channels]).data as Float32Array;
      for (let n = 0; n < shape[0]! && slice > 0; n++)
        for (let d = 0; d < g.places[0]; d++) {
          const start = (n * g.places[0] + d) * slice * filters;
          const rows = { data: data.subarray(start, start + slice * filters), rows: slice, columns: filters, transposed: false };
          simd.multiply(rows, { data: weights, rows: cells * channels, columns: filters, transposed: true }, spread);
          walk(g, d, (place, cell, at) => {
            if (at < 0) return;
            const [from, target] = [(place * cells + cell) * channels, n * perImage + at * channels];
            for (let k = 0; k < channels; k++) to[target + k]! += spread[from + k]!;
          });
        }
      return out;
    };
  };
}

/** pool3d takes the greatest, or the mean, of each window's cells that are inside. */
function pool3d(mean: boolean): KernelFactory {
  return (node) => {
    const moves = { ...movesOf(node), dilations: [1, 1, 1] as const };
    const window = inner(node.attrs.ints("ksize"));
    return (inputs) => {
      const x = tensorOf(inputs[0]);
      const data = floats(x, 5, node, "tensor_in");
      const depth = x.shape[4]!;
      const g = geometry(inner(x.shape), window, moves);
      const out = make(DType.Float, [x.shape[0]!, ...g.places, depth]);
      const to = out.data as Float32Array;
      const slice = g.places[1] * g.places[2];
      const counts = new Int32Array(slice);
      if (!mean) to.fill(-3.4028234663852886e38);
      for (let n = 0; n < x.shape[0]!; n++)
        for (let d = 0; d < g.places[0]; d++) {
          const [start, image] = [(n * g.places[0] + d) * slice, n * elementCount(g.size) * depth];
          counts.fill(0);
          walk(g, d, (place, _, at) => {
            if (at < 0) return;
            counts[place]!++;
            const [target, from] = [(start + place) * depth, image + at * depth];
            for (let k = 0; k < depth; k++) to[target + k] = mean ? to[target + k]! + data[from + k]! : Math.max(to[target + k]!, data[from + k]!);
          });
          if (mean) for (let p = 0; p < slice; p++) for (let k = 0; k < depth; k++) to[(start + p) * depth + k]! /= counts[p]!;
        }
      return out;
    };
  };
}

/** groupedConvolve is Conv2D whose filters see a part of the channels each. */
export const groupedConvolve: KernelFactory = convolve3d(4);

export const volumes: Kernels = {
  Conv3D: alsoHalves(convolve3d(5), [0, 1]),
  Conv2DBackpropInput: alsoHalves(backwards(4), [1, 2]),
  Conv3DBackpropInputV2: alsoHalves(backwards(5), [1, 2]),
  MaxPool3D: alsoHalves(pool3d(false)),
  AvgPool3D: alsoHalves(pool3d(true)),
};
