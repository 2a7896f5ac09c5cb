import { tensorFlowOps } from "./tensorflow_ops_data.ts";

const known: ReadonlySet<string> = new Set(tensorFlowOps.split(" "));

/** unknownOps are those that TensorFlow 2.21 does not have either: custom ops, or misspelt ones. */
export function unknownOps(ops: readonly string[]): string[] {
  return ops.filter((op) => !known.has(op));
}

/** opsText names ops: "the op A", "the ops A, B". */
export function opsText(ops: readonly string[]): string {
  return `the op${ops.length > 1 ? "s" : ""} ${ops.join(", ")}`;
}

/** whoHas says which engine has ops that the embedded one lacks. */
export function whoHas(ops: readonly string[]): string {
  const unknown = unknownOps(ops);
  if (unknown.length > 0) return `no engine has ${opsText(unknown)}`;
  return `the tensorflow engine has ${ops.length > 1 ? "them" : "it"}`;
}
