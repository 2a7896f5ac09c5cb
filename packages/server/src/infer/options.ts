import type { ModelSpec } from "@tfs/proto";
import type { Manager } from "../manager/index.ts";
import type { Servable } from "../servable/index.ts";
import type { CallLog } from "./kept.ts";

/** Models is what the verbs need of the manager. */
export interface Models extends Pick<Manager, "status"> {
  acquire(spec: ModelSpec | undefined): Disposable & { readonly servable: Servable };
}

/** InferOptions is what every verb needs. */
export interface InferOptions {
  readonly manager: Models;
  /** checkMethodName holds calls to the method name that a signature declares. */
  readonly checkMethodName: boolean;
  /** log hears of calls that were answered; default nobody. */
  readonly log?: CallLog;
}

/** The signature that is meant when a request names none. */
export const defaultSignature = "serving_default";
