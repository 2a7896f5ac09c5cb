import assert from "node:assert/strict";
import { test } from "node:test";
import { newTiming } from "./index.ts";

const cases: { readonly name: string; readonly took: readonly (readonly [bytes: number, ms: number])[]; readonly bytes: number; readonly small: boolean }[] = [
  { name: "what was never run is not small", took: [], bytes: 4, small: false },
  {
    name: "nor what was run twice",
    took: [
      [4, 0.1],
      [4, 0.1],
    ],
    bytes: 4,
    small: false,
  },
  {
    name: "three short runs are enough",
    took: [
      [4, 0.1],
      [4, 0.1],
      [4, 0.1],
    ],
    bytes: 4,
    small: true,
  },
  {
    name: "the quickest counts: the first run of a model is slow",
    took: [
      [4, 300],
      [4, 9],
      [4, 0.1],
    ],
    bytes: 4,
    small: true,
  },
  {
    name: "sizes are told apart",
    took: [
      [4, 0.1],
      [4, 0.1],
      [4, 0.1],
    ],
    bytes: 4096,
    small: false,
  },
  {
    name: "within a factor of two they are one",
    took: [
      [5, 0.1],
      [6, 0.1],
      [7, 0.1],
    ],
    bytes: 4,
    small: true,
  },
  { name: "what has become slow is not small", took: [[4, 0.1], ...Array.from({ length: 8 }, () => [4, 2] as const)], bytes: 4, small: false },
  {
    name: "nothing to be fed is a size too",
    took: [
      [0, 0.1],
      [0, 0.1],
      [0, 0.1],
    ],
    bytes: 0,
    small: true,
  },
  {
    name: "more than two gigabytes are one size",
    took: [
      [2 ** 40, 0.1],
      [2 ** 33, 0.1],
      [2 ** 32, 0.1],
    ],
    bytes: 2 ** 50,
    small: true,
  },
];
for (const { name, took, bytes, small } of cases)
  test(name, () => {
    const timing = newTiming();
    for (const [size, ms] of took) timing.took(size, ms);
    assert.equal(timing.small(bytes), small);
  });

test("the least of the last runs is told, once there are a few", () => {
  const timing = newTiming();
  for (const ms of [3, 1]) timing.took(4, ms);
  assert.equal(timing.least(4), undefined);
  timing.took(4, 2);
  assert.deepEqual([timing.least(4), timing.least(4096)], [1, undefined]);
});
