// Functions of numbers that are rarer: gamma functions, inverse hyperbolic and error functions, shifts, clipping, products along an axis.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { axisOf, broadcast, int, ints, offsets } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { narrow } from "./math.ts";
import { isLong, numberOf, numbersOf, roomFor } from "./numbers.ts";
import { erfc } from "./unary.ts";

const floats: ReadonlySet<DType> = new Set([DType.Float, DType.Double, DType.Half, DType.BFloat16]);

function each(f: (x: number) => number): KernelFactory {
  return (node) => (inputs) => {
    const t = tensorOf(inputs[0]);
    if (!floats.has(t.dtype)) throw newError(Code.Unimplemented, `${node.op} is not supported for ${dtypeName(t.dtype)}`);
    const [from, out] = [numbersOf(t, node.op), roomFor(t.dtype, t.shape)];
    for (let i = 0; i < out.length; i++) out[i] = f(from[i]!);
    return narrow(t.dtype, t.shape, out);
  };
}

/** both joins two tensors, broadcast; with `whole`, integers too. */
function both(f: (x: number, y: number) => number, whole = false): KernelFactory {
  return (node) => (inputs) => {
    const [a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    if (a.dtype !== b.dtype || floats.has(a.dtype) === whole)
      throw newError(Code.Unimplemented, `${node.op} is not supported for ${dtypeName(a.dtype)} and ${dtypeName(b.dtype)}`);
    const shape = broadcast(a.shape, b.shape);
    const [p, q] = [offsets(a.shape, shape), offsets(b.shape, shape)];
    const [x, y, out] = [numbersOf(a, node.op), numbersOf(b, node.op), roomFor(a.dtype, shape)];
    for (let i = 0; i < out.length; i++) out[i] = f(x[p[i]!]!, y[q[i]!]!);
    return narrow(a.dtype, shape, out);
  };
}

/** Coefficients of Lanczos' series with g = 7. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012,
  9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** lgamma is the logarithm of the absolute value of the gamma function. */
function lgamma(x: number): number {
  if (x === Number.NEGATIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (x < 0.5) {
    const sine = Math.abs(Math.sin(Math.PI * x));
    return x <= 0 && Number.isInteger(x) ? Number.POSITIVE_INFINITY : Math.log(Math.PI / sine) - lgamma(1 - x);
  }
  if (!Number.isFinite(x)) return x;
  const z = x - 1;
  let sum: number = lanczos[0];
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i]! / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** digamma is the slope of lgamma. */
function digamma(x: number): number {
  if (x <= 0 && Number.isInteger(x)) return Number.NaN;
  if (x < 0) return digamma(1 - x) - Math.PI / Math.tan(Math.PI * x);
  let [z, sum] = [x, 0];
  for (; z < 10; z++) sum -= 1 / z;
  const s = 1 / (z * z);
  return sum + Math.log(z) - 0.5 / z - s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132))));
}

/** ndtri gives the place below which the share p of a normal distribution lies (Acklam's approximation, made better by Halley's step). */
function ndtri(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p === 0) return Number.NEGATIVE_INFINITY;
  if (p === 1) return Number.POSITIVE_INFINITY;
  if (p > 0.5) return -ndtri(1 - p);
  let x: number;
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    x =
      (((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783) /
      ((((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1);
  } else {
    const q = p - 0.5;
    const r = q * q;
    x =
      ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r - 30.66479806614716) * r + 2.506628277459239) *
        q) /
      (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r - 13.28068155288572) * r + 1);
  }
  const error = 0.5 * erfc(-x / Math.SQRT2) - p;
  const u = error * Math.sqrt(2 * Math.PI) * Math.exp((x * x) / 2);
  return x - u / (1 + (x * u) / 2);
}

const widths: { readonly [dtype: number]: number } = {
  [DType.Int8]: 8,
  [DType.UInt8]: 8,
  [DType.Int16]: 16,
  [DType.UInt16]: 16,
  [DType.Int32]: 32,
  [DType.UInt32]: 32,
};

