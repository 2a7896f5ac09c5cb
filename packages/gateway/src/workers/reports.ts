import type { Family } from "@tfs/std/metrics";
import { sumFamilies } from "./sum.ts";

/** Report is how a gateway is doing: one worker's, or all of them together. */
export interface Report {
  readonly ready: boolean;
  readonly families: readonly Family[];
}

/**
 * Reports adds up what workers say. What has been counted never goes back: a worker that does not answer counts as it last did, and what one has counted that ended
 * stays.
 */
export interface Reports {
  /** heard takes what a worker says, by its process. */
  heard(worker: object, report: Report): void;
  /** ended takes a worker's levels out of the sum. */
  ended(worker: object): void;
  sum(): Report;
}

export function newReports(): Reports {
  const last = new Map<object, Report>();
  let before: readonly Family[] = [];
  return {
    heard: (worker, report) => void last.set(worker, report),
    ended(worker) {
      const families = last.get(worker)?.families ?? [];
      last.delete(worker);
      before = sumFamilies([before, families.filter(({ kind }) => kind !== "gauge")]);
    },
    sum() {
      const reports = [...last.values()];
      return { ready: reports.some(({ ready }) => ready), families: sumFamilies([before, ...reports.map(({ families }) => families)]) };
    },
  };
}
