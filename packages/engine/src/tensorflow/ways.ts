import { newTiming } from "../native/index.ts";

/**
 * Ways learns, by the size of what is fed, whether a graph that runs alone is quicker in the thread that asks or with its operations handed around among TensorFlow's
 * threads: that gains where branches are independent, and costs where they follow each other.
 */
export interface Ways {
  /** inCaller gives the way of the next run. Until both are known they take turns, and now and then the slower one is tried again. */
  inCaller(bytes: number): boolean;
  took(bytes: number, inCaller: boolean, ms: number): void;
}

/** One run in so many goes the way that was slower. */
const again = 64;

/** newWays makes one, for one set of fetches of one model. */
export function newWays(): Ways {
  const [caller, pool] = [newTiming(), newTiming()];
  let turn = 0;
  return {
    inCaller(bytes) {
      const [mine, theirs] = [caller.least(bytes), pool.least(bytes)];
      turn = (turn + 1) % again;
      if (mine === undefined && theirs === undefined) return turn % 2 === 0;
      if (mine === undefined || theirs === undefined) return mine === undefined;
      return mine <= theirs !== (turn === 0);
    },
    took: (bytes, inCaller, ms) => (inCaller ? caller : pool).took(bytes, ms),
  };
}