/** shifted moves the bits of integers; by how much is kept to what they have. */
function shifted(f: (x: bigint, by: bigint) => bigint): KernelFactory {
  return (node) => (inputs) => {
    const [a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    const bits = isLong(a.dtype) ? 64 : widths[a.dtype];
    if (a.dtype !== b.dtype || bits === undefined) throw newError(Code.Unimplemented, `${node.op} is not supported for ${dtypeName(a.dtype)}`);
    const shape = broadcast(a.shape, b.shape);
    const [p, q] = [offsets(a.shape, shape), offsets(b.shape, shape)];
    const out = roomFor(a.dtype, shape);
    const [x, y] = [numbersOf(a, node.op), numbersOf(b, node.op)];
    for (let i = 0; i < out.length; i++) {
      const by = BigInt(y[q[i]!]!);
      const shift = by < 0n ? 0n : by > BigInt(bits - 1) ? BigInt(bits - 1) : by;
      const value = BigInt.asIntN(64, f(BigInt(x[p[i]!]!), shift));
      out[i] = isLong(a.dtype) ? (value as unknown as number) : Number(BigInt.asIntN(32, value));
    }
    return narrow(a.dtype, shape, out);
  };
}

/** wholes changes each integer. */
function wholes(f: (x: bigint, bits: number) => bigint, to?: DType): KernelFactory {
  return (node) => (inputs) => {
    const t = tensorOf(inputs[0]);
    const bits = isLong(t.dtype) ? 64 : widths[t.dtype];
    if (bits === undefined) throw newError(Code.Unimplemented, `${node.op} is not supported for ${dtypeName(t.dtype)}`);
    const dtype = to ?? t.dtype;
    const [from, out] = [numbersOf(t, node.op), roomFor(dtype, t.shape)];
    for (let i = 0; i < out.length; i++) {
      const value = f(BigInt(from[i]!), bits);
      out[i] = isLong(dtype) ? (value as unknown as number) : Number(value);
    }
    return narrow(dtype, t.shape, out);
  };
}

function ones(x: bigint, bits: number): bigint {
  let count = 0n;
  for (let rest = BigInt.asUintN(bits, x); rest > 0n; rest >>= 1n) count += rest & 1n;
  return count;
}

/** along goes through each line of an axis, as Cumsum does: forwards or backwards, with or without the element itself. */
function along(first: (dtype: DType) => number, join: (sum: number, x: number) => number): KernelFactory {
  return (node) => {
    const [exclusive, reverse] = [node.attrs.bool("exclusive", false), node.attrs.bool("reverse", false)];
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const axis = axisOf(int(tensorOf(inputs[1])), t.shape.length);
      const [n, inner] = [t.shape[axis]!, elementCount(t.shape.slice(axis + 1))];
      const [from, out] = [numbersOf(t, node.op), roomFor(t.dtype, t.shape)];
      for (let line = 0; line * n < out.length; line++) {
        const start = Math.floor(line / inner) * n * inner + (line % inner);
        let sum = first(t.dtype);
        for (let k = 0; k < n; k++) {
          const i = start + (reverse ? n - 1 - k : k) * inner;
          const next = join(sum, from[i]!);
          out[i] = exclusive ? sum : next;
          sum = next;
        }
      }
      return narrow(t.dtype, t.shape, out);
    };
  };
}

function addedLogs(a: number, b: number): number {
  const [most, least] = a > b ? [a, b] : [b, a];
  return most === Number.NEGATIVE_INFINITY ? most : most + Math.log1p(Math.exp(least - most));
}

