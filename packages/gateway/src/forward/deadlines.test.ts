import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeClock } from "@tfs/std/testing";
import { newDeadlines, type Timed } from "./deadlines.ts";

const rows: readonly { readonly name: string; readonly inMs: number; readonly quietMs?: number; readonly dueMs: number }[] = [
  { name: "a deadline a moment away", inMs: 1, quietMs: 0, dueMs: 20 },
  { name: "a deadline within one turn of the wheel", inMs: 5000, quietMs: 4999, dueMs: 17 },
  { name: "a deadline several turns away", inMs: 60_000, quietMs: 59_999, dueMs: 17 },
  { name: "a deadline that has passed", inMs: -5, dueMs: 17 },
];
for (const tc of rows) {
  test(`deadlines: ${tc.name} expires once, not early`, async () => {
    const clock = fakeClock();
    const deadlines = newDeadlines(clock);
    let expired = 0;
    const timed: Timed = { deadline: clock.now() + tc.inMs, before: undefined, after: undefined, expire: () => expired++ };
    deadlines.add(timed);
    if (tc.quietMs !== undefined) {
      await clock.advance(tc.quietMs);
      assert.equal(expired, 0);
    }
    await clock.advance(tc.dueMs);
    assert.equal(expired, 1);
    await clock.advance(100_000);
    assert.equal(expired, 1);
  });
}

test("deadlines: what is removed never expires, whatever its place in the slot", async () => {
  const clock = fakeClock();
  const deadlines = newDeadlines(clock);
  const expired: number[] = [];
  const all = Array.from({ length: 5 }, (_, i): Timed => ({ deadline: clock.now() + 100, before: undefined, after: undefined, expire: () => expired.push(i) }));
  for (const timed of all) deadlines.add(timed);
  for (const i of [0, 2, 4]) deadlines.remove(all[i]!);
  deadlines.remove(all[2]!);
  await clock.advance(1000);
  assert.deepEqual(expired.sort(), [1, 3]);
  for (const timed of all) deadlines.remove(timed);
});

test("deadlines: one nearer than those before expires in its time, and those after it", async () => {
  const clock = fakeClock();
  const deadlines = newDeadlines(clock);
  const expired: number[] = [];
  for (const inMs of [60_000, 5000, 50, 9000, 10]) {
    deadlines.add({ deadline: clock.now() + inMs, before: undefined, after: undefined, expire: () => expired.push(inMs) });
  }
  for (const inMs of [10, 50, 5000, 9000, 60_000]) {
    await clock.advance(inMs - 1 - clock.now());
    assert.ok(!expired.includes(inMs), `${inMs} is early`);
    await clock.advance(18);
    assert.equal(expired.at(-1), inMs);
  }
});

test("deadlines: calls that end before their deadline set no timer of their own", async () => {
  const clock = fakeClock();
  let timers = 0;
  const counted = {
    ...clock,
    after: (...args: Parameters<typeof clock.after>) => {
      timers++;
      return clock.after(...args);
    },
  };
  const deadlines = newDeadlines(counted);
  for (let call = 0; call < 1000; call++) {
    const timed: Timed = { deadline: clock.now() + 1000, before: undefined, after: undefined, expire: () => assert.fail("expired") };
    deadlines.add(timed);
    await clock.advance(1);
    deadlines.remove(timed);
  }
  assert.ok(timers <= 3, `${timers} timers`);
});
