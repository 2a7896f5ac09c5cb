// Products of matrices. Floats and doubles go to our own WebAssembly; small ones and other dtypes stay on the host.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, reshape, shapeText, type Tensor } from "@tfs/tensor";
import type { After } from "../graph/index.ts";
import type { Kernel, KernelFactory, Kernels, Node, State } from "../kernel.ts";
import { productMs } from "../leash.ts";
import { broadcast, make, offsets } from "../shape.ts";
import { type Arena, type Ending, type Matrix, type Numbers, plain } from "../simd/index.ts";
import { tensorOf } from "../value.ts";
import { permuted } from "./array.ts";
import { narrow, room, widen } from "./math.ts";

/** Below this many multiplications the host is faster than a call into WebAssembly, with its copies to and fro. */
const hostProducts = 512;

/** Its is what a kernel computes with. */
type Its = Pick<State, "simd" | "arena" | "leash">;

function matMul({ simd, arena, leash }: Its, a: Tensor, b: Tensor, ta: boolean, tb: boolean, after?: After, bias?: Tensor): Tensor {
  if (a.shape.length !== 2) throw newError(Code.InvalidArgument, `In[0] and In[1] has different ndims: ${shapeText(a.shape)} vs. ${shapeText(b.shape)}`);
  const [m, k] = ta ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [k2, n] = tb ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  if (b.shape.length !== 2 || k !== k2)
    throw newError(Code.InvalidArgument, `Matrix size-incompatible: In[0]: ${shapeText(a.shape)}, In[1]: ${shapeText(b.shape)}`);
  if (a.dtype !== b.dtype) throw newError(Code.InvalidArgument, `MatMul of ${dtypeName(a.dtype)} and ${dtypeName(b.dtype)}`);
  leash?.step(productMs(m * n * k, !isMultiplied(a)));
  if (!isMultiplied(a) || (after === undefined && m * n * k < hostProducts)) return hostMatMul(a, b, ta, tb, m, k, n);
  const out = resultOf(arena, a.dtype, [m, n]);
  simd.multiply(matrix(a, ta), matrix(b, tb), out.data as Numbers, after === undefined ? plain : endingOf(after, bias, n));
  return out;
}

/** isMultiplied tells whether WebAssembly multiplies what a tensor has. */
export function isMultiplied({ dtype }: Tensor): boolean {
  return dtype === DType.Float || dtype === DType.Double;
}

/** resultOf makes room for a product: floats lie in the run's arena, doubles do not. */
export function resultOf(arena: Arena, dtype: DType, shape: readonly number[]): Tensor {
  return dtype === DType.Float ? arena.make(shape) : make(dtype, shape);
}

/** endingOf says to WebAssembly what is done to sums. A bias is a constant of as many values as there are columns. */
export function endingOf({ low, high }: After, bias: Tensor | undefined, columns: number): Ending {
  if (bias !== undefined && bias.data.length !== columns) throw newError(Code.Internal, `a bias of shape ${shapeText(bias.shape)} for ${columns} columns`);
  return { bias: bias?.data as Float32Array | undefined, low, high };
}

function matrix({ data, shape }: Tensor, transposed: boolean): Matrix {
  return { data: data as Numbers, rows: shape[0]!, columns: shape[1]!, transposed };
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
export function batchMatMul(its: Its, a: Tensor, b: Tensor, ta: boolean, tb: boolean): Tensor {
  const rank = (t: Tensor): number => t.shape.length;
  if (rank(a) < 2 || rank(b) < 2) throw newError(Code.InvalidArgument, `In[0] ndims must be >= 2: ${shapeText(a.shape)} and ${shapeText(b.shape)}`);
  if (rank(a) === 2 && rank(b) === 2) return matMul(its, a, b, ta, tb);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = broadcast(batchA, batchB);
  const [matA, matB] = [a.shape.slice(-2), b.shape.slice(-2)];
  const [sizeA, sizeB] = [elementCount(matA), elementCount(matB)];
  if (!ta && elementCount(batchB) === 1 && elementCount(batch) === elementCount(batchA)) {
    // One right matrix for all: one product of all rows.
    const rows = matMul(its, reshape(a, [elementCount(batchA) * matA[0]!, matA[1]!]), reshape(b, matB), false, tb);
    return reshape(rows, [...batch, matA[0]!, rows.shape[1]!]);
  }
  const [atA, atB] = [offsets(batchA, batch), offsets(batchB, batch)];
  const shape = [...batch, ta ? matA[1]! : matA[0]!, tb ? matB[0]! : matB[1]!];
  const [m, k] = ta ? [matA[1]!, matA[0]!] : [matA[0]!, matA[1]!];
  if (isMultiplied(a) && b.dtype === a.dtype && k === (tb ? matB[1] : matB[0]) && elementCount(shape) > 0 && k > 0) {
    const out = resultOf(its.arena, a.dtype, shape);
    const n = shape.at(-1)!;
    its.leash?.step(productMs(elementCount(shape) * k));
    const x = { ...matrix({ ...a, shape: matA }, ta), wide: matA[1]!, at: atA.map((i) => i * sizeA) };
    const y = { ...matrix({ ...b, shape: matB }, tb), wide: matB[1]!, at: atB.map((i) => i * sizeB) };
    its.simd.multiplyEach(x, y, { data: out.data as Numbers, wide: n, at: atA.map((_, i) => i * m * n) });
    return out;
  }
  const out = make(a.dtype, shape);
  const size = m * shape.at(-1)!;
  for (let i = 0; i < atA.length; i++) {
    const x: Tensor = { dtype: a.dtype, shape: matA, data: (a.data as Float32Array).subarray(atA[i]! * sizeA, (atA[i]! + 1) * sizeA) };
    const y: Tensor = { dtype: b.dtype, shape: matB, data: (b.data as Float32Array).subarray(atB[i]! * sizeB, (atB[i]! + 1) * sizeB) };
    (out.data as Float32Array).set(matMul(its, x, y, ta, tb).data as Float32Array, i * size);
  }
  return out;
}

const batched: KernelFactory = (node) => {
  const [x, y] = [node.attrs.bool("adj_x", false), node.attrs.bool("adj_y", false)];
  return (inputs, state) => batchMatMul(state, tensorOf(inputs[0]), tensorOf(inputs[1]), x, y);
};

export function product(node: Node, after?: After): Kernel {
  const [ta, tb] = [node.attrs.bool("transpose_a", false), node.attrs.bool("transpose_b", false)];
  return (inputs, state) => matMul(state, tensorOf(inputs[0]), tensorOf(inputs[1]), ta, tb, after, after?.bias === true ? tensorOf(inputs[2]) : undefined);
}

export const products: Kernels = {
  MatMul: (node) => product(node),
  BatchMatMul: batched,
  BatchMatMulV2: batched,
  BatchMatMulV3: batched,
};
