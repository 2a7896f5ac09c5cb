import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { background, type Ctx, newGroup, race, withCancel } from "./index.ts";

const untilEnd = (ctx: Ctx): Promise<void> => race(ctx, new Promise<void>(() => {}));

test("wait returns when all tasks have", async () => {
  const group = newGroup(background());
  const done: number[] = [];
  for (const n of [1, 2, 3]) group.go(async () => void done.push(n));
  await group.wait();
  assert.deepEqual(done, [1, 2, 3]);
});

test("a group without tasks is over at once", () => newGroup(background()).wait());

test("the first failure stops the others and is the one thrown", async () => {
  const first = new Error("first");
  const group = newGroup(background());
  let seen: unknown;
  group.go(async (ctx) => {
    await untilEnd(ctx).catch((err: unknown) => {
      seen = err;
    });
    throw new Error("second");
  });
  group.go(async () => {
    throw first;
  });
  await assert.rejects(group.wait(), (err) => err === first);
  assert.equal(seen, first);
});

test("a task that throws before its first await fails like any other", async () => {
  const group = newGroup(background());
  group.go(() => {
    throw new Error("at once");
  });
  await assert.rejects(group.wait(), /at once/);
});

test("even a failure of undefined is a failure", async () => {
  const group = newGroup(background());
  group.go(() => Promise.reject(undefined));
  let thrown = false;
  await group.wait().catch(() => {
    thrown = true;
  });
  assert.equal(thrown, true);
});

test("tasks that tasks start are waited for", async () => {
  const group = newGroup(background());
  const order: string[] = [];
  group.go(async () => {
    await Promise.resolve();
    group.go(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      group.go(async () => {
        await Promise.resolve();
        order.push("grandchild");
      });
      order.push("child");
    });
    order.push("parent");
  });
  await group.wait();
  assert.deepEqual(order, ["parent", "child", "grandchild"]);
});

test("the parent's end reaches the tasks", async () => {
  using parent = withCancel(background());
  const group = newGroup(parent);
  group.go(untilEnd);
  parent.cancel(new Error("stop"));
  await assert.rejects(group.wait(), /stop/);
});

test("in an ended parent tasks still run, and see that it has ended", async () => {
  using parent = withCancel(background());
  parent.cancel();
  const group = newGroup(parent);
  let aborted = false;
  group.go(async (ctx) => {
    aborted = ctx.signal.aborted;
  });
  await group.wait();
  assert.equal(aborted, true);
});

test("after wait nothing is left on the parent, failed or not", async () => {
  using parent = withCancel(background());
  for (const fail of [false, true]) {
    const group = newGroup(parent);
    group.go(() => (fail ? Promise.reject(new Error("x")) : Promise.resolve()));
    await group.wait().catch(() => {});
  }
  assert.equal(getEventListeners(parent.signal, "abort").length, 0);
});

test("a task started after wait has returned is refused: nobody would see it end", async () => {
  const group = newGroup(background());
  await group.wait();
  assert.throws(() => group.go(async () => {}), /after wait has returned/);
});
