// Sizes of images: by the nearest pixel, by lines, by cubes, by area, by scale and translation, and crops (tensorflow/core/kernels/image).
import { Code, newError } from "@tfs/std";
import { DType, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { ints, make } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { numbersOf } from "./numbers.ts";
import { pick } from "./space.ts";

/** Scaling says which place of the input a place of the output stands for. */
interface Scaling {
  readonly alignCorners: boolean;
  readonly halfPixel: boolean;
}

const scalingOf = (node: Node): Scaling => ({ alignCorners: node.attrs.bool("align_corners", false), halfPixel: node.attrs.bool("half_pixel_centers", false) });

const f = Math.fround;

/** scale of one side: input by output, corners on corners if they are to be. Floats of 32 bits, as TensorFlow's, decide which pixel is the nearest. */
function scaleOf(from: number, to: number, alignCorners: boolean): number {
  return alignCorners && to > 1 ? f((from - 1) / (to - 1)) : f(from / to);
}

function sizeOf(t: Tensor, size: Tensor, { alignCorners, halfPixel }: Scaling): readonly [number, number] {
  if (alignCorners && halfPixel) throw newError(Code.InvalidArgument, "If half_pixel_centers is True, align_corners must be False.");
  if (t.shape.length !== 4) throw newError(Code.InvalidArgument, `input must be 4-dimensional${shapeText(t.shape)}`);
  const [height, width, ...rest] = ints(size);
  if (height === undefined || width === undefined || rest.length > 0)
    throw newError(Code.InvalidArgument, `shape_t must have two elements${shapeText(size.shape)}`);
  if (height <= 0 || width <= 0) throw newError(Code.InvalidArgument, "output dimensions must be positive");
  if (t.shape[1]! <= 0 || t.shape[2]! <= 0) throw newError(Code.InvalidArgument, "input image must be of non-zero size");
  return [height, width];
}

/** Tap is one pixel that a place of the output takes, and how much of it. */
interface Taps {
  readonly at: readonly number[];
  readonly weights: readonly number[];
}

/** weighted makes each output place of weighted pixels, rows first and then columns, as floats. */
function weighted(t: Tensor, rows: readonly Taps[], columns: readonly Taps[]): Tensor {
  const [n, high, wide, depth] = t.shape as [number, number, number, number];
  const from = numbersOf(t, "resizing");
  const out = make(DType.Float, [n, rows.length, columns.length, depth]);
  const to = out.data as Float32Array;
  const line = new Float64Array(columns.length * depth);
  const across = (image: number, y: number, share: number): void => {
    const base = (image * high + y) * wide * depth;
    columns.forEach(({ at, weights }, x) => {
      for (let k = 0; k < at.length; k++) {
        const [start, w] = [base + at[k]! * depth, weights[k]! * share];
        for (let c = 0; c < depth; c++) line[x * depth + c]! += Number(from[start + c]!) * w;
      }
    });
  };
  for (let image = 0; image < n; image++)
    rows.forEach(({ at, weights }, y) => {
      line.fill(0);
      at.forEach((row, k) => void across(image, row, weights[k]!));
      to.set(line, (image * rows.length + y) * line.length);
    });
  return out;
}

const bounded = (i: number, n: number): number => Math.min(Math.max(i, 0), n - 1);

function linear(from: number, to: number, { alignCorners, halfPixel }: Scaling): Taps[] {
  const scale = scaleOf(from, to, alignCorners);
  return Array.from({ length: to }, (_, i) => {
    const place = halfPixel ? f(f(f(i + 0.5) * scale) - 0.5) : f(i * scale);
    const below = Math.floor(place);
    const share = place - below;
    return { at: [Math.max(0, below), Math.min(below + 1, from - 1)], weights: [1 - share, share] };
  });
}

/** Cubic weights come from a table of 1024 steps. */
const steps = 1024;

function cubicWeights(a: number, share: number): number[] {
  const offset = Math.round(share * steps);
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  const x = offset / steps;
  return [far(x + 1), near(x), near(1 - x), far(2 - x)].map(f);
}

function cubic(from: number, to: number, { alignCorners, halfPixel }: Scaling): Taps[] {
  const scale = scaleOf(from, to, alignCorners);
  return Array.from({ length: to }, (_, i) => {
    const place = halfPixel ? f(f(f(i + 0.5) * scale) - 0.5) : f(i * scale);
    const below = Math.floor(place);
    const taps = [below - 1, below, below + 1, below + 2];
    const weights = cubicWeights(halfPixel ? -0.5 : -0.75, place - below);
    if (!halfPixel) return { at: taps.map((at) => bounded(at, from)), weights };
    // Keys' cubes leave out what is outside, and make up for it.
    const inside = weights.map((w, k) => (taps[k]! >= 0 && taps[k]! < from ? w : 0));
    const sum = inside.reduce((p, q) => p + q, 0);
    return { at: taps.map((at) => bounded(at, from)), weights: Math.abs(sum) >= 1000 * 1.1754944e-38 ? inside.map((w) => w / sum) : inside };
  });
}

/** area gives every pixel the share of it that the output's place covers. */
function area(from: number, to: number, { alignCorners }: Scaling): Taps[] {
  const scale = scaleOf(from, to, alignCorners);
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [f(i * scale), f((i + 1) * scale)];
    const [first, last] = [Math.floor(start), Math.ceil(end)];
    const at: number[] = [];
    const weights: number[] = [];
    for (let p = first; p < last; p++) {
      at.push(bounded(p, from));
      const share = p < start ? (p + 1 > end ? scale : p + 1 - start) : p + 1 > end ? end - p : 1;
      weights.push(share / scale);
    }
    return { at, weights };
  });
}

