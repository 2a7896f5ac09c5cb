import { Code, newError } from "@tfs/std";
import { DType, dtypeName, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { broadcast, make, offsets } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { loop, widen } from "./math.ts";

/** comparable makes byte strings comparable: one char per byte. */
function comparable(t: Tensor): ArrayLike<unknown> {
  if (t.dtype === DType.String) return (t.data as readonly Uint8Array[]).map((b) => Buffer.from(b).toString("latin1"));
  return widen(t);
}

function comparison(name: string, f: (a: number, b: number) => boolean, complex?: "equal" | "different"): KernelFactory {
  return () => (inputs) => {
    const [a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    if (a.dtype !== b.dtype) throw newError(Code.InvalidArgument, `${name} of ${dtypeName(a.dtype)} and ${dtypeName(b.dtype)}`);
    const shape = broadcast(a.shape, b.shape);
    const out = make(DType.Bool, shape);
    const to = out.data as Uint8Array;
    if (a.dtype === DType.Complex64 || a.dtype === DType.Complex128) {
      if (complex === undefined) throw newError(Code.Unimplemented, `${name} is not supported for ${dtypeName(a.dtype)}`);
      const [x, y, p, q] = [a.data as Float32Array, b.data as Float32Array, offsets(a.shape, shape), offsets(b.shape, shape)];
      for (let i = 0; i < p.length; i++) {
        const equal = x[p[i]! * 2] === y[q[i]! * 2] && x[p[i]! * 2 + 1] === y[q[i]! * 2 + 1];
        to[i] = equal === (complex === "equal") ? 1 : 0;
      }
      return out;
    }
    loop((x, y) => (f(x, y) ? 1 : 0), comparable(a) as Float32Array, comparable(b) as Float32Array, to, a.shape, b.shape, shape);
    return out;
  };
}

function logical(f: (a: number, b: number) => number): KernelFactory {
  return () => (inputs) => {
    const [a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    if (a.dtype !== DType.Bool || b.dtype !== DType.Bool) throw newError(Code.InvalidArgument, "a logical op takes bools");
    const shape = broadcast(a.shape, b.shape);
    const out = make(DType.Bool, shape);
    loop(f, a.data as Uint8Array, b.data as Uint8Array, out.data as Uint8Array, a.shape, b.shape, shape);
    return out;
  };
}

/** select broadcasts all three; v1's Select takes a condition of rank 1 that picks whole rows. */
function select(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  if (condition.dtype !== DType.Bool) throw newError(Code.InvalidArgument, "the condition must be bool");
  if (a.dtype !== b.dtype) throw newError(Code.InvalidArgument, `select between ${dtypeName(a.dtype)} and ${dtypeName(b.dtype)}`);
  const shape = broadcast(condition.shape, broadcast(a.shape, b.shape));
  const out = make(a.dtype, shape);
  const [c, p, q] = [offsets(condition.shape, shape), offsets(a.shape, shape), offsets(b.shape, shape)];
  const width = c.length === 0 ? 1 : out.data.length / c.length;
  const [pick, to] = [condition.data as Uint8Array, out.data as unknown as { [i: number]: unknown }];
  for (let i = 0; i < c.length; i++) {
    const yes = pick[c[i]!] !== 0;
    const from = (yes ? a : b).data;
    const at = (yes ? p : q)[i]! * width;
    for (let k = 0; k < width; k++) to[i * width + k] = from[at + k];
  }
  return out;
}

export const compare: Kernels = {
  Less: comparison("Less", (a, b) => a < b),
  LessEqual: comparison("LessEqual", (a, b) => a <= b),
  Greater: comparison("Greater", (a, b) => a > b),
  GreaterEqual: comparison("GreaterEqual", (a, b) => a >= b),
  Equal: comparison("Equal", (a, b) => a === b, "equal"),
  NotEqual: comparison("NotEqual", (a, b) => a !== b, "different"),
  LogicalAnd: logical((a, b) => a & b),
  LogicalOr: logical((a, b) => a | b),
  LogicalNot: () => (inputs) => {
    const t = tensorOf(inputs[0]);
    if (t.dtype !== DType.Bool) throw newError(Code.InvalidArgument, "LogicalNot takes bools");
    return { ...t, data: (t.data as Uint8Array).map((v) => (v === 0 ? 1 : 0)) };
  },
  SelectV2: () => (inputs) => select(tensorOf(inputs[0]), tensorOf(inputs[1]), tensorOf(inputs[2])),
  Select: () => (inputs) => {
    const [condition, a, b] = [tensorOf(inputs[0]), tensorOf(inputs[1]), tensorOf(inputs[2])];
    const rows = condition.shape.length === 1 && a.shape.length > 1;
    const fits = condition.shape.length === 0 || (rows ? condition.shape[0] === a.shape[0] : shapeText(condition.shape) === shapeText(a.shape));
    if (!fits || shapeText(a.shape) !== shapeText(b.shape))
      throw newError(Code.InvalidArgument, `Select of shapes ${[condition, a, b].map((t) => shapeText(t.shape)).join(", ")}`);
    return select(rows ? { ...condition, shape: [...condition.shape, ...a.shape.slice(1).map(() => 1)] } : condition, a, b);
  },
  Where: () => (inputs) => {
    const t = tensorOf(inputs[0]);
    const data = widen(t);
    const found: bigint[] = [];
    let rows = 0;
    for (let i = 0; i < data.length; i++) {
      if (Number(data[i]) === 0) continue;
      rows++;
      let rest = i;
      const index: bigint[] = [];
      for (let d = t.shape.length - 1; d >= 0; d--) {
        index.unshift(BigInt(rest % t.shape[d]!));
        rest = Math.floor(rest / t.shape[d]!);
      }
      found.push(...index);
    }
    return { dtype: DType.Int64, shape: [rows, t.shape.length], data: BigInt64Array.from(found) };
  },
};
