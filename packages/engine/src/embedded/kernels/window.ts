// Windows over images: convolutions and pooling, in WebAssembly of our own; and batch normalisation, which follows them.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { After } from "../graph/index.ts";
import type { Kernel, KernelFactory, Kernels, Node, State } from "../kernel.ts";
import { productMs } from "../leash.ts";
import { make } from "../shape.ts";
import { type Images, plain, type Window } from "../simd/index.ts";
import type { Attrs } from "../attrs.ts";
import { tensorOf, type Value } from "../value.ts";
import { alsoHalves } from "./halves.ts";
import { narrow, room, widen } from "./math.ts";
import { endingOf } from "./product.ts";
import { groupedConvolve } from "./volume.ts";

type Pair = readonly [number, number];

/** Moves are what a window does by its attributes: steps over height and width, and padding. */
interface Moves {
  readonly strides: Pair;
  readonly dilations: Pair;
  /** before and after each side, or what TensorFlow works out. */
  readonly padding: "SAME" | "VALID" | readonly [height: Pair, width: Pair];
}

function movesOf(node: Node): Moves {
  if (node.attrs.string("data_format", "NHWC") !== "NHWC") throw newError(Code.Unimplemented, `${node.op} ${node.name}: only NHWC is supported`);
  const pair = (name: string): Pair => {
    const list = node.attrs.ints(name);
    return [list[1] ?? 1, list[2] ?? 1];
  };
  const padding = node.attrs.string("padding");
  const e = node.attrs.ints("explicit_paddings");
  const explicit: Moves["padding"] = [
    [e[2] ?? 0, e[3] ?? 0],
    [e[4] ?? 0, e[5] ?? 0],
  ];
  return { strides: pair("strides"), dilations: pair("dilations"), padding: padding === "EXPLICIT" ? explicit : padding === "SAME" ? "SAME" : "VALID" };
}

function image(t: Tensor, op: string): Tensor {
  if (t.shape.length !== 4)
    throw newError(Code.InvalidArgument, `${op === "Conv2D" ? "input must be 4-dimensional" : "tensor_in must be 4-dimensional"}: ${shapeText(t.shape)}`);
  if (t.dtype !== DType.Float) throw newError(Code.Unimplemented, `${op} is not supported for ${dtypeName(t.dtype)}`);
  return t;
}

const images = ({ data, shape }: Tensor): Images => ({ data: data as Float32Array, shape });

/** over runs a window of `size` over images; `run` writes the result, unless it is empty. */
function over(
  { arena }: State,
  t: Tensor,
  channels: number,
  size: Pair,
  { strides, dilations, padding }: Moves,
  run: (window: Window, out: Images) => void,
): Tensor {
  const side = (i: 0 | 1): { readonly before: number; readonly length: number } => {
    const n = t.shape[1 + i]!;
    const reach = (size[i] - 1) * dilations[i] + 1;
    if (padding === "SAME") {
      const length = Math.ceil(n / strides[i]);
      return { before: Math.max(0, (length - 1) * strides[i] + reach - n) >> 1, length };
    }
    const [before, after] = padding === "VALID" ? [0, 0] : padding[i];
    return { before, length: Math.ceil((n + before + after - reach + 1) / strides[i]) };
  };
  const [y, x] = [side(0), side(1)];
  if (y.length <= 0 || x.length <= 0)
    throw newError(
      Code.InvalidArgument,
      `Computed output size would be negative or zero: ${y.length} x ${x.length} from input ${shapeText(t.shape)} and a window of ${size.join(" x ")}`,
    );
  const out = arena.make([t.shape[0]!, y.length, x.length, channels]);
  if (elementCount(t.shape) > 0 && elementCount(out.shape) > 0) run({ size, strides, dilations, before: [y.before, x.before] }, images(out));
  return out;
}

/** convolution makes the kernel of Conv2D or of DepthwiseConv2dNative, with what is done to the sums. */
export function convolution(given: Node, after?: After): Kernel {
  const node = withPadding(given, after?.padding);
  const moves = movesOf(node);
  const run = node.op === "Conv2D" ? convolved : convolvedEach;
  const grouped = groupedConvolve(node);
  return (inputs, state) => {
    const [x, filter] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    const bias = after?.bias === true ? tensorOf(inputs[2]) : undefined;
    if (node.op === "Conv2D" && elementCount(filter.shape) === 0)
      throw newError(Code.InvalidArgument, "filter must not have zero elements (i.e. all dimensions must be non-zero)");
    if (node.op === "Conv2D" && x.shape.length === 4 && filter.shape.length === 4 && x.shape[3] !== filter.shape[2])
      return finished(tensorOf(grouped(inputs.slice(0, 2), state) as Value), after, bias);
    return run(state, moves, x, filter, after, bias);
  };
}

