import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import type { Servable } from "../servable/index.ts";
import { newOwn } from "./own.ts";

const kind = { protocol: "grpc", method: "predict" } as const;

/** calls counts a call to each of some versions, of which only the last is there still. */
function calls(versions: number, available: (version: bigint, last: bigint) => boolean = (version, last) => version === last) {
  const registry = newRegistry();
  let last = 0n;
  const own = newOwn(registry, (_, version) => available(version, last));
  const call = (version: bigint): void => {
    const row = own.at({ name: "m", version } as Servable).row("s", kind);
    row.count(Code.Ok);
    row.seconds.observe(1);
  };
  for (let version = 1n; version <= versions; version++) {
    last = version;
    call(version);
  }
  const counted = (name: string): string[] =>
    registry
      .collect()
      .find((f) => f.name === name)!
      .cells.map((cell) => `${cell.values[1]} ${cell.value || cell.buckets?.count}`);
  return { call, counted };
}

test("the counts of versions that have gone are kept for a hundred of them", () => {
  const { counted } = calls(105);
  for (const name of ["tfs_requests_total", "tfs_request_duration_seconds"]) {
    const versions = counted(name);
    assert.deepEqual([versions.length, versions[0], versions.at(-1)], [101, "5 1", "105 1"], name);
  }
});
test("the counts of versions that are there are kept, however many they are", () => {
  assert.equal(calls(300, () => true).counted("tfs_requests_total").length, 300);
});
test("a version that comes again counts on", () => {
  const { call, counted } = calls(50);
  call(1n);
  assert.ok(counted("tfs_requests_total").includes("1 2"));
});
test("a version that was forgotten begins anew, and one more is forgotten for it", () => {
  const { call, counted } = calls(105);
  call(1n);
  const versions = counted("tfs_requests_total");
  assert.deepEqual([versions.includes("1 1"), versions.includes("5 1"), versions.length], [true, false, 101]);
});