function byTaps(taps: (from: number, to: number, scaling: Scaling) => Taps[]): KernelFactory {
  return (node) => {
    const scaling = scalingOf(node);
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const [height, width] = sizeOf(t, tensorOf(inputs[1]), scaling);
      return weighted(t, taps(t.shape[1]!, height, scaling), taps(t.shape[2]!, width, scaling));
    };
  };
}

const nearest: KernelFactory = (node) => {
  const scaling = scalingOf(node);
  return (inputs) => {
    const t = tensorOf(inputs[0]);
    const [height, width] = sizeOf(t, tensorOf(inputs[1]), scaling);
    const list = (from: number, to: number): number[] => {
      const scale = scaleOf(from, to, scaling.alignCorners);
      return Array.from({ length: to }, (_, i) => {
        const place = scaling.halfPixel ? f(f(i + 0.5) * scale) : f(i * scale);
        return bounded(scaling.alignCorners ? awayFromZero(place) : Math.floor(place), from);
      });
    };
    const all = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
    return pick(t, [all(t.shape[0]!), list(t.shape[1]!, height), list(t.shape[2]!, width), all(t.shape[3]!)]);
  };
};

/** awayFromZero rounds halves as C's roundf does. */
function awayFromZero(x: number): number {
  return Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
}

/** Kernels that ScaleAndTranslate samples by: their reach, and their height at a distance (sampling_kernels.h). */
const samplers: Readonly<Record<string, { readonly radius: number; at(x: number): number }>> = {
  lanczos1: lanczos(1),
  lanczos3: lanczos(3),
  lanczos5: lanczos(5),
  gaussian: { radius: 1.5, at: (x) => (Math.abs(x) >= 1.5 ? 0 : Math.exp((-x * x) / (2 * 0.25))) },
  box: { radius: 1, at: (x) => (Math.abs(x) < 0.5 ? 1 : Math.abs(x) === 0.5 ? 0.5 : 0) },
  triangle: { radius: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  keyscubic: { radius: 2, at: (x) => keys(Math.abs(x)) },
  mitchellcubic: { radius: 2, at: (x) => mitchell(Math.abs(x)) },
};

function lanczos(radius: number) {
  return {
    radius,
    at(x: number): number {
      const a = Math.abs(x);
      if (a > radius) return 0;
      if (a <= 1e-3) return 1;
      return (radius * Math.sin(Math.PI * a) * Math.sin((Math.PI * a) / radius)) / (Math.PI * Math.PI * a * a);
    },
  };
}

function keys(x: number): number {
  if (x >= 2) return 0;
  return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
}

function mitchell(x: number): number {
  if (x >= 2) return 0;
  return x >= 1 ? (((-7 / 18) * x + 2) * x - 10 / 3) * x + 16 / 9 : ((7 / 6) * x - 2) * x * x + 8 / 9;
}

const scaleAndTranslate: KernelFactory = (node) => {
  const name = node.attrs.string("kernel_type", "lanczos3");
  const sampler = samplers[name];
  if (sampler === undefined) throw newError(Code.InvalidArgument, `Unrecognized kernel type: ${name}`);
  const antialias = node.attrs.bool("antialias", true);
  return (inputs) => {
    const [t, scale, translation] = [tensorOf(inputs[0]), tensorOf(inputs[2]).data as Float32Array, tensorOf(inputs[3]).data as Float32Array];
    const [height, width] = sizeOf(t, tensorOf(inputs[1]), { alignCorners: false, halfPixel: true });
    if (scale.length !== 2 || translation.length !== 2) throw newError(Code.InvalidArgument, "scale and translation must have two elements");
    if (!(scale[0]! > 0) || !(scale[1]! > 0)) throw newError(Code.InvalidArgument, "Scale must be greater than zero.");
    const taps = (from: number, to: number, d: 0 | 1): Taps[] => {
      const back = f(1 / scale[d]!);
      const shift = f(-back * translation[d]!);
      const stretch = antialias ? Math.max(back, 1) : 1;
      const reach = f(sampler.radius * stretch);
      return Array.from({ length: to }, (_, i) => {
        const place = f(f((i + 0.5) * back) + shift);
        if (place < 0 || place > from) return { at: [], weights: [] };
        const first = bounded(Math.ceil(f(f(place - reach) - 0.5)), from);
        const last = bounded(Math.floor(f(f(place + reach) - 0.5)), from);
        const at: number[] = [];
        const weights: number[] = [];
        for (let p = first; p <= last; p++) {
          at.push(p);
          weights.push(sampler.at(f(f(f(p + 0.5) - place) * f(1 / stretch))));
        }
        const sum = weights.reduce((a, b) => a + b, 0);
        return { at, weights: Math.abs(sum) >= 1000 * 1.1754944e-38 ? weights.map((w) => w / sum) : weights };
      });
    };
    return weighted(t, taps(t.shape[1]!, height, 0), taps(t.shape[2]!, width, 1));
  };
};

/** cropAndResize cuts a box of an image for each box, in shares of its height and width. */
const cropAndResize: KernelFactory = (node) => {
  const method = node.attrs.string("method", "bilinear");
  const fallback = node.attrs.float("extrapolation_value", 0);
  if (method !== "bilinear" && method !== "nearest") throw newError(Code.InvalidArgument, `method must be 'bilinear' or 'nearest', not ${method}`);
  return (inputs) => {
    const [t, boxes, which] = [tensorOf(inputs[0]), tensorOf(inputs[1]), ints(tensorOf(inputs[2]))];
    const [height = 0, width = 0] = ints(tensorOf(inputs[3]));
    if (t.shape.length !== 4) throw newError(Code.InvalidArgument, `input image must be 4-D ${shapeText(t.shape)}`);
    if (boxes.shape.length !== 2 || boxes.shape[1] !== 4) throw newError(Code.InvalidArgument, `boxes must be 2-D ${shapeText(boxes.shape)}`);
    if (which.length !== boxes.shape[0]) throw newError(Code.InvalidArgument, `box_index has incompatible shape: ${which.length} for ${boxes.shape[0]} boxes`);
    if (height <= 0 || width <= 0) throw newError(Code.InvalidArgument, `crop dimensions must be positive${height} x ${width}`);
    const [n, high, wide, depth] = t.shape as [number, number, number, number];
    if (high <= 0 || wide <= 0) throw newError(Code.InvalidArgument, "image dimensions must be positive");
    const from = numbersOf(t, node.op);
    const edges = boxes.data as Float32Array;
    const out = make(DType.Float, [which.length, height, width, depth]);
    const to = out.data as Float32Array;
    which.forEach((image, b) => {
      if (image < 0 || image >= n) throw newError(Code.OutOfRange, `box_index has values outside [0, batch_size)`);
      const [y1, x1, y2, x2] = edges.subarray(4 * b, 4 * b + 4) as unknown as [number, number, number, number];
      const place = (start: number, end: number, size: number, count: number, i: number): number =>
        f(count > 1 ? f(f(start * (size - 1)) + f(i * f(f(f(end - start) * (size - 1)) / (count - 1)))) : f(f(0.5 * f(start + end)) * (size - 1)));
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const [row, column] = [place(y1, y2, high, height, y), place(x1, x2, wide, width, x)];
          const target = ((b * height + y) * width + x) * depth;
          if (!(row >= 0 && row <= high - 1 && column >= 0 && column <= wide - 1)) {
            to.fill(fallback, target, target + depth);
            continue;
          }
          const at = (r: number, c: number, k: number): number => Number(from[((image * high + r) * wide + c) * depth + k]!);
          const [top, left] = [Math.floor(row), Math.floor(column)];
          const [bottom, right] = [Math.ceil(row), Math.ceil(column)];
          for (let k = 0; k < depth; k++) {
            if (method === "nearest") {
              to[target + k] = at(awayFromZero(row), awayFromZero(column), k);
              continue;
            }
            const upper = at(top, left, k) + (at(top, right, k) - at(top, left, k)) * (column - left);
            const lower = at(bottom, left, k) + (at(bottom, right, k) - at(bottom, left, k)) * (column - left);
            to[target + k] = upper + (lower - upper) * (row - top);
          }
        }
    });
    return out;
  };
};

