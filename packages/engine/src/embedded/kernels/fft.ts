// Fourier transforms of any length, over one to three last dimensions (tensorflow/core/kernels/fft_ops.cc); complex numbers and their parts.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { broadcast, ints, make, offsets } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { narrow, room, widen } from "./math.ts";

/** Line transforms n complex numbers in place. */
type Line = (real: Float64Array, imaginary: Float64Array) => void;

/** newLine makes a transform of a length: powers of two by halves, all others by Bluestein's way through one of those. */
function newLine(n: number, inverse: boolean): Line {
  const sign = inverse ? 1 : -1;
  if (n <= 1) return () => {};
  if ((n & (n - 1)) === 0) return byHalves(n, sign);
  const m = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const [ahead, back] = [byHalves(m, -1), byHalves(m, 1)];
  const [cos, sin] = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    const angle = (Math.PI * ((i * i) % (2 * n))) / n;
    cos[i] = Math.cos(angle);
    sin[i] = sign * Math.sin(angle);
  }
  const [chirpR, chirpI] = [new Float64Array(m), new Float64Array(m)];
  for (let i = 0; i < n; i++)
    for (const at of i === 0 ? [0] : [i, m - i]) {
      chirpR[at] = cos[i]!;
      chirpI[at] = -sin[i]!;
    }
  ahead(chirpR, chirpI);
  return (real, imaginary) => {
    const [r, im] = [new Float64Array(m), new Float64Array(m)];
    for (let i = 0; i < n; i++) {
      r[i] = real[i]! * cos[i]! - imaginary[i]! * sin[i]!;
      im[i] = real[i]! * sin[i]! + imaginary[i]! * cos[i]!;
    }
    ahead(r, im);
    for (let i = 0; i < m; i++) {
      const [a, b] = [r[i]!, im[i]!];
      r[i] = a * chirpR[i]! - b * chirpI[i]!;
      im[i] = a * chirpI[i]! + b * chirpR[i]!;
    }
    back(r, im);
    for (let i = 0; i < n; i++) {
      real[i] = (r[i]! * cos[i]! - im[i]! * sin[i]!) / m;
      imaginary[i] = (r[i]! * sin[i]! + im[i]! * cos[i]!) / m;
    }
  };
}

function byHalves(n: number, sign: number): Line {
  const bits = Math.log2(n);
  const [cos, sin] = [new Float64Array(n / 2), new Float64Array(n / 2)];
  for (let i = 0; i < n / 2; i++) {
    cos[i] = Math.cos((2 * Math.PI * i) / n);
    sin[i] = sign * Math.sin((2 * Math.PI * i) / n);
  }
  const swapped = Int32Array.from({ length: n }, (_, i) => {
    let r = 0;
    for (let b = 0; b < bits; b++) r |= ((i >> b) & 1) << (bits - 1 - b);
    return r;
  });
  return (real, imaginary) => {
    for (let i = 0; i < n; i++) {
      const j = swapped[i]!;
      if (j <= i) continue;
      [real[i], real[j]] = [real[j]!, real[i]!];
      [imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!];
    }
    for (let size = 2; size <= n; size *= 2) {
      const [half, step] = [size / 2, n / size];
      for (let start = 0; start < n; start += size)
        for (let k = 0; k < half; k++) {
          const [a, b, w] = [start + k, start + k + half, k * step];
          const r = real[b]! * cos[w]! - imaginary[b]! * sin[w]!;
          const im = real[b]! * sin[w]! + imaginary[b]! * cos[w]!;
          real[b] = real[a]! - r;
          imaginary[b] = imaginary[a]! - im;
          real[a] = real[a]! + r;
          imaginary[a] = imaginary[a]! + im;
        }
    }
  };
}

/** Grid is complex numbers in dimensions. */
interface Grid {
  readonly shape: readonly number[];
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** along transforms each line of a dimension. */
function along(g: Grid, d: number, inverse: boolean): void {
  const n = g.shape[d]!;
  const inner = elementCount(g.shape.slice(d + 1));
  const line = newLine(n, inverse);
  const [r, im] = [new Float64Array(n), new Float64Array(n)];
  const scale = inverse ? 1 / n : 1;
  const outer = elementCount(g.shape.slice(0, d));
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const start = o * n * inner + i;
      for (let k = 0; k < n; k++) {
        r[k] = g.real[start + k * inner]!;
        im[k] = g.imaginary[start + k * inner]!;
      }
      line(r, im);
      for (let k = 0; k < n; k++) {
        g.real[start + k * inner] = r[k]! * scale;
        g.imaginary[start + k * inner] = im[k]! * scale;
      }
    }
}

