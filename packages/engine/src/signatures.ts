import type { MetaGraphDef, TensorInfo } from "@tfs/proto";

/** initSignature is the one of TF2 exports that names the init op, and is nobody's to call. */
export const initSignature = "__saved_model_init_op";

/** tensorNames gives the graph tensors that some of a signature's inputs or outputs stand for; composites, which are several, are left out. */
export function tensorNames(infos: { readonly [alias: string]: TensorInfo }): string[] {
  return Object.values(infos).flatMap(({ encoding }) => (encoding.case === "name" ? [encoding.value] : []));
}

/** outputNames gives those of all outputs that may be asked for. */
export function outputNames({ signatureDef }: Pick<MetaGraphDef, "signatureDef">): string[] {
  return Object.entries(signatureDef).flatMap(([name, { outputs }]) => (name === initSignature ? [] : tensorNames(outputs)));
}
