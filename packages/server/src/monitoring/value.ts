import type { Cell, Registry } from "@tfs/std/metrics";

/**
 * firstsOf reads every metric as it is now, by its name: the value of its first cell by label values, cut to a whole number; 0 if there is no cell, and for a
 * histogram.
 */
export function firstsOf(registry: Registry): ReadonlyMap<string, number> {
  const first = (cells: readonly Cell[]): Cell | undefined => [...cells].sort((a, b) => (a.values.join("\0") < b.values.join("\0") ? -1 : 1))[0];
  return new Map(registry.collect().map(({ name, cells }) => [name, Math.trunc(first(cells)?.value ?? 0)]));
}
