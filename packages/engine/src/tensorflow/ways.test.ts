import assert from "node:assert/strict";
import { test } from "node:test";
import { newWays } from "./ways.ts";

/** told runs as often as that, and tells which way each went: c in the calling thread, p in the pool. */
function told(runs: number, callerMs: number, poolMs: number, bytes = 4, ways = newWays()): string {
  let way = "";
  for (let i = 0; i < runs; i++) {
    const inCaller = ways.inCaller(bytes);
    way += inCaller ? "c" : "p";
    ways.took(bytes, inCaller, inCaller ? callerMs : poolMs);
  }
  return way;
}

test("both ways take turns until each was gone three times, then the quicker one is gone", () => {
  assert.equal(told(12, 1, 2), "pcpcpccccccc");
  assert.equal(told(12, 2, 1), "pcpcpcpppppp");
});
test("equal ways end in the calling thread, which leaves the pool to others", () => assert.match(told(12, 1, 1), /c{6}$/));
test("one run in 64 goes the slower way, which may have become the quicker one", () => {
  const ways = newWays();
  assert.equal(told(127, 1, 2, 4, ways).slice(6).match(/p/g)?.length, 1);
  const later = told(1971, 2, 1, 4, ways);
  assert.ok(later.endsWith("p".repeat(30)), later.slice(-64));
});
test("sizes are told apart", () => {
  const ways = newWays();
  told(20, 1, 2, 4, ways);
  assert.match(told(20, 2, 1, 4096, ways), /p{6}$/);
});
