// The kernels that the kept WebAssembly backend runs: convolutions and pooling.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { make } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { download, place, tfjs } from "../wasm.ts";
import { narrow, room, widen } from "./math.ts";

/** Window is what convolutions and pooling share: steps over height and width, and padding. */
interface Window {
  readonly strides: [number, number];
  readonly dilations: [number, number];
  readonly pad: "same" | "valid" | [[number, number], [number, number], [number, number], [number, number]];
}

function windowOf(node: Node): Window {
  if (node.attrs.string("data_format", "NHWC") !== "NHWC") throw newError(Code.Unimplemented, `${node.op} ${node.name}: only NHWC is supported`);
  const pair = (name: string): [number, number] => {
    const list = node.attrs.ints(name);
    return [list[1] ?? 1, list[2] ?? 1];
  };
  const padding = node.attrs.string("padding");
  const e = node.attrs.ints("explicit_paddings");
  const explicit: Window["pad"] = [
    [e[0] ?? 0, e[1] ?? 0],
    [e[2] ?? 0, e[3] ?? 0],
    [e[4] ?? 0, e[5] ?? 0],
    [e[6] ?? 0, e[7] ?? 0],
  ];
  return { strides: pair("strides"), dilations: pair("dilations"), pad: padding === "EXPLICIT" ? explicit : padding === "SAME" ? "same" : "valid" };
}

function image(t: Tensor, op: string): Tensor {
  if (t.shape.length !== 4)
    throw newError(Code.InvalidArgument, `${op === "Conv2D" ? "input must be 4-dimensional" : "tensor_in must be 4-dimensional"}: ${shapeText(t.shape)}`);
  if (t.dtype !== DType.Float) throw newError(Code.Unimplemented, `${op} is not supported for ${dtypeName(t.dtype)}`);
  return t;
}

/** An empty batch never reaches the backend, which would refuse it. */
function emptyOr(t: Tensor, channels: number, window: Window, kernel: readonly [number, number], run: () => Tensor): Tensor {
  const size = (i: 0 | 1): number => {
    const n = t.shape[1 + i]!;
    const reach = (kernel[i] - 1) * window.dilations[i] + 1;
    const padded = window.pad === "same" ? n + reach - 1 : window.pad === "valid" ? n : n + window.pad[1 + i]![0] + window.pad[1 + i]![1];
    return window.pad === "same" ? Math.ceil(n / window.strides[i]) : Math.ceil((padded - reach + 1) / window.strides[i]);
  };
  const [h, w] = [size(0), size(1)];
  if (h <= 0 || w <= 0)
    throw newError(
      Code.InvalidArgument,
      `Computed output size would be negative or zero: ${h} x ${w} from input ${shapeText(t.shape)} and a window of ${kernel.join(" x ")}`,
    );
  const out = [t.shape[0]!, h, w, channels];
  return elementCount(t.shape) === 0 ? make(DType.Float, out) : run();
}

export const heavy: Kernels = {
  Conv2D: (node) => {
    const window = windowOf(node);
    return (inputs) => {
      const [x, filter] = [image(tensorOf(inputs[0]), "Conv2D"), tensorOf(inputs[1])];
      if (filter.shape.length !== 4) throw newError(Code.InvalidArgument, `filter must be 4-dimensional: ${shapeText(filter.shape)}`);
      if (x.shape[3] !== filter.shape[2])
        throw newError(Code.InvalidArgument, `input depth must be evenly divisible by filter depth: ${x.shape[3]} vs ${filter.shape[2]}`);
      return emptyOr(x, filter.shape[3]!, window, [filter.shape[0]!, filter.shape[1]!], () =>
        download(tfjs().conv2d(place(x) as never, place(filter) as never, window.strides, window.pad as "same", "NHWC", window.dilations)),
      );
    };
  },
  DepthwiseConv2dNative: (node) => {
    const window = windowOf(node);
    return (inputs) => {
      const [x, filter] = [image(tensorOf(inputs[0]), "DepthwiseConv2dNative"), tensorOf(inputs[1])];
      if (filter.shape.length !== 4 || x.shape[3] !== filter.shape[2])
        throw newError(Code.InvalidArgument, `input and filter must have the same depth: ${shapeText(x.shape)} vs ${shapeText(filter.shape)}`);
      return emptyOr(x, filter.shape[2]! * filter.shape[3]!, window, [filter.shape[0]!, filter.shape[1]!], () =>
        download(tfjs().depthwiseConv2d(place(x) as never, place(filter) as never, window.strides, window.pad as "same", "NHWC", window.dilations)),
      );
    };
  },
  MaxPool: pool("MaxPool"),
  AvgPool: pool("AvgPool"),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
};

function pool(op: "MaxPool" | "AvgPool"): KernelFactory {
  return (node) => {
    const window = windowOf(node);
    const list = node.attrs.ints("ksize");
    const size: [number, number] = [list[1] ?? 1, list[2] ?? 1];
    return (inputs) => {
      const x = image(tensorOf(inputs[0]), op);
      const run = op === "MaxPool" ? tfjs().maxPool : tfjs().avgPool;
      return emptyOr(x, x.shape[3]!, window, size, () => download(run(place(x) as never, size, window.strides, window.pad as "same")));
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
    return [narrow(x.dtype, x.shape, out), mean, variance, mean, variance];
  };
}
