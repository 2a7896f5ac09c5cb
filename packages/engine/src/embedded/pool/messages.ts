import type { Done, Life as AnyLife, RunRequest, Thread as AnyThread } from "../../thread/index.ts";
import type { Holding } from "../model.ts";

/** Seed is all that another thread needs to run a model. What is large in it lies in shared memory, and is not copied. */
export interface Seed {
  /** metaGraph is the encoding of a MetaGraphDef. */
  readonly metaGraph: Uint8Array;
  readonly holding: Holding;
  /** memory is where all threads that run the model lay out its weights; undefined if there is but one. */
  readonly memory: WebAssembly.Memory | undefined;
}

/** Request is what a thread of the pool is asked for. */
export type Request =
  | { readonly kind: "take"; readonly seed: Seed }
  | (RunRequest & {
      /** leftMs is the time left until the deadline; Infinity without one. */
      readonly leftMs: number;
      /** stop becomes 1 when nobody waits for the run any more. */
      readonly stop: Int32Array;
    })
  | { readonly kind: "drop"; readonly model: number };

export type Life = AnyLife<Request, Done, undefined>;
export type Thread = AnyThread<Request, Done, undefined>;