/** withPadding gives a node that pads by itself. */
function withPadding(node: Node, padding: After["padding"]): Node {
  if (padding === undefined) return node;
  const attrs: Attrs = {
    ...node.attrs,
    string: (name, fallback) => (name === "padding" ? "EXPLICIT" : node.attrs.string(name, fallback)),
    ints: (name) => (name === "explicit_paddings" ? [0, 0, ...padding, 0, 0] : node.attrs.ints(name)),
  };
  return { ...node, attrs };
}

/** finished does to sums what WebAssembly does where it makes them. */
function finished(t: Tensor, after: After | undefined, bias: Tensor | undefined): Tensor {
  if (after === undefined) return t;
  const n = t.shape.at(-1)!;
  const data = Float32Array.from(t.data as Float32Array, (sum, i) => {
    const value = bias === undefined ? sum : Math.fround(sum + (bias.data as Float32Array)[i % n]!);
    return value < after.low ? after.low : value > after.high ? after.high : value;
  });
  return { ...t, data };
}

function convolved(state: State, moves: Moves, given: Tensor, filter: Tensor, after?: After, bias?: Tensor): Tensor {
  const x = image(given, "Conv2D");
  if (filter.shape.length !== 4) throw newError(Code.InvalidArgument, `filter must be 4-dimensional: ${shapeText(filter.shape)}`);
  const [high, wide, , filters] = filter.shape as [number, number, number, number];
  const ending = after === undefined ? plain : endingOf(after, bias, filters);
  return over(state, x, filters, [high, wide], moves, (window, out) => {
    state.leash?.step(productMs((out.data.length * filter.data.length) / filters));
    state.simd.convolve(images(x), filter.data as Float32Array, window, out, ending);
  });
}

function convolvedEach(state: State, moves: Moves, given: Tensor, filter: Tensor, after?: After, bias?: Tensor): Tensor {
  const x = image(given, "DepthwiseConv2dNative");
  if (filter.shape.length !== 4 || x.shape[3] !== filter.shape[2])
    throw newError(Code.InvalidArgument, `input and filter must have the same depth: ${shapeText(x.shape)} vs ${shapeText(filter.shape)}`);
  const [high, wide, channels, times] = filter.shape as [number, number, number, number];
  const ending = after === undefined ? plain : endingOf(after, bias, channels * times);
  return over(state, x, channels * times, [high, wide], moves, (window, out) =>
    state.simd.convolveEach(images(x), filter.data as Float32Array, window, out, ending),
  );
}

export const windows: Kernels = {
  Conv2D: alsoHalves((node) => convolution(node), [0, 1]),
  DepthwiseConv2dNative: alsoHalves((node) => convolution(node), [0, 1]),
  MaxPool: alsoHalves(pool("MaxPool")),
  AvgPool: alsoHalves(pool("AvgPool")),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
};

function pool(op: "MaxPool" | "AvgPool"): KernelFactory {
  return (node) => {
    const moves = movesOf(node);
    const list = node.attrs.ints("ksize");
    const size: Pair = [list[1] ?? 1, list[2] ?? 1];
    return (inputs, state) => {
      const x = image(tensorOf(inputs[0]), op);
      return over(state, x, x.shape[3]!, size, moves, (window, out) => state.simd.pool(images(x), window, op === "AvgPool", out));
    };
  };
}

/** batchNorm in inference form: (x - mean) / sqrt(variance + epsilon) * scale + offset per channel. */
function batchNorm(node: Node): ReturnType<KernelFactory> {
  if (node.attrs.bool("is_training", true)) throw newError(Code.Unimplemented, `${node.op} ${node.name}: training mode is not supported`);
  if (node.attrs.string("data_format", "NHWC") !== "NHWC") throw newError(Code.Unimplemented, `${node.op} ${node.name}: only NHWC is supported`);
  const epsilon = node.attrs.float("epsilon", 1e-4);
  return (inputs) => {
    const [x, scale, offset, mean, variance] = inputs.slice(0, 5).map((v) => tensorOf(v)) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const channels = x.shape.at(-1) ?? 0;
    for (const t of [scale, offset, mean, variance])
      if (t.shape.length !== 1 || t.shape[0] !== channels)
        throw newError(Code.InvalidArgument, `scale, offset, mean and variance must have ${channels} elements, not ${shapeText(t.shape)}`);
    const factor = new Float64Array(channels);
    const shift = new Float64Array(channels);
    for (let c = 0; c < channels; c++) {
      factor[c] = (scale.data[c] as number) / Math.sqrt((variance.data[c] as number) + epsilon);
      shift[c] = (offset.data[c] as number) - (mean.data[c] as number) * factor[c]!;
    }
    const from = widen(x) as Float32Array;
    const out = room(x.dtype, x.shape) as Float32Array;
    for (let i = 0; i < from.length; i += channels) for (let c = 0; c < channels; c++) out[i + c] = from[i + c]! * factor[c]! + shift[c]!;
    const more = node.op === "FusedBatchNormV3" ? [make(DType.Float, [0])] : []; // what only training writes
    return [narrow(x.dtype, x.shape, out), mean, variance, mean, variance, ...more];
  };
}
