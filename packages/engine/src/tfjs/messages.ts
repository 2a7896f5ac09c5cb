import type { Life as AnyLife, Packed, Thread as AnyThread } from "../thread/index.ts";

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

/** Done is what an answer holds: the number of a loaded model, the tensors of a run and the milliseconds that it took. */
export interface Done {
  readonly model?: number;
  readonly tensors?: readonly Packed[];
  readonly ms?: number;
}

/** Info is the version of the library, and whether it has found a GPU. */
export interface Info {
  readonly tensorflow: string;
  readonly gpu: boolean;
}

export type Life = AnyLife<Request, Done, Info>;
export type Thread = AnyThread<Request, Done, Info>;
