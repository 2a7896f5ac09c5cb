import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeClock } from "@tfs/std/testing";
import { beginRead, countStreams, endRead, flushLater, readClock } from "./turn.ts";

/** A connection that remembers when it was flushed. */
function connection(): { waiting: boolean; flushed: number; flush(): void } {
  return {
    waiting: false,
    flushed: 0,
    flush() {
      this.flushed++;
    },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("turn: in calm, what a read caused leaves with its end", () => {
  const one = connection();
  for (let read = 1; read <= 3; read++) {
    beginRead();
    flushLater(one);
    flushLater(one);
    assert.equal(one.flushed, read - 1);
    endRead();
    assert.equal(one.flushed, read);
  }
});

test("turn: with much under way, what several reads of a turn caused leaves once, at its end", async () => {
  countStreams(100);
  try {
    const one = connection();
    const read = (): void => {
      beginRead();
      flushLater(one);
      endRead();
    };
    for (let i = 0; i < 3; i++) read(); // the first of a busy turn is not known to be one
    await nextTurn();
    const before = one.flushed;
    for (let i = 0; i < 3; i++) read();
    assert.equal(one.flushed, before);
    await nextTurn();
    assert.equal(one.flushed, before + 1);
  } finally {
    countStreams(-100);
  }
});

test("turn: what nobody read caused leaves at the end of the turn, and what is said during a flush with it", async () => {
  const [first, second] = [connection(), connection()];
  first.flush = () => flushLater(second);
  flushLater(first);
  assert.equal(second.flushed, 0);
  await nextTurn();
  assert.equal(second.flushed, 1);
  assert.equal(first.waiting, false);
});

test("turn: its clock stands still during a read, and only then", () => {
  let time = 1;
  const { now } = readClock({ ...fakeClock(), now: () => time });
  const seen: number[] = [];
  const look = (): void => {
    seen.push(now());
    time++;
  };
  look();
  look();
  for (let read = 0; read < 2; read++) {
    beginRead();
    look();
    look();
    endRead();
  }
  look();
  assert.deepEqual(seen, [1, 2, 3, 3, 5, 5, 7]);
});
