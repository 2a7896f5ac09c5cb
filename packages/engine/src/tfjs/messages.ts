import type { Code } from "@tfs/std";
import type { Packed } from "./packing.ts";

/** Request is what a thread is asked for. */
export type Request =
  | { readonly kind: "load"; readonly dir: string; readonly tags: readonly string[] }
  | {
      readonly kind: "run";
      readonly model: number;
      readonly feeds: readonly string[];
      readonly tensors: readonly Packed[];
      readonly fetches: readonly string[];
    }
  | { readonly kind: "unload"; readonly model: number };

/** Asked is a request with the number that its answer carries. */
export interface Asked {
  readonly id: number;
  readonly request: Request;
}

/** Started is a thread's first word. */
export type Started = { readonly kind: "ready"; readonly tensorflow: string; readonly gpu: boolean } | { readonly kind: "failed"; readonly message: string };

/** Answer to a load is the model's number, to a run the tensors, and how many milliseconds it took. */
export type Answer =
  | { readonly kind: "answer"; readonly id: number; readonly model?: number; readonly tensors?: readonly Packed[]; readonly ms?: number }
  | { readonly kind: "error"; readonly id: number; readonly code: Code; readonly message: string };
