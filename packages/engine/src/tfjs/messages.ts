import type { Done, RunRequest, Thread as AnyThread } from "../thread/index.ts";

/** Request is what a thread is asked for. */
export type Request =
  | { readonly kind: "load"; readonly dir: string; readonly tags: readonly string[] }
  | RunRequest
  | { readonly kind: "unload"; readonly model: number };

/** Info is the version of the library, and whether it has found a GPU. */
export interface Info {
  readonly tensorflow: string;
  readonly gpu: boolean;
}

export type Thread = AnyThread<Request, Done, Info>;
