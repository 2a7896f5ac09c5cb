import assert from "node:assert/strict";
import { test } from "node:test";
import { background, Code, withCancel } from "@tfs/std";
import { newRegistry, printPrometheus, type Registry } from "@tfs/std/metrics";
import { fakeClock } from "@tfs/std/testing";
import { type Admission, newAdmission } from "./index.ts";

/** Room is an admission whose turns a test ends. */
interface Room {
  readonly admission: Admission;
  readonly metrics: Registry;
  /** turn ends a turn that took so long. */
  turn(ms: number): Promise<void>;
  /** ask lets a call come, whose work is over at once; it says so in `done`. */
  ask(name: string, low?: boolean): Promise<void>;
  readonly done: string[];
}

function room({ maxCalls = 0, full = () => false }: { readonly maxCalls?: number; readonly full?: () => boolean } = {}): Room {
  const [clock, metrics, deferred, done]: [ReturnType<typeof fakeClock>, Registry, (() => void)[], string[]] = [fakeClock(), newRegistry(), [], []];
  const admission = newAdmission({ clock, metrics, defer: (fn) => void deferred.push(fn), idleMs: () => 0, maxCalls, full });
  return {
    admission,
    metrics,
    done,
    async turn(ms) {
      await clock.advance(ms);
      for (const fn of deferred.splice(0)) fn();
      await clock.advance(0);
    },
    ask: (name, low = false) => admission.run(background(), low, async () => void done.push(name)),
  };
}

/** slowed is a room that has learned that a call takes 10 ms. */
async function slowed(options: Parameters<typeof room>[0] = {}): Promise<Room> {
  const found = room(options);
  for (let i = 0; i < 50; i++) {
    await found.ask("");
    await found.turn(10);
  }
  found.done.length = 0;
  return found;
}

test("calls that come one at a time run at once, however long each takes", async () => {
  const { done, ask, turn } = await slowed();
  for (const name of ["a", "b"]) {
    await ask(name);
    assert.equal(done.at(-1), name);
    await turn(10);
  }
});

test("calls that come together run one a turn if they take long, in the order in which they came, low ones last", async () => {
  const { done, ask, turn } = await slowed();
  const all = [ask("a"), ask("low", true), ask("b"), ask("c")];
  const seen: string[][] = [];
  for (let i = 0; i < 4; i++) {
    seen.push([...done]);
    await turn(10);
  }
  assert.deepEqual(seen, [["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c", "low"]]);
  await Promise.all(all);
});

test("short calls run many a turn", async () => {
  const { done, ask, turn } = room();
  for (let i = 0; i < 50; i++) {
    await ask("");
    await turn(0.05);
  }
  done.length = 0;
  const all = Array.from({ length: 50 }, () => ask("x"));
  await Promise.resolve();
  assert.ok(done.length >= 15 && done.length <= 20, `${done.length} at once`);
  await turn(1);
  assert.ok(done.length >= 35, `${done.length} a turn later`);
  await turn(1);
  await Promise.all(all);
});

test("who gives up leaves the line without a turn, and ten thousand that came at once are all answered", async () => {
  const { admission, done, ask, turn } = await slowed();
  const first = ask("first");
  const gone = withCancel(background());
  const given = admission.run(gone, false, async () => void done.push("never"));
  const all = Array.from({ length: 10_000 }, (_, i) => ask(`${i}`));
  gone.cancel();
  await turn(10);
  await assert.rejects(given, { code: Code.Canceled });
  assert.deepEqual(done, ["first", "0"]);
  for (let i = 0; i < 10_000; i++) {
    assert.equal(admission.refuse(false), undefined);
    await turn(0.9);
  }
  await Promise.all([first, ...all]);
  assert.equal(done.length, 10_001);
});

