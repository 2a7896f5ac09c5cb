import assert from "node:assert/strict";
import { test } from "node:test";
import { background, Code, newError, withCancel } from "@tfs/std";
import { newGate, newRuns } from "./index.ts";

const ctx = background();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("runs are over when what they do has ended, though a caller has gone, and one that never began is none", async () => {
  const [gate, runs] = [newGate({ places: 1 }), newRuns()];
  let end = (): void => {};
  const held = new Promise<void>((resolve) => (end = resolve));
  using gone = withCancel(ctx);
  const left = runs.run(
    (work) => gate.run(gone, work),
    () => held,
  );
  const waiting = runs.run(
    (work) => gate.run(gone, work),
    async () => assert.fail("it begins"),
  );
  await turn();
  gone.cancel(newError(Code.Canceled, "enough"));
  for (const run of [left, waiting]) await assert.rejects(run, { code: Code.Canceled });
  let over = false;
  const closing = runs.over().then(() => (over = true));
  await turn();
  assert.equal(over, false);
  end();
  await closing;
});

test("runs that fail are over, and without any it is over at once", async () => {
  const runs = newRuns();
  await runs.over();
  await assert.rejects(
    runs.run(
      (work) => work(),
      () => Promise.reject(new Error("no")),
    ),
    /no/,
  );
  await assert.rejects(
    runs.run(
      () => Promise.reject(new Error("not let in")),
      async () => {},
    ),
    /not let in/,
  );
  await runs.over();
});
