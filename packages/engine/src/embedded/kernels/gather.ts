import { Code, newError } from "@tfs/std";
import { elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { Kernels } from "../kernel.ts";
import { axisOf, copyRun, int, ints, make } from "../shape.ts";
import { tensorOf } from "../value.ts";

/** gather takes slices of `params` along `axis`, the first `batchDims` dimensions shared with the indices. Throws for an index out of range. */
export function gather(params: Tensor, indices: Tensor, axis: number, batchDims: number): Tensor {
  const real = axisOf(axis, Math.max(1, params.shape.length));
  const batch = batchDims < 0 ? batchDims + indices.shape.length : batchDims;
  if (batch > real || batch > indices.shape.length)
    throw newError(Code.InvalidArgument, `batch_dims (${batchDims}) must be less than or equal to axis (${axis})`);
  for (let d = 0; d < batch; d++) {
    if (params.shape[d] !== indices.shape[d])
      throw newError(Code.InvalidArgument, `params.shape[${d}]: ${params.shape[d]} should be equal to indices.shape[${d}]: ${indices.shape[d]}`);
  }
  const limit = params.shape[real] ?? 1;
  const inner = elementCount(params.shape.slice(real + 1));
  const outer = elementCount(params.shape.slice(batch, real));
  const batches = elementCount(params.shape.slice(0, batch));
  const per = elementCount(indices.shape.slice(batch));
  const out = make(params.dtype, [...params.shape.slice(0, real), ...indices.shape.slice(batch), ...params.shape.slice(real + 1)]);
  if (elementCount(out.shape) === 0) return out; // TensorFlow does not look at indices then
  const at = ints(indices);
  const n = elementCount(params.shape);
  const width = n === 0 ? 1 : params.data.length / n;
  let to = 0;
  for (let b = 0; b < batches; b++) {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < per; i++) {
        const index = at[b * per + i]!;
        if (index < 0 || index >= limit) {
          const where = indices.shape.length === 0 ? "" : `[${place(b * per + i, indices.shape)}]`;
          throw newError(Code.InvalidArgument, `indices${where} = ${index} is not in [0, ${limit})`);
        }
        copyRun(params.data, ((b * outer + o) * limit + index) * inner * width, inner * width, out.data, to);
        to += inner * width;
      }
    }
  }
  return out;
}

/** place writes a flat position as indices: "1,3". */
function place(flat: number, shape: readonly number[]): string {
  const out: number[] = [];
  let rest = flat;
  for (let d = shape.length - 1; d >= 0; d--) {
    out.unshift(rest % shape[d]!);
    rest = Math.floor(rest / shape[d]!);
  }
  return out.join(",");
}

/** gatherNd takes what each index of the last dimension names. */
export function gatherNd(params: Tensor, indices: Tensor): Tensor {
  const depth = indices.shape.at(-1) ?? 0;
  if (depth > params.shape.length)
    throw newError(Code.InvalidArgument, `index innermost dimension length must be <= params rank; saw: ${depth} vs. ${params.shape.length}`);
  const rest = params.shape.slice(depth);
  const run = elementCount(rest);
  if (elementCount(params.shape) === 0 && elementCount(indices.shape) > 0)
    throw newError(Code.InvalidArgument, `Requested more than 0 entries, but params is empty.  Params shape: ${shapeText(params.shape)}`);
  const shape = [...indices.shape.slice(0, -1), ...rest];
  const out = make(params.dtype, shape);
  const at = ints(indices);
  const width = elementCount(params.shape) === 0 ? 1 : params.data.length / elementCount(params.shape);
  const rows = elementCount(indices.shape.slice(0, -1));
  for (let r = 0; r < rows; r++) {
    let flat = 0;
    for (let d = 0; d < depth; d++) {
      const index = at[r * depth + d]!;
      if (index < 0 || index >= params.shape[d]!)
        throw newError(
          Code.InvalidArgument,
          `indices[${place(r, indices.shape.slice(0, -1))}] = [${at.slice(r * depth, (r + 1) * depth).join(", ")}] does not index into param shape ${shapeText(params.shape)}`,
        );
      flat = flat * params.shape[d]! + index;
    }
    copyRun(params.data, flat * run * width, run * width, out.data, r * run * width);
  }
  return out;
}

export const gathers: Kernels = {
  Gather: () => (inputs) => gather(tensorOf(inputs[0]), tensorOf(inputs[1]), 0, 0),
  GatherV2: (node) => {
    const batchDims = node.attrs.int("batch_dims", 0);
    return (inputs) => gather(tensorOf(inputs[0]), tensorOf(inputs[1]), int(tensorOf(inputs[2])), batchDims);
  },
  GatherNd: () => (inputs) => gatherNd(tensorOf(inputs[0]), tensorOf(inputs[1])),
};