/** transformed takes each pixel from where a projection leads (image_ops.h). */
const transformed: KernelFactory = (node) => {
  const smooth = node.attrs.string("interpolation") === "BILINEAR";
  const mode = node.attrs.string("fill_mode", "CONSTANT");
  return (inputs) => {
    const [t, transforms, size] = [tensorOf(inputs[0]), tensorOf(inputs[1]), ints(tensorOf(inputs[2]))];
    const fill = inputs[3] === undefined ? 0 : Number(tensorOf(inputs[3]).data[0]);
    const [n, high, wide, depth] = t.shape as [number, number, number, number];
    const [height = 0, width = 0] = size;
    if (t.shape.length !== 4 || transforms.shape.length !== 2 || transforms.shape[1] !== 8 || (transforms.shape[0] !== 1 && transforms.shape[0] !== n))
      throw newError(Code.InvalidArgument, `Input transform should be num_images x 8 or 1 x 8, got ${shapeText(transforms.shape)}`);
    if (height <= 0 || width <= 0) throw newError(Code.InvalidArgument, `new image height and width must be positive, got ${height} x ${width}`);
    const from = numbersOf(t, node.op);
    const all = transforms.data as Float32Array;
    const out = make(t.dtype, [n, height, width, depth]);
    const to = out.data as unknown as { [i: number]: number };
    for (let image = 0; image < n; image++) {
      const m = all.subarray(transforms.shape[0] === 1 ? 0 : 8 * image, (transforms.shape[0] === 1 ? 0 : 8 * image) + 8);
      const read = (y: number, x: number, k: number): number =>
        y >= 0 && y < high && x >= 0 && x < wide ? Number(from[((image * high + y) * wide + x) * depth + k]!) : fill;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const w = m[6]! * x + m[7]! * y + 1;
          const target = ((image * height + y) * width + x) * depth;
          if (w === 0) {
            for (let k = 0; k < depth; k++) to[target + k] = fill;
            continue;
          }
          const column = mapped((m[0]! * x + m[1]! * y + m[2]!) / w, wide, mode);
          const row = mapped((m[3]! * x + m[4]! * y + m[5]!) / w, high, mode);
          const [top, left] = [Math.floor(row), Math.floor(column)];
          for (let k = 0; k < depth; k++) {
            if (!smooth) {
              to[target + k] = read(awayFromZero(row), awayFromZero(column), k);
              continue;
            }
            const upper = (left + 1 - column) * read(top, left, k) + (column - left) * read(top, left + 1, k);
            const lower = (left + 1 - column) * read(top + 1, left, k) + (column - left) * read(top + 1, left + 1, k);
            to[target + k] = (top + 1 - row) * upper + (row - top) * lower;
          }
        }
    }
    return out;
  };
};

