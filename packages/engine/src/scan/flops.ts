import { DType, elementCount, type Tensor } from "@tfs/tensor";
import { type Attrs, countsByInput, countsByOutput } from "../embedded/index.ts";

/** flopsOf estimates the operations that an op has made of its inputs: a multiplication with its addition counts as two, a byte of a string as one, moves as none. */
export function flopsOf(op: string, attrs: Attrs, inputs: readonly (Tensor | undefined)[], outputs: readonly (Tensor | undefined)[]): number {
  const size = (t: Tensor | undefined): number => (t === undefined ? 0 : elementCount(t.shape));
  const [a, b, c] = inputs;
  const out = outputs[0];
  switch (op) {
    case "MatMul":
      return 2 * size(out) * (a?.shape.at(attrs.bool("transpose_a", false) ? -2 : -1) ?? 0);
    case "BatchMatMul":
    case "BatchMatMulV2":
    case "BatchMatMulV3":
      return 2 * size(out) * (a?.shape.at(attrs.bool("adj_x", false) ? -2 : -1) ?? 0);
    case "Conv2D":
    case "Conv3D":
      return (2 * size(out) * size(b)) / Math.max(1, b?.shape.at(-1) ?? 1);
    case "DepthwiseConv2dNative":
      return 2 * size(out) * (b?.shape[0] ?? 0) * (b?.shape[1] ?? 0);
    case "Conv2DBackpropInput":
    case "Conv3DBackpropInputV2":
      return (2 * size(c) * size(b)) / Math.max(1, b?.shape.at(-1) ?? 1);
    case "Einsum":
      return einsum(attrs.string("equation"), inputs);
    case "MaxPool":
    case "AvgPool":
    case "MaxPool3D":
    case "AvgPool3D":
      return size(out) * attrs.ints("ksize").reduce((x, y) => x * y, 1);
    case "FusedBatchNorm":
    case "FusedBatchNormV2":
    case "FusedBatchNormV3":
      return 2 * size(out);
    default:
      return countsByOutput(op) ? size(out) : countsByInput(op) ? size(a) : moves.has(op) ? 0 : textOf(inputs);
  }
}

/** Ops that pass strings on without a look at them. */
const moves: ReadonlySet<string> = new Set(
  "Identity IdentityN Reshape Squeeze ExpandDims Gather GatherV2 GatherNd Pack Unpack Concat ConcatV2 Slice StridedSlice Transpose Tile Fill Shape Size Rank Where Select SelectV2 Enter Exit Switch Merge NextIteration".split(
    " ",
  ),
);

/** textOf is how many bytes the strings among inputs have. */
function textOf(inputs: readonly (Tensor | undefined)[]): number {
  let bytes = 0;
  for (const t of inputs) if (t?.dtype === DType.String) for (const s of t.data as readonly Uint8Array[]) bytes += s.length;
  return bytes;
}

/** einsum multiplies the sizes of all labels; an ellipsis stands for the dimensions that have none. */
function einsum(equation: string, inputs: readonly (Tensor | undefined)[]): number {
  const sizes = new Map<string, number>();
  const terms = (equation.split("->")[0] ?? "").split(",");
  terms.forEach((term, k) => {
    const shape = inputs[k]?.shape ?? [];
    const [before = "", after] = term.split("...");
    [...before].forEach((label, d) => void sizes.set(label, shape[d] ?? 1));
    if (after === undefined) return;
    const last = shape.length - after.length;
    for (let d = before.length; d < last; d++) sizes.set(`...${last - d}`, Math.max(sizes.get(`...${last - d}`) ?? 1, shape[d] ?? 1));
    [...after].forEach((label, d) => void sizes.set(label, shape[last + d] ?? 1));
  });
  return terms.length * [...sizes.values()].reduce((x, y) => x * y, 1);
}
