import assert from "node:assert/strict";
import { test } from "node:test";
import { percentile, roundRatios, spread } from "../../bench/gateway/stats.ts";

for (const tc of [
  { name: "one figure is least, middle and greatest", figures: [3], want: { min: 3, median: 3, max: 3 } },
  { name: "figures are ordered as numbers", figures: [10, 9, 100], want: { min: 9, median: 10, max: 100 } },
  { name: "the middle of an even count is halfway", figures: [4, 1, 2, 3], want: { min: 1, median: 2.5, max: 4 } },
])
  test(`spread: ${tc.name}`, () => assert.deepEqual(spread(tc.figures), tc.want));

test("spread: nothing has no spread", () => assert.throws(() => spread([]), /no figures/));

const hundred = [
  [10, 50],
  [20, 49],
  [900, 1],
] as const;
for (const tc of [
  { name: "half of all calls took the first value", histogram: hundred, fraction: 0.5, want: 10 },
  { name: "one more than half took the next", histogram: hundred, fraction: 0.51, want: 20 },
  { name: "99 of 100 do not reach the outlier", histogram: hundred, fraction: 0.99, want: 20 },
  { name: "all include the outlier", histogram: hundred, fraction: 1, want: 900 },
  { name: "the least is the first value", histogram: hundred, fraction: 0, want: 10 },
  { name: "nothing has no percentile", histogram: [], fraction: 0.5, want: undefined },
])
  test(`percentile: ${tc.name}`, () => assert.equal(percentile(tc.histogram, tc.fraction), tc.want));

test("roundRatios: a ratio is of one round, and rounds that one side lacks are left out", () => {
  const theirs = new Map([
    [1, 20],
    [2, 30],
    [3, 40],
  ]);
  const ours = new Map([
    [1, 10],
    [3, 10],
    [4, 10],
  ]);
  assert.deepEqual(roundRatios(theirs, ours), [2, 4]);
});
