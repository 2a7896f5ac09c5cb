import type { ModelSpec } from "@tfs/proto";
import type { Manager } from "../manager/index.ts";
import type { Servable } from "../servable/index.ts";
import type { CallLog } from "./kept.ts";
import type { Runs } from "./runs.ts";

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
  readonly runs: Runs;
}

/** Seen is told which version and signature a call has come to, as soon as that is known, so that whoever made the call can count it under both. */
export interface Seen {
  /** found: the version is there. Whether it has the signature is not known yet. */
  found(servable: Servable, signature: string): void;
}

/** The signature that is meant when a request names none. */
export const defaultSignature = "serving_default";
