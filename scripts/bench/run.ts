// What the tests of the benchmark's report share: measurements made up by hand.
import type { Measurement } from "../../bench/gateway/measure.ts";
import { type Shape, shapes } from "../../bench/gateway/shapes.ts";
import type { Detail } from "../../bench/gateway/window.ts";

/** shape finds a shape by name. */
export function shape(name: string): Shape {
  const found = shapes.find((s) => s.name === name);
  if (found === undefined) throw new Error(`there is no shape ${name}`);
  return found;
}

export const detail: Detail = {
  calls: 1000,
  failed: 0,
  failures: {},
  warmFailed: 0,
  perSecond: 500,
  inFlight: 128,
  cpuMicros: 5,
  loadMicros: 1,
  cores: 0.9,
  others: 0.02,
  p50: 100,
  p90: 200,
  p99: 300,
  p999: 400,
  residentBytes: 1e6,
};

/** measured gives one measurement a round, with these figures; undefined is a round that gave none. */
export function measured(shapeName: string, peer: string, figures: readonly (number | undefined)[], changes: Partial<Detail> = {}): Measurement[] {
  return figures.map((figure, i) => ({
    shape: shapeName,
    peer,
    round: i + 1,
    ...(figure === undefined ? { problem: "does not listen" } : { figure, detail: { ...detail, ...changes } }),
  }));
}
