// The little arithmetic that a table needs.

/** Spread is the least, the middle and the greatest of some figures. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** spread summarises at least one figure. */
export function spread(figures: readonly number[]): Spread {
  if (figures.length === 0) throw new Error("no figures to summarise");
  const sorted = [...figures].sort((a, b) => a - b);
  return { min: sorted[0]!, median: median(sorted), max: sorted[sorted.length - 1]! };
}

/** three prints a spread: min / median / max. */
export function three({ min, median, max }: Spread, digits: number): string {
  return [min, median, max].map((n) => n.toFixed(digits)).join(" / ");
}

/** verdict says whether a target is met. */
export function verdict(met: boolean): string {
  return met ? "met" : "missed";
}

function median(sorted: readonly number[]): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Histogram is pairs of a value and how often it was seen, values rising. */
export type Histogram = readonly (readonly [value: number, count: number])[];

/** percentile gives the least value that `fraction` of all counts do not exceed (nearest rank), or undefined of nothing. */
export function percentile(histogram: Histogram, fraction: number): number | undefined {
  const total = histogram.reduce((sum, [, count]) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(total * fraction));
  let seen = 0;
  for (const [value, count] of histogram) {
    seen += count;
    if (seen >= rank) return value;
  }
  return undefined;
}

/** roundRatios divides theirs by ours round by round: both figures of a ratio met the same noise. Rounds that one of them lacks are left out. */
export function roundRatios(theirs: ReadonlyMap<number, number>, ours: ReadonlyMap<number, number>): number[] {
  const ratios: number[] = [];
  for (const [round, figure] of theirs) {
    const own = ours.get(round);
    if (own !== undefined && own > 0) ratios.push(figure / own);
  }
  return ratios;
}
