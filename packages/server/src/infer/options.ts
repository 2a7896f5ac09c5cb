import type { Manager } from "../manager/index.ts";

/** Models is what the verbs need of the manager. */
export type Models = Pick<Manager, "acquire" | "status">;

/** InferOptions is what every verb needs. */
export interface InferOptions {
  readonly manager: Models;
  /** checkMethodName holds calls to the method name that a signature declares. */
  readonly checkMethodName: boolean;
}

/** The signature that is meant when a request names none. */
export const defaultSignature = "serving_default";
