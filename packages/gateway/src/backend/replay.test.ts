import assert from "node:assert/strict";
import { test } from "node:test";
import { newReplay } from "./replay.ts";

const bytes = (n: number): Uint8Array => new Uint8Array(n);

test("replay: what was said up to the limit is kept, in order", () => {
  const replay = newReplay(10);
  for (const chunk of [bytes(4), bytes(6)]) replay.push(chunk);
  replay.end();
  assert.deepEqual([replay.whole, replay.ended, replay.chunks.map((chunk) => chunk.length)], [true, true, [4, 6]]);
});
test("replay: one byte past the limit lets go of everything, for good", () => {
  const replay = newReplay(10);
  for (const chunk of [bytes(10), bytes(1), bytes(1)]) replay.push(chunk);
  assert.deepEqual([replay.whole, replay.chunks.length], [false, 0]);
});
test("replay: after an answer nothing is kept", () => {
  const replay = newReplay(10);
  replay.push(bytes(1));
  replay.drop();
  replay.push(bytes(1));
  assert.deepEqual([replay.whole, replay.chunks.length], [false, 0]);
});
