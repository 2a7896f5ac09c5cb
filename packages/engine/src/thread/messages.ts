import type { Code } from "@tfs/std";
import type { Packed } from "./packing.ts";

/** Asked is a request with the number that its answer carries. */
export interface Asked<Request> {
  readonly id: number;
  readonly request: Request;
}

/** RunRequest asks a thread to run a model. */
export interface RunRequest {
  readonly kind: "run";
  readonly model: number;
  readonly feeds: readonly string[];
  readonly tensors: readonly Packed[];
  readonly fetches: readonly string[];
}

/** Done answers who brings a model with its number, and a run with its tensors and the milliseconds that it took. */
export interface Done {
  readonly model?: number;
  readonly tensors?: readonly Packed[];
  readonly ms?: number;
}

/** Told is a failure on its way between threads. */
export interface Told {
  readonly code: Code;
  readonly message: string;
  readonly details: readonly Uint8Array[];
}

/** Said is what a thread says: first that it is ready, or why it is not, then its answers. */
export type Said<Done, Info> =
  | { readonly kind: "ready"; readonly info: Info }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "answer"; readonly id: number; readonly done: Done }
  | { readonly kind: "error"; readonly id: number; readonly failure: Told };
