import type { MetaGraphDef, TensorInfo } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, toDType } from "@tfs/tensor";
import { initSignature } from "../signatures.ts";

/** What the addon makes tensors of (CreateTFE_TensorHandleFromTypedArray in tfjs_backend.cc), and what it reads (CopyTFE_TensorHandleDataToJSData). */
const taken: ReadonlySet<number> = new Set([DType.Float, DType.Int32, DType.Int64, DType.UInt8, DType.Bool, DType.String]);
const given: ReadonlySet<number> = new Set([DType.Float, DType.Int32, DType.Int64, DType.Bool, DType.String, DType.Complex64]);

/** takes tells whether a tensor of this dtype can be fed. */
export function takes(dtype: DType): boolean {
  return taken.has(dtype);
}

/** gives tells whether a tensor of this dtype can be fetched. A number from the addon, which may be no dtype of ours. */
export function gives(dtype: number): boolean {
  return given.has(dtype);
}

/** checkDtypes holds a model's signatures to what the addon can carry. Throws Unimplemented naming every dtype that it cannot, and where it is wanted. */
export function checkDtypes({ signatureDef }: MetaGraphDef): void {
  const faults = new Map<string, string[]>();
  const fault = (what: string, where: string): void => void faults.set(what, [...(faults.get(what) ?? []), where]);
  for (const [name, { inputs, outputs }] of Object.entries(signatureDef)) {
    if (name === initSignature) continue;
    for (const [alias, info] of Object.entries(inputs)) if (!taken.has(base(info))) fault(nameOf(info), `input ${alias} of signature ${name}`);
    for (const [alias, info] of Object.entries(outputs)) if (!given.has(base(info))) fault(nameOf(info), `output ${alias} of signature ${name}`);
  }
  if (faults.size === 0) return;
  const list = [...faults].map(([what, where]) => `${what} (${where.join(", ")})`).join(", ");
  throw newError(Code.Unimplemented, `the tfjs engine does not have ${list}`);
}

function base(info: TensorInfo): number {
  return toDType(info.dtype) ?? 0;
}

function nameOf(info: TensorInfo): string {
  const dtype = toDType(info.dtype);
  return dtype === undefined ? `dtype ${info.dtype}` : dtypeName(dtype);
}
