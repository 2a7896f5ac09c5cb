import { Code, newError } from "@tfs/std";
import { DType, dtypeName, type NumericData, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { make } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { narrow, room, widen } from "./math.ts";

interface Unary {
  readonly name: string;
  readonly float?: (x: number) => number;
  readonly int?: (x: number) => number;
  readonly big?: (x: bigint) => bigint;
}

const floats = new Set<DType>([DType.Float, DType.Double, DType.Half, DType.BFloat16]);

function apply(op: Unary, t: Tensor): Tensor {
  const big = t.dtype === DType.Int64 || t.dtype === DType.UInt64;
  const f = floats.has(t.dtype) ? op.float : big ? (op.big as unknown as ((x: number) => number) | undefined) : op.int;
  if (f === undefined || t.dtype === DType.String || t.dtype === DType.Bool || t.dtype === DType.Complex64 || t.dtype === DType.Complex128) {
    throw newError(Code.Unimplemented, `${op.name} is not supported for ${dtypeName(t.dtype)}`);
  }
  const from = widen(t) as Float32Array;
  const out = room(t.dtype, t.shape) as Float32Array;
  for (let i = 0; i < from.length; i++) out[i] = f(from[i]!);
  return narrow(t.dtype, t.shape, out);
}

function unary(op: Unary): KernelFactory {
  return () => (inputs) => apply(op, tensorOf(inputs[0]));
}

const float = (name: string, f: (x: number) => number): KernelFactory => unary({ name, float: f });

function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** erf by its series near 0 and by a continued fraction for erfc beyond: about 1e-15, far below float32's step. Source: Abramowitz and Stegun 7.1.5, 7.1.14. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 80; n++) {
      term *= (-a * a) / n;
      const part = term / (2 * n + 1);
      sum += part;
      if (Math.abs(part) < 1e-17 * Math.abs(sum)) break;
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  return Math.sign(x) * (1 - erfcFar(a));
}

/** erfcFar is erfc for arguments of 2.5 and up. */
function erfcFar(a: number): number {
  if (a > 27) return 0;
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (a + fraction);
  return Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
}

export function erfc(x: number): number {
  return x < 2.5 ? 1 - erf(x) : erfcFar(x);
}

