import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { sleep, systemClock } from "./index.ts";
import { fakeClock } from "./testing/index.ts";

test("the system's timers run in order of time and can be cancelled", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock().after(4, () => resolve());
    systemClock().after(1, () => order.push("1"));
    systemClock()
      .after(2, () => order.push("cancelled"))
      .cancel();
    using _ = systemClock().after(2, () => order.push("disposed"));
  });
  assert.deepEqual(order, ["1"]);
});

for (const ms of [2 ** 31, Number.POSITIVE_INFINITY]) {
  test(`a timer of ${ms} ms does not fire at once`, async () => {
    let fired = false;
    using _ = systemClock().after(ms, () => {
      fired = true;
    });
    await new Promise<void>((resolve) => systemClock().after(5, resolve));
    assert.equal(fired, false);
  });
}

test("the fake clock runs what falls due in order of time, then of asking", async () => {
  const clock = fakeClock();
  const order: string[] = [];
  clock.after(20, () => order.push(`c at ${clock.now()}`));
  clock.after(10, () => order.push(`a at ${clock.now()}`));
  clock.after(10, () => order.push(`b at ${clock.now()}`));
  await clock.advance(19);
  assert.deepEqual(order, ["a at 10", "b at 10"]);
  await clock.advance(1);
  assert.deepEqual(order.slice(2), ["c at 20"]);
  assert.equal(clock.pending, 0);
});

test("a timer set by a timer runs in the same advance if it falls due", async () => {
  const clock = fakeClock(100);
  const at: number[] = [];
  const tick = (): void => {
    at.push(clock.now());
    clock.after(10, tick);
  };
  clock.after(10, tick);
  await clock.advance(35);
  assert.deepEqual(at, [110, 120, 130]);
  assert.equal(clock.now(), 135);
  assert.equal(clock.pending, 1);
});

test("what a timer wakes has run before the next timer does", async () => {
  const clock = fakeClock();
  const order: string[] = [];
  const work = (async () => {
    await sleep(clock, 10);
    order.push("woken");
    await sleep(clock, 5);
    order.push("woken again");
  })();
  clock.after(12, () => order.push("12"));
  await clock.advance(20);
  await work;
  assert.deepEqual(order, ["woken", "12", "woken again"]);
});

test("sleep ends with its signal and leaves neither timer nor listener", async () => {
  const clock = fakeClock();
  const why = new Error("stop");
  const controller = new AbortController();
  const sleeping = sleep(clock, 10, controller.signal);
  controller.abort(why);
  await assert.rejects(sleeping, (err) => err === why);
  assert.equal(clock.pending, 0);

  const other = new AbortController();
  const whole = sleep(clock, 10, other.signal);
  await clock.advance(10);
  await whole;
  assert.equal(getEventListeners(other.signal, "abort").length, 0);
});

test("sleep does not begin when its signal has aborted", async () => {
  const clock = fakeClock();
  await assert.rejects(sleep(clock, 10, AbortSignal.abort(new Error("gone"))), /gone/);
  assert.equal(clock.pending, 0);
});
