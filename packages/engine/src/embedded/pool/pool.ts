import { type Clock, systemClock } from "@tfs/std";
import { type Gate, newGate } from "../../native/index.ts";
import { compiledFile, type Done, newThread } from "../../thread/index.ts";
import type { Request, Thread } from "./messages.ts";

/** Runs that are with a thread: the one that it works on, and the next, so that it need not wait for it. */
const underWay = 2;

/** Place is a thread of the pool, and who waits for it. */
export interface Place {
  readonly thread: Thread;
  readonly gate: Gate;
}

/** Pool is some threads for the models of one engine. Each is there while a model has a copy in it. */
export interface Pool {
  readonly places: readonly Place[];
  readonly clock: Clock;
}

export interface PoolOptions {
  /** threads is how many there are at the most. */
  readonly threads: number;
  /** maxWaiting is how many runs may wait for each; default 4096. More are refused with ResourceExhausted. */
  readonly maxWaiting?: number;
  /** clock is for how often threads may die of a model; default the system's. */
  readonly clock?: Clock;
  /** file is what a thread runs; default this package's worker. */
  readonly file?: URL;
}

/** newPool starts nothing yet. */
export function newPool({ threads, maxWaiting, clock = systemClock(), file = compiledFile("embedded/pool/worker.js") }: PoolOptions): Pool {
  const place = (): Place => ({
    thread: newThread<Request, Done, undefined>({ file, name: "embedded", clock, maxDeaths: Number.POSITIVE_INFINITY }),
    gate: newGate({ places: underWay, ...(maxWaiting === undefined ? {} : { maxWaiting }) }),
  });
  return { places: Array.from({ length: threads }, place), clock };
}