/** Half to even, as TensorFlow's Round and Rint do. */
function rint(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Of -0 the sign is 0, as in Eigen. */
const sign = { name: "Sign", float: (x: number) => Math.sign(x) + 0, int: Math.sign, big: (x: bigint) => (x > 0n ? 1n : x < 0n ? -1n : 0n) };
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

function test(name: string, f: (x: number) => boolean): KernelFactory {
  return () => (inputs) => {
    const t = tensorOf(inputs[0]);
    if (!floats.has(t.dtype)) throw newError(Code.Unimplemented, `${name} is not supported for ${dtypeName(t.dtype)}`);
    const out = make(DType.Bool, t.shape);
    const [from, to] = [widen(t), out.data as Uint8Array];
    for (let i = 0; i < from.length; i++) to[i] = f(from[i] as number) ? 1 : 0;
    return out;
  };
}

/** cast converts as C does in TensorFlow's CPU kernels: floats to integers truncate, integers wrap, anything to bool is != 0. */
export function cast(t: Tensor, to: DType): Tensor {
  if (t.dtype === to) return t;
  if (t.dtype === DType.String || to === DType.String) throw newError(Code.Unimplemented, `Cast ${dtypeName(t.dtype)} to ${dtypeName(to)} is not supported`);
  const complexIn = t.dtype === DType.Complex64 || t.dtype === DType.Complex128;
  const complexOut = to === DType.Complex64 || to === DType.Complex128;
  const from = widen(t);
  const step = complexIn ? 2 : 1;
  const out = room(to, t.shape);
  const write = out as { [i: number]: number | bigint };
  const n = from.length / step;
  const bigOut = out instanceof BigInt64Array || out instanceof BigUint64Array;
  for (let i = 0; i < n; i++) {
    const x = from[i * step]!;
    if (to === DType.Bool) write[i] = Number(x) !== 0 ? 1 : 0;
    else if (bigOut) write[i] = typeof x === "bigint" ? x : toBig(x);
    else if (complexOut) {
      write[i * 2] = Number(x);
      write[i * 2 + 1] = complexIn ? (from[i * 2 + 1] as number) : 0;
    } else if (typeof x === "bigint") write[i] = floats.has(to) ? Number(x) : Number(BigInt.asIntN(32, x));
    else write[i] = floats.has(to) ? x : toInt(x, to);
  }
  return narrow(to, t.shape, out as NumericData);
}

function toBig(x: number): bigint {
  if (Number.isNaN(x) || x >= 2 ** 63 || x < -(2 ** 63)) return -(2n ** 63n); // x86's cvttss2si gives the smallest integer
  return BigInt(Math.trunc(x));
}

function toInt(x: number, to: DType): number {
  if (to === DType.Int32 && !(x < 2 ** 31 && x >= -(2 ** 31))) return -(2 ** 31); // likewise
  if (to === DType.UInt32) return Number.isFinite(x) ? Number(BigInt.asUintN(32, BigInt(Math.trunc(x)))) : 0;
  return Math.trunc(x);
}

export const unaries: Kernels = {
  Relu: unary({
    name: "Relu",
    float: (x) => (x < 0 ? 0 : x),
    int: (x) => (x < 0 ? 0 : x),
    big: (x) => (x < 0n ? 0n : x),
  }),
  Relu6: unary({
    name: "Relu6",
    float: (x) => (x < 0 ? 0 : x > 6 ? 6 : x),
    int: (x) => Math.min(6, Math.max(0, x)),
  }),
  Elu: float("Elu", (x) => (x < 0 ? Math.expm1(x) : x)),
  Selu: float("Selu", (x) => (x < 0 ? seluScale * seluAlpha * Math.expm1(x) : seluScale * x)),
  LeakyRelu: (node) => {
    const alpha = node.attrs.float("alpha", 0.2);
    return (inputs) => apply({ name: "LeakyRelu", float: (x) => (x < 0 ? x * alpha : x) }, tensorOf(inputs[0]));
  },
  Softplus: float("Softplus", (x) => (x > 20 ? x : Math.log1p(Math.exp(x)))),
  Softsign: float("Softsign", (x) => x / (1 + Math.abs(x))),
  Sigmoid: float("Sigmoid", sigmoid),
  Tanh: float("Tanh", Math.tanh),
  Exp: float("Exp", Math.exp),
  Expm1: float("Expm1", Math.expm1),
  Log: float("Log", Math.log),
  Log1p: float("Log1p", Math.log1p),
  Sqrt: float("Sqrt", Math.sqrt),
  Rsqrt: float("Rsqrt", (x) => 1 / Math.sqrt(x)),
  Sin: float("Sin", Math.sin),
  Cos: float("Cos", Math.cos),
  Tan: float("Tan", Math.tan),
  Asin: float("Asin", Math.asin),
  Acos: float("Acos", Math.acos),
  Atan: float("Atan", Math.atan),
  Sinh: float("Sinh", Math.sinh),
  Cosh: float("Cosh", Math.cosh),
  Erf: float("Erf", erf),
  Erfc: float("Erfc", erfc),
  Reciprocal: float("Reciprocal", (x) => 1 / x),
  Inv: float("Inv", (x) => 1 / x),
  Square: unary({
    name: "Square",
    float: (x) => x * x,
    int: (x) => Math.imul(x, x),
    big: (x) => x * x,
  }),
  Neg: unary({ name: "Neg", float: (x) => -x, int: (x) => -x, big: (x) => -x }),
  Abs: unary({ name: "Abs", float: Math.abs, int: Math.abs, big: (x) => (x < 0n ? -x : x) }),
  Sign: unary(sign),
  Floor: float("Floor", Math.floor),
  Ceil: float("Ceil", Math.ceil),
  Rint: float("Rint", rint),
  Round: unary({ name: "Round", float: rint, int: (x) => x, big: (x) => x }),
  IsNan: test("IsNan", Number.isNaN),
  IsFinite: test("IsFinite", Number.isFinite),
  IsInf: test("IsInf", (x) => x === Number.POSITIVE_INFINITY || x === Number.NEGATIVE_INFINITY),
  Cast: (node) => {
    const to = node.attrs.dtype("DstT");
    return (inputs) => cast(tensorOf(inputs[0]), to);
  },
};
