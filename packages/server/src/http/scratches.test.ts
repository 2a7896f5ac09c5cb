import assert from "node:assert/strict";
import { test } from "node:test";
import { newScratches } from "./scratches.ts";

test("memory is one request's at a time, and the next one's when it is given back", () => {
  const scratches = newScratches();
  const [a, b] = [scratches.take(), scratches.take()];
  assert.notEqual(a, b);
  scratches.give(a);
  assert.equal(scratches.take(), a);
  assert.notEqual(scratches.take(), b);
});

test("no more is kept than eight, and none of more than 4 MiB", () => {
  const scratches = newScratches();
  const all = new Set(Array.from({ length: 9 }, () => scratches.take()));
  for (const scratch of all) scratches.give(scratch);
  assert.equal(Array.from({ length: 9 }, () => scratches.take()).filter((scratch) => all.has(scratch)).length, 8);
  for (const [floats, isKept] of [
    [1 << 20, true],
    [(1 << 20) + 1, false],
  ] as const) {
    const large = scratches.take();
    large.floats = new Float32Array(floats);
    scratches.give(large);
    assert.equal(scratches.take() === large, isKept);
  }
});