/** mapped brings a place outside back inside, as the mode says. */
function mapped(place: number, n: number, mode: string): number {
  if (mode === "NEAREST") return Math.min(Math.max(place, 0), n - 1);
  if (mode === "WRAP") {
    if (n <= 1) return 0;
    // Whole rounds are counted by n - 1 and taken off by n, which is what TensorFlow does.
    const rounds = Math.trunc(Math.abs(place) / (n - 1));
    const at = place < 0 ? place + n * (rounds + 1) : place > n - 1 ? place - n * rounds : place;
    return Math.min(Math.max(at, 0), n - 1);
  }
  if (mode === "REFLECT") {
    if (n <= 1) return 0;
    const period = 2 * n;
    let at = place;
    if (at < 0) {
      if (at < period) at = period * Math.trunc(-at / period) + at;
      at = at < -n ? at + period : -at - 1;
    } else if (at > n - 1) {
      at -= period * Math.trunc(at / period);
      if (at >= n) at = period - at - 1;
    }
    return Math.min(Math.max(at, 0), n - 1);
  }
  return place;
}

export const resizes: Kernels = {
  ResizeBilinear: byTaps(linear),
  ResizeBicubic: byTaps(cubic),
  ResizeArea: byTaps(area),
  ResizeNearestNeighbor: nearest,
  ScaleAndTranslate: scaleAndTranslate,
  CropAndResize: cropAndResize,
  ImageProjectiveTransformV2: transformed,
  ImageProjectiveTransformV3: transformed,
};