const isComplex = (dtype: DType): boolean => dtype === DType.Complex64 || dtype === DType.Complex128;

/** gridOf reads a tensor as complex numbers, cut or filled up with zeros to a size of its last dimensions. */
function gridOf(t: Tensor, sizes: readonly number[]): Grid {
  const lead = t.shape.length - sizes.length;
  const shape = [...t.shape.slice(0, lead), ...sizes];
  const n = elementCount(shape);
  make(DType.Complex128, shape); // of a sane size
  const [real, imaginary] = [new Float64Array(n), new Float64Array(n)];
  const data = widen(t) as Float32Array;
  const width = isComplex(t.dtype) ? 2 : 1;
  const from = t.shape.map((_, d) => elementCount(t.shape.slice(d + 1)));
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < n; i++) {
    let [at, rest, inside] = [0, i, true];
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % shape[d]!;
      rest = Math.floor(rest / shape[d]!);
      if (index[d]! >= t.shape[d]!) inside = false;
      at += index[d]! * from[d]!;
    }
    if (!inside) continue;
    real[i] = data[at * width]!;
    imaginary[i] = width === 2 ? data[at * width + 1]! : 0;
  }
  return { shape, real, imaginary };
}

function complexOf(g: Grid, dtype: DType): Tensor {
  const out = make(dtype, g.shape);
  const to = out.data as Float32Array;
  for (let i = 0; i < g.real.length; i++) {
    to[2 * i] = g.real[i]!;
    to[2 * i + 1] = g.imaginary[i]!;
  }
  return out;
}

function ranked(t: Tensor, rank: number, sizes?: Tensor): readonly number[] {
  if (t.shape.length < rank) throw newError(Code.InvalidArgument, `Input must have rank of at least ${rank} but got: ${shapeText(t.shape)}`);
  if (sizes === undefined) return t.shape.slice(-rank);
  const list = ints(sizes);
  if (list.length !== rank) throw newError(Code.InvalidArgument, `fft_length must  have shape [${rank}]`);
  if (list.some((n) => n < 0)) throw newError(Code.InvalidArgument, `fft_length[0] must >= 0, but got: ${list.join(",")}`);
  return list;
}

function complexTransform(rank: number, inverse: boolean): KernelFactory {
  return (node) => (inputs) => {
    const t = tensorOf(inputs[0]);
    if (!isComplex(t.dtype)) throw newError(Code.Unimplemented, `${node.op} is not supported for ${dtypeName(t.dtype)}`);
    const g = gridOf(t, ranked(t, rank));
    for (let d = g.shape.length - rank; d < g.shape.length; d++) along(g, d, inverse);
    return complexOf(g, t.dtype);
  };
}

/** fromReal gives the first half of the last dimension: the rest mirrors it. */
function fromReal(rank: number): KernelFactory {
  return (node) => {
    const dtype = node.attrs.dtype("Tcomplex", DType.Complex64);
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const sizes = ranked(t, rank, tensorOf(inputs[1]));
      enough(t, sizes);
      const g = gridOf(t, sizes);
      for (let d = g.shape.length - rank; d < g.shape.length; d++) along(g, d, false);
      const n = g.shape.at(-1)!;
      const half = Math.floor(n / 2) + 1;
      return complexOf(lastOf(g, n === 0 ? 0 : half), dtype);
    };
  };
}

/** enough checks that the last dimensions are as long as is asked for. */
function enough(t: Tensor, sizes: readonly number[]): void {
  const lead = t.shape.length - sizes.length;
  sizes.forEach((size, i) => {
    const n = t.shape[lead + i]!;
    if (n < size && elementCount(t.shape) > 0)
      throw newError(Code.InvalidArgument, `Input dimension ${lead + i} must have length of at least ${size} but got: ${n}`);
  });
}

