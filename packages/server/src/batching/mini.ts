// What TensorFlow Serving does for TFLite where a pool has several interpreters (tflite_session.cc): the calls of a version are joined, and large ones divided.
import type { SignatureDef } from "@tfs/proto";
import type { Clock } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import type { Servable } from "../servable/index.ts";
import { type Batching, newBatching } from "./batching.ts";

export interface MiniOptions {
  /** pools is how many batches of a version run at a time. */
  readonly pools: number;
  /** perPool divides the rows that a call may have: the quotient is the most of one batch. */
  readonly perPool: number;
  /** outer puts its queues in front of these, and of all other versions; default nothing. */
  readonly outer: Batching | undefined;
  readonly clock: Clock;
  readonly defer: (fn: () => void) => void;
}

/** The most rows of a call, and how many batches may wait for each pool (kInitialBatchSize and max_enqueued_batches there). */
const maxRows = 500;
const batchesPerPool = 100;

/** newMiniBatching makes batching of versions that the tflite engine runs. It has no metrics, as in TensorFlow Serving. */
export function newMiniBatching({ pools, perPool, outer, clock, defer }: MiniOptions): Batching {
  const live = new Set<Batching>();
  async function joined(servable: Servable, dir: string): Promise<Servable> {
    const parameters = {
      maxBatchSize: maxRows,
      enableLargeBatchSplitting: true,
      maxExecutionBatchSize: Math.min(maxRows, fixedRows(servable.signatures) ?? Math.ceil(maxRows / perPool)),
      maxEnqueuedBatches: batchesPerPool * pools,
      numBatchThreads: pools,
    };
    const batching = newBatching({ parameters, cpus: pools, clock, metrics: newRegistry(), defer });
    const wrapped = await batching.wrap(servable, dir);
    live.add(batching);
    const close = async (): Promise<void> => {
      live.delete(batching);
      await wrapped.close();
    };
    return { ...wrapped, close };
  }
  return {
    async wrap(servable, dir) {
      const own = servable.chosen.engine === "tflite" ? await joined(servable, dir) : servable;
      return (await outer?.wrap(own, dir)) ?? own;
    },
    drain() {
      for (const batching of live) batching.drain();
      outer?.drain();
    },
  };
}

/** fixedRows is how many rows a model of one input takes, if it takes more than one. */
function fixedRows(signatures: ReadonlyMap<string, SignatureDef>): number | undefined {
  for (const { inputs } of signatures.values()) {
    const [only, ...more] = Object.values(inputs);
    const rows = more.length === 0 ? Number(only?.tensorShape?.dim[0]?.size ?? 0) : 0;
    if (rows > 1) return rows;
  }
  return undefined;
}
