import assert from "node:assert/strict";
import { test } from "node:test";
import { background, Code, codeOf, newError, withCancel } from "@tfs/std";
import { newGate } from "./index.ts";

const ctx = background();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** calls makes calls that end when they are told to. */
function calls() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    call: (name: string) => (): Promise<string> => {
      begun.push(name);
      return new Promise((resolve) => void ends.set(name, () => resolve(name)));
    },
    end: async (name: string): Promise<void> => {
      ends.get(name)!();
      await turn();
    },
  };
}

test("as many run as there are places, the rest in the order they came", async () => {
  const gate = newGate({ places: 2 });
  const { begun, call, end } = calls();
  const all = ["a", "b", "c", "d"].map((name) => gate.run(ctx, call(name)));
  await turn();
  assert.deepEqual([begun.join(""), gate.busy], ["ab", 4]);
  await end("b");
  await end("a");
  assert.equal(begun.join(""), "abcd");
  await end("c");
  await end("d");
  assert.deepEqual([await Promise.all(all), gate.busy], [["a", "b", "c", "d"], 0]);
});

test("a call that fails gives its place back, thrown at once or later", async () => {
  const gate = newGate({ places: 1 });
  for (const fail of [
    () => Promise.reject(new Error("later")),
    () => {
      throw new Error("at once");
    },
  ])
    await assert.rejects(gate.run(ctx, fail));
  assert.deepEqual([await gate.run(ctx, async () => 7), gate.busy], [7, 0]);
});

test("one too many is refused, and the others are not disturbed", async () => {
  const gate = newGate({ places: 1, maxWaiting: 1 });
  const { call, end } = calls();
  const first = gate.run(ctx, call("a"));
  const second = gate.run(ctx, call("b"));
  await assert.rejects(gate.run(ctx, call("c")), { code: Code.ResourceExhausted });
  await turn();
  await end("a");
  await end("b");
  assert.deepEqual(await Promise.all([first, second]), ["a", "b"]);
});

test("a context that ends takes its call out of the queue", async () => {
  const gate = newGate({ places: 1 });
  const { begun, call, end } = calls();
  const first = gate.run(ctx, call("a"));
  using given = withCancel(ctx);
  const waiting = gate.run(given, call("b"));
  const reason = newError(Code.Canceled, "enough");
  given.cancel(reason);
  await assert.rejects(waiting, (err) => err === reason);
  await end("a");
  await first;
  assert.deepEqual([begun, gate.busy], [["a"], 0]);
});

test("a context that ends during a call lets the caller go, and the place stays taken until the call returns", async () => {
  const gate = newGate({ places: 1 });
  const { begun, call, end } = calls();
  using given = withCancel(ctx);
  const left = gate.run(given, call("a"));
  const next = gate.run(ctx, call("b"));
  await turn();
  given.cancel();
  await assert.rejects(left, { code: Code.Canceled });
  assert.equal(begun.join(""), "a");
  await end("a");
  assert.equal(begun.join(""), "ab");
  await end("b");
  assert.equal(await next, "b");
});

test("a call whose deadline passes while it waits does not begin, and gives its place on", async () => {
  const gate = newGate({ places: 1 });
  const { begun, call, end } = calls();
  const first = gate.run(ctx, call("a"));
  let passed = false;
  const late = {
    ...ctx,
    get deadline(): number {
      return passed ? 0 : Number.POSITIVE_INFINITY;
    },
  };
  const second = gate.run(late, call("b"));
  const refused = assert.rejects(second, { code: Code.DeadlineExceeded });
  const third = gate.run(ctx, call("c"));
  await turn();
  passed = true;
  await end("a");
  await refused;
  await end("c");
  assert.deepEqual([await first, await third, begun.join(""), gate.busy], ["a", "c", "ac", 0]);
});

test("five times what can be done: after a while as much as can be done is let in, and the rest refused as Unavailable, until it stops", async () => {
  let now = 1e9; // later than any deadline of the real clock
  const gate = newGate({ places: 1, now: () => now });
  const ends: (() => void)[] = [];
  const all: Promise<void>[] = [];
  let refused = 0;
  const ask = async (): Promise<void> => {
    try {
      await gate.run({ ...ctx, deadline: now + 300 }, () => new Promise<void>((resolve) => void ends.push(resolve)));
    } catch (err) {
      assert.deepEqual([codeOf(err), (err as Error).message], [Code.Unavailable, "the server is overloaded: try again later"]);
      refused++;
    }
  };
  for (let i = 0; i < 800; i++) {
    if (i === 700) refused = 0;
    for (let come = 0; come < 5; come++) all.push(ask());
    now += 10;
    ends.shift()?.();
    await turn();
  }
  assert.ok(refused >= 395 && refused <= 405, `${refused} of 500 refused`);
  now += 2000;
  const [before, last] = [refused, ask()];
  while (gate.busy > 0) {
    ends.shift()?.();
    await turn();
  }
  await Promise.all([...all, last]);
  assert.equal(refused, before);
});
