import { DType, fromBytes, newTensor, parseDType, type Tensor } from "../index.ts";

/** GoldenTensor is a tensor in a golden file: raw little-endian content, or byte strings, in base64. */
export interface GoldenTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly content?: string;
  readonly strings?: readonly string[];
}

export function goldenTensor(golden: GoldenTensor): Tensor {
  const dtype = parseDType(golden.dtype);
  if (dtype === undefined) throw new Error(`a golden tensor of ${golden.dtype}`);
  if (dtype === DType.String) return newTensor(dtype, golden.shape, (golden.strings ?? []).map(fromBase64));
  return fromBytes(dtype, golden.shape, fromBase64(golden.content ?? ""));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
