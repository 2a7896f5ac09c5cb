import type { Definition } from "./registry.ts";

export interface HistogramDefinition extends Definition {
  /** bounds of the buckets, rising and finite; the last bucket, up to infinity, is added. */
  readonly bounds: readonly number[];
  /**
   * atBound says where an observation equal to a bound is counted: in the bucket "below" it (Prometheus: `le`, the default), or "above" (TensorFlow,
   * whose bounds are exclusive).
   */
  readonly atBound?: "below" | "above";
}

/** Buckets is what a histogram has counted. */
export interface Buckets {
  readonly bounds: readonly number[];
  /** counts has one entry more than bounds, each for its own bucket alone (not cumulative). */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
  /** exemplars are the last observation in each bucket that came with a trace. */
  readonly exemplars?: readonly (Exemplar | undefined)[];
}

/** Exemplar is one observation, and the trace of what was observed. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
}

/** exponential gives `count` bounds: start, start·growth, start·growth²… (TensorFlow's Buckets::Exponential without its infinity). */
export function exponential(start: number, growth: number, count: number): number[] {
  const bounds: number[] = [];
  for (let i = 0, bound = start; i < count; i++, bound *= growth) bounds.push(bound);
  return checkBounds(bounds);
}

/** checkBounds returns bounds that rise and are finite; anything else is a mistake in the program. */
export function checkBounds(bounds: readonly number[]): number[] {
  bounds.forEach((bound, i) => {
    if (!Number.isFinite(bound) || (i > 0 && bound <= bounds[i - 1]!)) throw new Error(`bucket bounds must be finite and rise: [${bounds.join(", ")}]`);
  });
  return [...bounds];
}

export interface HistogramCell {
  observe(value: number, traceId?: string): void;
  read(): Buckets;
}

export function newHistogramCell(bounds: readonly number[], atBound: "below" | "above"): HistogramCell {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  const exemplars: (Exemplar | undefined)[] = [];
  const below = atBound === "below";
  let sum = 0;
  let count = 0;
  return {
    observe(value, traceId) {
      if (Number.isNaN(value)) return; // it would make the sum NaN for good
      let low = 0;
      let high = bounds.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        const bound = bounds[middle]!;
        if (value < bound || (below && value === bound)) high = middle;
        else low = middle + 1;
      }
      counts[low]!++;
      sum += value;
      count++;
      if (traceId !== undefined) exemplars[low] = { traceId, value };
    },
    read: () => ({ bounds, counts: [...counts], sum, count, exemplars: [...exemplars] }),
  };
}
