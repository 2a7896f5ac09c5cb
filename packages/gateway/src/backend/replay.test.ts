import assert from "node:assert/strict";
import { test } from "node:test";
import { newArena, newReplay, type Replay } from "./replay.ts";

const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i);
const replayOf = (maxBytes: number): Replay => newReplay(maxBytes, newArena(1 << 10));

test("replay: what was said up to the limit is kept, in order", () => {
  const replay = replayOf(10);
  for (const chunk of [bytes(4), bytes(6)]) replay.push(chunk);
  replay.end();
  assert.deepEqual([replay.whole, replay.ended, replay.said().map((chunk) => chunk.length)], [true, true, [4, 6]]);
});
test("replay: one byte past the limit lets go of everything, for good", () => {
  const replay = replayOf(10);
  for (const chunk of [bytes(10), bytes(1), bytes(1)]) replay.push(chunk);
  assert.deepEqual([replay.whole, replay.said().length], [false, 0]);
});
test("replay: after an answer nothing is kept", () => {
  const replay = replayOf(10);
  replay.push(bytes(1));
  replay.drop();
  replay.push(bytes(1));
  assert.deepEqual([replay.whole, replay.said().length], [false, 0]);
});
test("replay: a message whose length is past the limit is not kept in part", () => {
  const replay = replayOf(10);
  replay.pushCopy(Uint8Array.of(0, 0, 0, 0, 6, 1), 0, 6);
  assert.equal(replay.whole, false);
});

const sizes = [0, 1, 5, 60];
for (const sources of sizes.flatMap((a) => sizes.flatMap((b) => sizes.map((c) => [a, b, c])))) {
  test(`replay: pieces of ${sources.join(", ")} bytes, copied or not, are said again byte for byte`, () => {
    for (let copied = 0; copied < 8; copied++) {
      const replay = newReplay(1000, newArena(1 << 12));
      const want: number[] = [];
      for (const [i, size] of sources.entries()) {
        const source = Uint8Array.from({ length: 7 + size }, (_, j) => (j < 12 ? 0 : i + j)); // a gRPC prefix that announces nothing, behind seven bytes of another's
        want.push(...source.subarray(7));
        if ((copied & (1 << i)) === 0) replay.push(source.slice(7));
        else {
          replay.pushCopy(source, 7, source.length);
          source.fill(0xee);
        }
      }
      assert.equal(replay.whole, true);
      assert.deepEqual(
        replay.said().flatMap((chunk) => [...chunk]),
        want,
      );
    }
  });
}

test("replay: what the arena has written over since is gone, and nothing else is", () => {
  const arena = newArena(1 << 10); // 64 pieces of 16 bytes
  const replays = Array.from({ length: 100 }, (_, i) => {
    const replay = newReplay(1000, arena);
    replay.pushCopy(new Uint8Array(16).fill(i, 5), 0, 16);
    return replay;
  });
  assert.deepEqual(
    replays.map((replay) => replay.whole),
    replays.map((_, i) => i >= 100 - 64),
  );
  assert.deepEqual(replays[99]!.said(), [new Uint8Array(16).fill(99, 5)]);
  assert.deepEqual([replays[0]!.said(), replays[0]!.whole], [[], false]);
});
test("arena: a piece lies in one place, also where the ring turns", () => {
  const arena = newArena(1 << 10);
  const kept = Array.from({ length: 200 }, (_, i) => {
    const piece = new Uint8Array(1 + (i % 16)).fill(i);
    return { piece, at: arena.keep(piece, 0, piece.length) };
  });
  const left = kept.filter(({ at }) => arena.has(at));
  assert.ok(left.length >= 90 && left.length < 130, `${left.length}`);
  for (const { piece, at } of left) assert.deepEqual(arena.copy(at, piece.length), piece);
});
