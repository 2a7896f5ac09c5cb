import type { Keep } from "../infer/index.ts";
import type { Collector } from "./collector.ts";

/** Log is what models with one configuration share: TensorFlow Serving's RequestLogger. */
export interface Log {
  /** rate is the part of calls that is kept, 0 to 1. */
  readonly rate: number;
  /** metadata is the part of each record's that is always the same, serialised. */
  readonly metadata: Uint8Array;
  readonly collector: Collector;
  /** collectorKey tells collectors apart: configurations that differ only in sampling write to the same files. */
  readonly collectorKey: string;
}

/** Logged is a model that is logged. */
export interface Logged {
  readonly model: string;
  readonly log: Log;
  readonly keep: Keep;
}
