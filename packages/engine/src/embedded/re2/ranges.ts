/** Ranges are code points as pairs of first and last, one after the other; sorted and apart from each other once they went through `sorted`. */
export type Ranges = readonly number[];

export const lastRune = 0x10ffff;

/** sorted puts ranges in order and joins those that touch. */
export function sorted(ranges: Ranges): Ranges {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!]);
  pairs.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [lo, hi] of pairs) {
    if (out.length > 0 && lo <= out[out.length - 1]! + 1) out[out.length - 1] = Math.max(out[out.length - 1]!, hi);
    else out.push(lo, hi);
  }
  return out;
}

/** negated gives every code point that is not in ranges. */
export function negated(ranges: Ranges): Ranges {
  const out: number[] = [];
  let next = 0;
  const apart = sorted(ranges);
  for (let i = 0; i < apart.length; i += 2) {
    if (apart[i]! > next) out.push(next, apart[i]! - 1);
    next = apart[i + 1]! + 1;
  }
  if (next <= lastRune) out.push(next, lastRune);
  return out;
}
