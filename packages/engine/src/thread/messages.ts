import type { Code } from "@tfs/std";

/** Asked is a request with the number that its answer carries. */
export interface Asked<Request> {
  readonly id: number;
  readonly request: Request;
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