const clip: KernelFactory = (node) => (inputs) => {
  const [t, low, high] = inputs.map(tensorOf) as [Tensor, Tensor, Tensor];
  const [from, a, b] = [numbersOf(t, node.op), numbersOf(low, node.op), numbersOf(high, node.op)];
  for (const [bound, x] of [
    [low, a],
    [high, b],
  ] as const)
    if (x.length !== 1 && x.length !== from.length)
      throw newError(
        Code.InvalidArgument,
        `clip_value_min and clip_value_max must be either of the same shape as input, or a scalar: ${shapeText(bound.shape)}`,
      );
  const out = roomFor(t.dtype, t.shape);
  for (let i = 0; i < out.length; i++) {
    const [x, y, v] = [a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!, from[i]!];
    const upper = y < v ? y : v;
    out[i] = upper < x ? x : upper;
  }
  return narrow(t.dtype, t.shape, out);
};

/** halfSquares is half of the sum of all squares. */
const halfSquares: KernelFactory = (node) => (inputs) => {
  const t = tensorOf(inputs[0]);
  const from = numbersOf(t, node.op);
  let sum = 0;
  for (let i = 0; i < from.length; i++) sum += from[i]! * from[i]!;
  const out = roomFor(t.dtype, []);
  out[0] = sum / 2;
  return narrow(t.dtype, [], out);
};

const linSpace: KernelFactory = () => (inputs) => {
  const [start, stop, count] = [tensorOf(inputs[0]), tensorOf(inputs[1]), int(tensorOf(inputs[2]))];
  if (count <= 0) throw newError(Code.InvalidArgument, `Requires num > 0: ${count}`);
  const out = roomFor(start.dtype, [count]);
  const [a, b] = [numbersOf(start, "LinSpace")[0]!, numbersOf(stop, "LinSpace")[0]!];
  const step = count > 1 ? (b - a) / (count - 1) : 0;
  for (let i = 0; i < count; i++) out[i] = a + step * i;
  if (count > 1) out[count - 1] = b;
  return narrow(start.dtype, [count], out);
};

/** permutedFormat gives sizes, or dimensions, of one layout of images in the order of another. */
const permutedFormat: KernelFactory = (node) => {
  const [from, to] = [node.attrs.string("src_format", "NHWC"), node.attrs.string("dst_format", "NCHW")];
  return (inputs) => {
    const t = tensorOf(inputs[0]);
    const wide = t.shape.length === 2 ? 2 : 1;
    const order = [...to].map((letter) => from.indexOf(letter));
    const kept =
      t.shape[0] === from.length - 2
        ? [...to].filter((c) => c !== "N" && c !== "C").map((c) => [...from].filter((d) => d !== "N" && d !== "C").indexOf(c))
        : order;
    const values = ints(t);
    const data = kept.flatMap((at) => values.slice(at * wide, (at + 1) * wide));
    return { ...t, data: t.dtype === DType.Int64 ? BigInt64Array.from(data, BigInt) : Int32Array.from(data) };
  };
};

export const specials: Kernels = {
  Asinh: each(Math.asinh),
  Acosh: each(Math.acosh),
  Atanh: each(Math.atanh),
  Lgamma: each(lgamma),
  Digamma: each(digamma),
  Ndtri: each(ndtri),
  Erfinv: each((x) => ndtri((x + 1) / 2) / Math.SQRT2),
  Xlogy: both((x, y) => (x === 0 ? 0 : x * Math.log(y))),
  Xlog1py: both((x, y) => (x === 0 ? 0 : x * Math.log1p(y))),
  Xdivy: both((x, y) => (x === 0 ? 0 : x / y)),
  LeftShift: shifted((x, by) => x << by),
  RightShift: shifted((x, by) => x >> by),
  Invert: wholes((x, bits) => (bits === 64 ? BigInt.asIntN(64, ~x) : ~x)),
  PopulationCount: wholes(ones, DType.UInt8),
  Cumprod: along(
    (dtype) => numberOf(dtype, 1),
    (a, b) => a * b,
  ),
  CumulativeLogsumexp: along(() => Number.NEGATIVE_INFINITY, addedLogs),
  ClipByValue: clip,
  L2Loss: halfSquares,
  LinSpace: linSpace,
  DataFormatVecPermute: permutedFormat,
};
