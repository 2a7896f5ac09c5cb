import assert from "node:assert/strict";
import { test } from "node:test";
import { background, Code, type Failure, newError, withCancel } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { retry } from "./retry.ts";

const transient = newError(Code.Unavailable, "later");

test("waits double from the first to five seconds, each cut by up to a half, and end with the tries", async () => {
  for (const [random, want] of [
    [0, [0, 100, 300, 700, 1500, 3100, 5600, 8100]],
    [1, [0, 200, 600, 1400, 3000, 6200, 11_200, 16_200]],
  ] as const) {
    const clock = fakeClock();
    const at: number[] = [];
    const done = retry(background(), { clock, random: () => random, tries: 8 }, async () => {
      at.push(clock.now());
      throw transient;
    });
    const failed = assert.rejects(done, (err) => err === transient);
    await clock.advance(60_000);
    await failed;
    assert.deepEqual(at, want);
    assert.equal(clock.pending, 0);
  }
});

for (const code of [Code.NotFound, Code.PermissionDenied, Code.Unauthenticated, Code.ResourceExhausted, Code.DataLoss, Code.Aborted, Code.Internal]) {
  test(`code ${code} is not tried again`, async () => {
    let tried = 0;
    const work = async (): Promise<void> => {
      tried++;
      throw newError(code, "for good");
    };
    await assert.rejects(retry(background(), { clock: fakeClock(), random: Math.random }, work), (err: Failure) => err.code === code);
    assert.equal(tried, 1);
  });
}

test("what succeeds at last is given back", async () => {
  const clock = fakeClock();
  let left = 3;
  const done = retry(background(), { clock, random: () => 0 }, async () => {
    if (left-- > 0) throw transient;
    return "here";
  });
  await clock.advance(10_000);
  assert.equal(await done, "here");
});

test("cancelling ends a wait with the context's reason, and leaves no timer", async () => {
  const clock = fakeClock();
  using ctx = withCancel(background());
  const done = retry(ctx, { clock, random: () => 0 }, async () => {
    throw transient;
  });
  const failed = assert.rejects(done, (err: Failure) => err.code === Code.Canceled);
  await clock.advance(1);
  ctx.cancel();
  await failed;
  assert.equal(clock.pending, 0);
});
