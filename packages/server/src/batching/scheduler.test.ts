import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import { type Line, newScheduler, type Scheduler, sweepMs } from "./scheduler.ts";

/** Rig is a scheduler whose turns a test gives, with lines of batches that end when the test says so. */
interface Rig {
  readonly clock: FakeClock;
  readonly scheduler: Scheduler;
  /** line makes a line with a name and so many batches, each due at a time. */
  line(name: string, ...due: readonly number[]): Line;
  /** turn ends the turn of the loop. */
  turn(): Promise<void>;
  /** end ends the run that has been running longest. */
  end(): Promise<void>;
  /** log is what was started and swept, since it was last read. */
  log(): string[];
}

function rig(slots: number): Rig {
  const clock = fakeClock();
  let deferred: (() => void)[] = [];
  let log: string[] = [];
  const ends: (() => void)[] = [];
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  const scheduler = newScheduler({ slots, clock, defer: (fn) => void deferred.push(fn) });
  return {
    clock,
    scheduler,
    line(name, ...due) {
      const batches = [...due];
      return {
        get isEmpty() {
          return batches.length === 0;
        },
        dueAt: () => batches[0] ?? Number.POSITIVE_INFINITY,
        start: () => {
          batches.shift();
          log.push(name);
          return new Promise((resolve) => ends.push(resolve));
        },
        sweep: (now) => {
          log.push(`sweep ${name}@${now}`);
          while (batches[0] === Number.POSITIVE_INFINITY) batches.shift(); // such a one is waited for by nobody
        },
      };
    },
    async turn() {
      const now = deferred;
      deferred = [];
      assert.ok(now.length <= 1, "one turn is asked for at a time");
      for (const fn of now) fn();
      await settle();
    },
    async end() {
      ends.shift()!();
      await settle();
    },
    log() {
      const said = log;
      log = [];
      return said;
    },
  };
}

test("scheduler: nothing runs before the turn of the loop ends, then what is due does", async () => {
  const r = rig(2);
  r.scheduler.wake(r.line("a", 0));
  assert.deepEqual(r.log(), []);
  await r.turn();
  assert.deepEqual(r.log(), ["a"]);
  assert.equal(r.clock.pending, 0, "a timer where nothing waits");
});

test("scheduler: a slot is to be claimed where nothing came this turn, nothing waits and nothing runs", async () => {
  const r = rig(2);
  assert.equal(r.scheduler.claim(), true);
  assert.equal(r.scheduler.claim(), false, "what comes in the same turn waits for its end");
  r.scheduler.wake(r.line("a", 0));
  await r.turn();
  assert.deepEqual(r.log(), ["a"], "there is a second slot");
  r.scheduler.release();
  assert.equal(r.scheduler.claim(), false, "another run is under way");
  await r.end();
  assert.equal(r.scheduler.claim(), true);
  r.scheduler.release();
});

test("scheduler: round robin, one batch of each line a turn", async () => {
  const r = rig(8);
  const [a, b, c] = [r.line("a", 0, 0, 0), r.line("b", 0), r.line("c", 0, 0)];
  for (const line of [a, b, c]) r.scheduler.wake(line);
  await r.turn();
  assert.deepEqual(r.log(), ["a", "b", "c"]);
  await r.turn();
  assert.deepEqual(r.log(), ["a", "c"]);
  await r.turn();
  assert.deepEqual(r.log(), ["a"]);
});

test("scheduler: at most as many runs as there are slots, and the next line goes on where one ended", async () => {
  const r = rig(2);
  for (const line of [r.line("a", 0, 0), r.line("b", 0, 0), r.line("c", 0)]) r.scheduler.wake(line);
  await r.turn();
  assert.deepEqual(r.log(), ["a", "b"]);
  await r.turn();
  assert.deepEqual(r.log(), []);
  await r.end();
  await r.turn();
  assert.deepEqual(r.log(), ["c"]);
  await r.end();
  await r.end();
  await r.turn();
  assert.deepEqual(r.log(), ["a", "b"]);
});

test("scheduler: a line that is not due is looked at when it is", async () => {
  const r = rig(1);
  r.scheduler.wake(r.line("a", 4));
  await r.turn();
  await r.clock.advance(3);
  assert.deepEqual(r.log(), []);
  await r.clock.advance(1);
  assert.deepEqual(r.log(), ["a"]);
});

test("scheduler: a line that comes due sooner than the one that is waited for", async () => {
  const r = rig(2);
  r.scheduler.wake(r.line("a", 8));
  await r.turn();
  r.scheduler.wake(r.line("b", 2));
  await r.turn();
  await r.clock.advance(2);
  assert.deepEqual(r.log().at(-1), "b");
  assert.equal(r.clock.pending, 1);
  await r.clock.advance(6);
  assert.deepEqual(r.log().at(-1), "a");
});

test("scheduler: a line that is due does not wait behind one that is not", async () => {
  const r = rig(1);
  r.scheduler.wake(r.line("a", 100));
  r.scheduler.wake(r.line("b", 0));
  await r.turn();
  assert.deepEqual(r.log(), ["b"]);
});

test("scheduler: what waits is swept, slots or not, and who is empty then is forgotten", async () => {
  const r = rig(1);
  r.scheduler.wake(r.line("a", 0));
  await r.turn();
  r.scheduler.wake(r.line("b", Number.POSITIVE_INFINITY));
  r.log();
  await r.clock.advance(sweepMs);
  assert.deepEqual(r.log(), [`sweep b@${sweepMs}`]);
  await r.clock.advance(10 * sweepMs);
  assert.deepEqual(r.log(), []);
  assert.equal(r.clock.pending, 0);
});

test("scheduler: what waits is swept no more often than that, however often a line is due", async () => {
  const r = rig(9);
  r.scheduler.wake(r.line("a", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  await r.turn();
  for (let i = 0; i < 12; i++) {
    await r.clock.advance(1);
    await r.end();
  }
  assert.deepEqual(
    r.log().filter((word) => word !== "a"),
    ["sweep a@10"],
  );
});

test("scheduler: once it drains nothing waits, neither what is there nor what comes", async () => {
  const r = rig(9);
  r.scheduler.wake(r.line("a", 1000, 2000));
  await r.turn();
  r.scheduler.drain();
  await r.turn();
  await r.turn();
  assert.deepEqual(r.log(), ["a", "a"]);
  r.scheduler.wake(r.line("b", 1000));
  await r.turn();
  assert.deepEqual(r.log(), ["b"]);
});

test("scheduler: after all has ended no timer is left", async () => {
  const r = rig(1);
  r.scheduler.wake(r.line("a", 5, 6));
  await r.turn();
  await r.clock.advance(5);
  await r.end();
  await r.turn();
  await r.clock.advance(20);
  await r.end();
  assert.deepEqual(
    r.log().filter((word) => word === "a"),
    ["a", "a"],
  );
  assert.equal(r.clock.pending, 0);
});