test("what a call fails with is its caller's, and its place is free again", async () => {
  const { admission } = room({ maxCalls: 1 });
  for (let i = 0; i < 2; i++) {
    assert.equal(admission.refuse(false), undefined);
    await assert.rejects(
      admission.run(background(), false, async () => {
        assert.equal(admission.refuse(false)?.code, Code.ResourceExhausted);
        throw new Error("of the model");
      }),
      /of the model/,
    );
  }
});

test("calls that were all taken before one of them was whole are held to the limit when they would begin", async () => {
  const { admission } = room({ maxCalls: 3 });
  const taken = Array.from({ length: 5 }, () => admission.refuse(false));
  assert.deepEqual(taken, [undefined, undefined, undefined, undefined, undefined]);
  const ends: (() => void)[] = [];
  const calls = taken.map(() => admission.run(background(), false, () => new Promise<void>((resolve) => void ends.push(resolve))));
  const refused = await Promise.allSettled(calls.slice(3));
  assert.deepEqual(
    refused.map((end) => end.status === "rejected" && (end.reason as { readonly code: Code }).code),
    [Code.ResourceExhausted, Code.ResourceExhausted],
  );
  for (const end of ends) end();
  await Promise.all(calls.slice(0, 3));
  assert.equal(admission.refuse(false), undefined);
});

test("calls past the limit are refused and counted, low ones at half of it, and when nobody reads the answers", async () => {
  let unread = false;
  const { admission, metrics, turn } = await slowed({ maxCalls: 4, full: () => unread });
  const ends: (() => void)[] = [];
  const hold = (): Promise<void> => admission.run(background(), false, () => new Promise<void>((resolve) => void ends.push(resolve)));
  const verdicts = (): (Code | undefined)[] => [false, true].map((low) => admission.refuse(low)?.code);
  const held = [hold()];
  assert.deepEqual(verdicts(), [undefined, undefined]);
  held.push(hold()); // waits
  assert.deepEqual(verdicts(), [undefined, Code.ResourceExhausted]);
  held.push(hold(), hold());
  assert.deepEqual(verdicts(), [Code.ResourceExhausted, Code.ResourceExhausted]);
  for (let i = 0; i < 4; i++) await turn(10);
  for (const end of ends) end();
  await Promise.all(held);
  assert.deepEqual(verdicts(), [undefined, undefined]);
  unread = true;
  assert.deepEqual(verdicts(), [Code.ResourceExhausted, Code.ResourceExhausted]);
  assert.deepEqual(
    printPrometheus(metrics.collect())
      .split("\n")
      .filter((line) => line.startsWith("tfs_shed_total")),
    [
      'tfs_shed_total{reason="overload",priority="normal"} 0',
      'tfs_shed_total{reason="overload",priority="low"} 0',
      'tfs_shed_total{reason="calls",priority="normal"} 1',
      'tfs_shed_total{reason="calls",priority="low"} 2',
      'tfs_shed_total{reason="memory",priority="normal"} 1',
      'tfs_shed_total{reason="memory",priority="low"} 1',
    ],
  );
});

test("five times what can be done: after a while as much as can be done is taken, and the rest refused as Unavailable, until it stops", async () => {
  const { admission, turn } = await slowed();
  const all: Promise<unknown>[] = [];
  let [now, refused] = [500, 0]; // slowed took so long
  for (let i = 0; i < 400; i++, now += 10) {
    if (i === 300) refused = 0;
    for (let come = 0; come < 5; come++) {
      const refusal = admission.refuse(false);
      if (refusal === undefined) all.push(admission.run({ ...background(), deadline: now + 300 }, false, async () => {}).catch(() => {}));
      else {
        assert.equal(refusal.code, Code.Unavailable);
        refused++;
      }
    }
    await turn(10);
  }
  assert.ok(refused >= 395 && refused <= 405, `${refused} of 500 refused`);
  for (let i = 0; i < 120; i++) await turn(10);
  await Promise.all(all);
  assert.equal(admission.refuse(false), undefined);
});
