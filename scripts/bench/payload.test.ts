import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { imageValues, json, sentValues, shortest, smallValues, values, writeFiles } from "../../bench/gateway/payload.ts";

test("values are the same in every run, and none is out of the ordinary", () => {
  assert.deepEqual(values(1000), values(1000));
  assert.ok(values(1000).every((v) => Number.isFinite(v) && Math.abs(v) < 10));
});

for (const [value, want] of [
  [0.5, "0.5"],
  [Math.fround(0.1), "0.1"],
  [Math.fround(1 / 3), "0.33333334"],
  [16_777_216, "16777216"],
] as const)
  test(`shortest: ${value} is printed as ${want}`, () => assert.equal(shortest(value), want));

test("json has the shape, and numbers that are the same float32", () => {
  const data = values(12);
  const body = JSON.parse(json(data, [2, 2, 3])) as { instances: number[][][] };
  assert.deepEqual([body.instances.length, body.instances[0]?.length, body.instances[1]?.[1]?.length], [2, 2, 3]);
  assert.deepEqual(Float32Array.from(body.instances.flat(2)), data);
});

test("requests have the sizes that the benchmark claims, and hold the values whichever field they are in", () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-bench-test-"));
  try {
    const files = writeFiles(dir);
    const read = (name: string) => readFileSync(files[name] ?? "");
    assert.equal(read("smallRequest").length, 88 + 5);
    assert.equal(read("smallResponse").length, 92 + 5);
    assert.equal(read("largeRequest").length, 602_176 + 5);
    assert.deepEqual(sentValues(read("smallRequest")), smallValues);
    assert.deepEqual(sentValues(read("largeRequest")), imageValues);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