function lastOf(g: Grid, count: number): Grid {
  const n = g.shape.at(-1)!;
  const shape = [...g.shape.slice(0, -1), count];
  const [real, imaginary] = [new Float64Array(elementCount(shape)), new Float64Array(elementCount(shape))];
  for (let i = 0; i < real.length; i++) {
    const at = Math.floor(i / count) * n + (i % count);
    real[i] = g.real[at]!;
    imaginary[i] = g.imaginary[at]!;
  }
  return { shape, real, imaginary };
}

/** toReal takes the first half of the last dimension, and makes the other half of it. */
function toReal(rank: number): KernelFactory {
  return (node) => {
    const dtype = node.attrs.dtype("Treal", DType.Float);
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const sizes = ranked(t, rank, tensorOf(inputs[1]));
      const n = sizes.at(-1)!;
      const half = Math.floor(n / 2) + 1;
      enough(t, [...sizes.slice(0, -1), n === 0 ? 0 : half]);
      const g = gridOf(t, [...sizes.slice(0, -1), half]);
      const first = g.shape.length - rank;
      for (let d = first; d < g.shape.length - 1; d++) along(g, d, true);
      const shape = [...g.shape.slice(0, -1), n];
      const out = room(dtype, shape) as Float64Array;
      const line = newLine(n, true);
      const [r, im] = [new Float64Array(n), new Float64Array(n)];
      for (let row = 0; row * n < out.length; row++) {
        for (let k = 0; k < n; k++) {
          const mirror = k < half ? k : n - k;
          r[k] = g.real[row * half + mirror]!;
          im[k] = (k < half ? 1 : -1) * g.imaginary[row * half + mirror]!;
        }
        im[0] = 0;
        if (n % 2 === 0 && n > 0) im[n / 2] = 0;
        line(r, im);
        for (let k = 0; k < n; k++) out[row * n + k] = r[k]! / n;
      }
      return narrow(dtype, shape, out);
    };
  };
}

/** partOf makes a real number of each complex one. */
function partOf(f: (real: number, imaginary: number) => number): KernelFactory {
  return () => (inputs) => {
    const t = tensorOf(inputs[0]);
    if (!isComplex(t.dtype)) return t;
    const dtype = t.dtype === DType.Complex64 ? DType.Float : DType.Double;
    const from = t.data as Float32Array;
    const out = make(dtype, t.shape);
    const to = out.data as Float32Array;
    for (let i = 0; i < to.length; i++) to[i] = f(from[2 * i]!, from[2 * i + 1]!);
    return out;
  };
}

const complex: KernelFactory = () => (inputs) => {
  const [a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
  const shape = broadcast(a.shape, b.shape);
  const [p, q] = [offsets(a.shape, shape), offsets(b.shape, shape)];
  const out = make(a.dtype === DType.Double ? DType.Complex128 : DType.Complex64, shape);
  const to = out.data as Float32Array;
  for (let i = 0; i < p.length; i++) {
    to[2 * i] = a.data[p[i]!] as number;
    to[2 * i + 1] = b.data[q[i]!] as number;
  }
  return out;
};

const conjugate: KernelFactory = () => (inputs) => {
  const t = tensorOf(inputs[0]);
  if (!isComplex(t.dtype)) return t;
  return { ...t, data: (t.data as Float32Array).map((v, i) => (i % 2 === 1 ? -v : v)) };
};

export const transforms: Kernels = {
  FFT: complexTransform(1, false),
  FFT2D: complexTransform(2, false),
  FFT3D: complexTransform(3, false),
  IFFT: complexTransform(1, true),
  IFFT2D: complexTransform(2, true),
  IFFT3D: complexTransform(3, true),
  RFFT: fromReal(1),
  RFFT2D: fromReal(2),
  RFFT3D: fromReal(3),
  IRFFT: toReal(1),
  IRFFT2D: toReal(2),
  IRFFT3D: toReal(3),
  Real: partOf((real) => real),
  Imag: partOf((_, imaginary) => imaginary),
  ComplexAbs: partOf(Math.hypot),
  Angle: partOf((real, imaginary) => Math.atan2(imaginary, real)),
  Complex: complex,
  Conj: conjugate,
};
