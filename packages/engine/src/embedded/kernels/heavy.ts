// The kernels that pay for WebAssembly: matrix products, convolutions, pooling. Small matrix products stay on the host, where a call costs nothing.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { broadcast, make, offsets } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { download, place, tfjs } from "../wasm.ts";
import { permuted } from "./array.ts";
import { narrow, room, widen } from "./math.ts";

/** Below this many multiplications the host is faster than a call into WebAssembly (measured: about 5 µs a call). */
const hostProducts = 8192;

function matMul(a: Tensor, b: Tensor, ta: boolean, tb: boolean): Tensor {
  if (a.shape.length !== 2) throw newError(Code.InvalidArgument, `In[0] and In[1] has different ndims: ${shapeText(a.shape)} vs. ${shapeText(b.shape)}`);
  const [m, k] = ta ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [k2, n] = tb ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  if (b.shape.length !== 2 || k !== k2)
    throw newError(Code.InvalidArgument, `Matrix size-incompatible: In[0]: ${shapeText(a.shape)}, In[1]: ${shapeText(b.shape)}`);
  if (a.dtype !== b.dtype) throw newError(Code.InvalidArgument, `MatMul of ${dtypeName(a.dtype)} and ${dtypeName(b.dtype)}`);
  if (a.dtype !== DType.Float || m * n * k < hostProducts) return hostMatMul(a, b, ta, tb, m, k, n);
  return download(tfjs().matMul(place(a) as never, place(b) as never, ta, tb));
}

function hostMatMul(a: Tensor, b: Tensor, ta: boolean, tb: boolean, m: number, k: number, n: number): Tensor {
  if (a.dtype === DType.String || a.dtype === DType.Bool || a.dtype === DType.Complex64 || a.dtype === DType.Complex128)
    throw newError(Code.Unimplemented, `MatMul is not supported for ${dtypeName(a.dtype)}`);
  const out = room(a.dtype, [m, n]);
  const left = widen(ta ? permuted(a, [1, 0]) : a);
  const right = widen(tb ? b : permuted(b, [1, 0])); // rows of the transpose lie together
  if (left instanceof BigInt64Array || left instanceof BigUint64Array) {
    const [x, y, z] = [left as BigInt64Array, right as BigInt64Array, out as BigInt64Array];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0n;
        for (let p = 0; p < k; p++) sum += x[i * k + p]! * y[j * k + p]!;
        z[i * n + j] = sum;
      }
    }
    return { dtype: a.dtype, shape: [m, n], data: out };
  }
  const [x, y, z] = [left as Float32Array, right as Float32Array, out as Float32Array];
  const exact = a.dtype === DType.Int32;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      if (exact) for (let p = 0; p < k; p++) sum = (sum + Math.imul(x[i * k + p]!, y[j * k + p]!)) | 0;
      else for (let p = 0; p < k; p++) sum += x[i * k + p]! * y[j * k + p]!;
      z[i * n + j] = sum;
    }
  }
  return narrow(a.dtype, [m, n], out);
}

/** batchMatMul broadcasts the leading dimensions and multiplies matrix by matrix. */
export function batchMatMul(a: Tensor, b: Tensor, ta: boolean, tb: boolean): Tensor {
  const rank = (t: Tensor): number => t.shape.length;
  if (rank(a) < 2 || rank(b) < 2) throw newError(Code.InvalidArgument, `In[0] ndims must be >= 2: ${shapeText(a.shape)} and ${shapeText(b.shape)}`);
  if (rank(a) === 2 && rank(b) === 2) return matMul(a, b, ta, tb);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = broadcast(batchA, batchB);
  const [matA, matB] = [a.shape.slice(-2), b.shape.slice(-2)];
  const [sizeA, sizeB] = [elementCount(matA), elementCount(matB)];
  const [atA, atB] = [offsets(batchA, batch), offsets(batchB, batch)];
  const shape = [...batch, ta ? matA[1]! : matA[0]!, tb ? matB[0]! : matB[1]!];
  const out = make(a.dtype, shape);
  const size = shape.at(-1)! * shape.at(-2)!;
  for (let i = 0; i < atA.length; i++) {
    const x: Tensor = { dtype: a.dtype, shape: matA, data: (a.data as Float32Array).subarray(atA[i]! * sizeA, (atA[i]! + 1) * sizeA) };
    const y: Tensor = { dtype: b.dtype, shape: matB, data: (b.data as Float32Array).subarray(atB[i]! * sizeB, (atB[i]! + 1) * sizeB) };
    (out.data as Float32Array).set(matMul(x, y, ta, tb).data as Float32Array, i * size);
  }
  return out;
}

const batched: KernelFactory = (node) => {
  const [x, y] = [node.attrs.bool("adj_x", false), node.attrs.bool("adj_y", false)];
  return (inputs) => batchMatMul(tensorOf(inputs[0]), tensorOf(inputs[1]), x, y);
};

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
  MatMul: (node) => {
    const [ta, tb] = [node.attrs.bool("transpose_a", false), node.attrs.bool("transpose_b", false)];
    return (inputs) => matMul(tensorOf(inputs[0]), tensorOf(inputs[1]), ta, tb);
  },
  BatchMatMul: batched,
  BatchMatMulV2: batched,
  BatchMatMulV3: batched,
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
