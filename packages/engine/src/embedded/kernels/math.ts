// Elementwise arithmetic over every dtype. A kernel is chosen by dtype once per call; the loops are flat.
import { Code, newError } from "@tfs/std";
import { bfloat16ToFloat32, DType, dtypeName, float32ToBfloat16, float32ToHalf, halfToFloat32, type NumericData, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { broadcast, checkSize, joinedBytes, make, offsets } from "../shape.ts";
import { tensorOf } from "../value.ts";

/** Binary says what an op is on each kind of number; a kind that is left out is not supported, as in TensorFlow. */
interface Binary {
  readonly name: string;
  readonly float?: (a: number, b: number) => number;
  readonly int?: (a: number, b: number) => number;
  readonly big?: (a: bigint, b: bigint) => bigint;
  readonly complex?: (out: NumericData, i: number, ar: number, ai: number, br: number, bi: number) => void;
}

const isInt = new Set<DType>([
  DType.Int32,
  DType.UInt8,
  DType.Int16,
  DType.Int8,
  DType.UInt16,
  DType.UInt32,
  DType.QInt8,
  DType.QUInt8,
  DType.QInt32,
  DType.Int4,
  DType.UInt4,
]);

/** widen gives 16-bit floats as float32, everything else as it is. */
export function widen(t: Tensor): NumericData {
  if (t.dtype === DType.Half) return halfToFloat32(t.data as Uint16Array);
  if (t.dtype === DType.BFloat16) return bfloat16ToFloat32(t.data as Uint16Array);
  return t.data as NumericData;
}

/** narrow undoes widen for a result. */
export function narrow(dtype: DType, shape: readonly number[], data: NumericData): Tensor {
  if (dtype === DType.Half) return { dtype, shape, data: float32ToHalf(data as Float32Array) };
  if (dtype === DType.BFloat16) return { dtype, shape, data: float32ToBfloat16(data as Float32Array) };
  return { dtype, shape, data };
}

/** room gives an array to compute a result of `dtype` in. */
export function room(dtype: DType, shape: readonly number[]): NumericData {
  return make(dtype === DType.Half || dtype === DType.BFloat16 ? DType.Float : dtype, shape).data as NumericData;
}

function sameType(a: Tensor, b: Tensor, op: string): void {
  if (a.dtype !== b.dtype) throw newError(Code.InvalidArgument, `${op} of ${dtypeName(a.dtype)} and ${dtypeName(b.dtype)}`);
}

function unsupported(op: string, dtype: DType): Error {
  return newError(Code.Unimplemented, `${op} is not supported for ${dtypeName(dtype)}`);
}

function apply(op: Binary, a: Tensor, b: Tensor): Tensor {
  sameType(a, b, op.name);
  const { dtype } = a;
  const shape = broadcast(a.shape, b.shape);
  const out = room(dtype, shape);
  const [x, y] = [widen(a), widen(b)];
  if (dtype === DType.Int64 || dtype === DType.UInt64) {
    if (op.big === undefined) throw unsupported(op.name, dtype);
    loop(op.big as unknown as (a: number, b: number) => number, x as Float64Array, y as Float64Array, out as Float64Array, a.shape, b.shape, shape);
  } else if (dtype === DType.Complex64 || dtype === DType.Complex128) {
    if (op.complex === undefined) throw unsupported(op.name, dtype);
    const [p, q] = [offsets(a.shape, shape), offsets(b.shape, shape)];
    for (let i = 0; i < p.length; i++) {
      const [j, k] = [p[i]! * 2, q[i]! * 2];
      op.complex(out, i * 2, x[j] as number, x[j + 1] as number, y[k] as number, y[k + 1] as number);
    }
  } else {
    const f = isInt.has(dtype) ? op.int : op.float;
    if (f === undefined || dtype === DType.Bool || dtype === DType.String) throw unsupported(op.name, dtype);
    loop(f, x as Float32Array, y as Float32Array, out as Float32Array, a.shape, b.shape, shape);
  }
  return narrow(dtype, shape, out);
}

type Numbers = { [i: number]: number; readonly length: number };

/** loop runs f over both, broadcast. The usual cases (same shape, a scalar, a suffix such as a bias) need no table of offsets. */
export function loop(
  f: (a: number, b: number) => number,
  x: Numbers,
  y: Numbers,
  out: Numbers,
  a: readonly number[],
  b: readonly number[],
  shape: readonly number[],
): void {
  const n = out.length;
  if (x.length === n && y.length === n) {
    for (let i = 0; i < n; i++) out[i] = f(x[i]!, y[i]!);
  } else if (x.length === n && isSuffix(b, shape)) {
    const m = y.length;
    for (let i = 0; i < n; i += m) for (let k = 0; k < m; k++) out[i + k] = f(x[i + k]!, y[k]!);
  } else if (y.length === n && isSuffix(a, shape)) {
    const m = x.length;
    for (let i = 0; i < n; i += m) for (let k = 0; k < m; k++) out[i + k] = f(x[k]!, y[i + k]!);
  } else {
    const [p, q] = [offsets(a, shape), offsets(b, shape)];
    for (let i = 0; i < n; i++) out[i] = f(x[p[i]!]!, y[q[i]!]!);
  }
}

/** isSuffix tells whether data of shape `part` simply repeats over `shape`: its dimensions but leading ones are the last of `shape`. */
function isSuffix(part: readonly number[], shape: readonly number[]): boolean {
  let lead = 0;
  while (lead < part.length && part[lead] === 1) lead++;
  const rest = part.slice(lead);
  return rest.every((d, i) => d === shape[shape.length - rest.length + i]);
}

const byZero = () => newError(Code.InvalidArgument, "Integer division by zero");
const floorDiv = (a: number, b: number): number => Math.floor(a / b);
const floorMod = (a: number, b: number): number => {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
};
const bigFloorMod = (a: bigint, b: bigint): bigint => {
  if (b === 0n) throw byZero();
  const r = a % b;
  return r !== 0n && r < 0n !== b < 0n ? r + b : r;
};
const nonZero =
  (f: (a: number, b: number) => number) =>
  (a: number, b: number): number => {
    if (b === 0) throw byZero();
    return f(a, b);
  };
const bigTruncate = (a: bigint, b: bigint): bigint => {
  if (b === 0n) throw byZero();
  return a / b;
};
/** Eigen's max and min give NaN if either is NaN, as Math's do. */
const add: Binary = {
  name: "Add",
  float: (a, b) => a + b,
  int: (a, b) => a + b,
  big: (a, b) => a + b,
  complex: (out, i, ar, ai, br, bi) => {
    out[i] = ar + br;
    out[i + 1] = ai + bi;
  },
};
const subtract: Binary = {
  name: "Sub",
  float: (a, b) => a - b,
  int: (a, b) => a - b,
  big: (a, b) => a - b,
  complex: (out, i, ar, ai, br, bi) => {
    out[i] = ar - br;
    out[i + 1] = ai - bi;
  },
};
const multiply: Binary = {
  name: "Mul",
  float: (a, b) => a * b,
  int: Math.imul,
  big: (a, b) => a * b,
  complex: (out, i, ar, ai, br, bi) => {
    out[i] = ar * br - ai * bi;
    out[i + 1] = ar * bi + ai * br;
  },
};
const divide: Binary = {
  name: "RealDiv",
  float: (a, b) => a / b,
  complex: (out, i, ar, ai, br, bi) => {
    const d = br * br + bi * bi;
    out[i] = (ar * br + ai * bi) / d;
    out[i + 1] = (ai * br - ar * bi) / d;
  },
};

export function addTensors(a: Tensor, b: Tensor): Tensor {
  return apply(add, a, b);
}
export function subtractTensors(a: Tensor, b: Tensor): Tensor {
  return apply(subtract, a, b);
}

function binary(op: Binary): KernelFactory {
  return () => (inputs) => apply(op, tensorOf(inputs[0]), tensorOf(inputs[1]));
}

const addAny: KernelFactory = () => (inputs) => {
  const [a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
  return a.dtype === DType.String && b.dtype === DType.String ? joinStrings(a, b) : apply(add, a, b);
};

function joinStrings(a: Tensor, b: Tensor): Tensor {
  const shape = broadcast(a.shape, b.shape);
  const [p, q] = [offsets(a.shape, shape), offsets(b.shape, shape)];
  const [x, y] = [a.data as readonly Uint8Array[], b.data as readonly Uint8Array[]];
  checkSize(DType.String, shape, joinedBytes([x, y], [p, q]));
  return { dtype: DType.String, shape, data: Array.from(p, (at, i) => new Uint8Array([...x[at]!, ...y[q[i]!]!])) };
}

const powInt = (a: number, b: number): number => {
  if (b < 0) throw newError(Code.InvalidArgument, "Integers to negative integer powers are not allowed");
  let result = 1;
  for (let base = a | 0, e = b; e > 0; e = Math.floor(e / 2), base = Math.imul(base, base)) if (e % 2 === 1) result = Math.imul(result, base);
  return result;
};

export const math: Kernels = {
  Add: addAny,
  AddV2: addAny,
  BiasAdd: (node) => {
    if (node.attrs.string("data_format", "NHWC") !== "NHWC") throw newError(Code.Unimplemented, `BiasAdd ${node.name}: only NHWC is supported`);
    return (inputs) => {
      const [value, bias] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
      if (bias.shape.length !== 1 || bias.shape[0] !== value.shape.at(-1)) {
        throw newError(
          Code.InvalidArgument,
          `Must provide as many biases as the last dimension of the input tensor: [${bias.shape.join(",")}] vs. [${value.shape.join(",")}]`,
        );
      }
      return apply(add, value, bias);
    };
  },
  AddN: () => (inputs) => inputs.slice(1).map(tensorOf).reduce(addTensors, tensorOf(inputs[0])),
  Sub: binary(subtract),
  Mul: binary(multiply),
  RealDiv: binary(divide),
  Div: binary({ ...divide, name: "Div", int: nonZero((a, b) => Math.trunc(a / b)), big: bigTruncate }),
  TruncateDiv: binary({ name: "TruncateDiv", int: nonZero((a, b) => Math.trunc(a / b)), big: bigTruncate }),
  FloorDiv: binary({ name: "FloorDiv", float: floorDiv, int: nonZero(floorDiv), big: (a, b) => (a - bigFloorMod(a, b)) / b }),
  FloorMod: binary({ name: "FloorMod", float: floorMod, int: nonZero(floorMod), big: bigFloorMod }),
  Mod: binary({ name: "Mod", float: (a, b) => a % b, int: nonZero((a, b) => a % b), big: (a, b) => a - bigTruncate(a, b) * b }),
  DivNoNan: binary({ name: "DivNoNan", float: (a, b) => (b === 0 ? 0 : a / b) }),
  MulNoNan: binary({ name: "MulNoNan", float: (a, b) => (b === 0 ? 0 : a * b) }),
  Maximum: binary({ name: "Maximum", float: Math.max, int: Math.max, big: (a, b) => (a > b ? a : b) }),
  Minimum: binary({ name: "Minimum", float: Math.min, int: Math.min, big: (a, b) => (a < b ? a : b) }),
  SquaredDifference: binary({
    name: "SquaredDifference",
    float: (a, b) => (a - b) * (a - b),
    int: (a, b) => Math.imul(a - b, a - b),
    big: (a, b) => (a - b) * (a - b),
  }),
  Pow: binary({ name: "Pow", float: (a, b) => a ** b, int: powInt }),
  Atan2: binary({ name: "Atan2", float: Math.atan2 }),
  BitwiseAnd: binary({ name: "BitwiseAnd", int: (a, b) => a & b, big: (a, b) => a & b }),
  BitwiseOr: binary({ name: "BitwiseOr", int: (a, b) => a | b, big: (a, b) => a | b }),
  BitwiseXor: binary({ name: "BitwiseXor", int: (a, b) => a ^ b, big: (a, b) => a ^ b }),
};
