import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { test } from "node:test";
import {
  background,
  type CancelCtx,
  Code,
  type Ctx,
  canceled,
  codeOf,
  deadlineExceeded,
  done,
  hasEnded,
  newError,
  newKey,
  race,
  remainingMs,
  throwIfDone,
  withCancel,
  withSignal,
  withTimeout,
  withValue,
} from "./index.ts";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;
const ended = async (ctx: Ctx): Promise<void> => {
  if (!ctx.signal.aborted) await once(ctx.signal, "abort");
};
const why = newError(Code.Unavailable, "shutting down");

test("the root never ends", () => {
  assert.equal(background().signal.aborted, false);
  assert.equal(background().deadline, Number.POSITIVE_INFINITY);
  assert.equal(remainingMs(background()), Number.POSITIVE_INFINITY);
  throwIfDone(background());
});

test("nothing ever listens to the root's signal", () => {
  using _ = withTimeout(withCancel(background()), 1000);
  assert.equal(listeners(background().signal), 0);
});

// Each row makes a child, ends something, and says what the child's reason must be.
const ends: { name: string; make: (parent: Ctx) => CancelCtx; end: (parent: CancelCtx, child: CancelCtx) => void; want: unknown }[] = [
  { name: "a parent's end reaches its child with the same reason", make: withCancel, end: (p) => p.cancel(why), want: why },
  { name: "a grandparent's end reaches too", make: (p) => withTimeout(withCancel(p), 1e6), end: (p) => p.cancel(why), want: why },
  { name: "an end passes through values", make: (p) => withCancel(withValue(p, newKey<number>("n"), 1)), end: (p) => p.cancel(why), want: why },
  { name: "cancel without a reason gives the ready-made one", make: withCancel, end: (_, c) => c.cancel(), want: canceled },
  { name: "disposing cancels", make: withCancel, end: (_, c) => c[Symbol.dispose](), want: canceled },
  {
    name: "the first reason stays",
    make: withCancel,
    end: (p, c) => {
      c.cancel(why);
      c.cancel(new Error("later"));
      p.cancel(new Error("later still"));
    },
    want: why,
  },
];
for (const tc of ends) {
  test(tc.name, () => {
    using parent = withCancel(background());
    using child = tc.make(parent);
    assert.equal(child.signal.aborted, false);
    tc.end(parent, child);
    assert.equal(child.signal.reason, tc.want);
    assert.throws(
      () => throwIfDone(child),
      (err) => err === tc.want,
    );
  });
}

test("a child of an ended parent is born ended, whatever its kind", () => {
  using parent = withCancel(background());
  parent.cancel(why);
  const makers = [withCancel, (p: Ctx) => withTimeout(p, 1000), (p: Ctx) => withSignal(p, new AbortController().signal)];
  for (const make of makers) assert.equal(make(parent).signal.reason, why);
});

test("a child's end does not touch its parent", () => {
  using parent = withCancel(background());
  withCancel(parent).cancel(why);
  assert.equal(parent.signal.aborted, false);
});

/** made is a context that is not of this package's making. */
const made = (signal: AbortSignal): Ctx => ({ ...background(), signal });

const leaks: { name: string; make: (parent: Ctx, foreign: AbortSignal) => CancelCtx; end: (child: CancelCtx) => void }[] = [
  { name: "withCancel, disposed", make: withCancel, end: (c) => c[Symbol.dispose]() },
  { name: "withCancel, cancelled", make: withCancel, end: (c) => c.cancel(why) },
  { name: "withTimeout, disposed", make: (p) => withTimeout(p, 1e6), end: (c) => c[Symbol.dispose]() },
  { name: "withTimeout, over at once", make: (p) => withTimeout(p, 0), end: () => {} },
  { name: "withSignal, disposed", make: withSignal, end: (c) => c[Symbol.dispose]() },
  { name: "withSignal, cancelled", make: withSignal, end: (c) => c.cancel(why) },
];
for (const tc of leaks) {
  test(`no listener is left behind: ${tc.name}`, () => {
    const [parent, foreign] = [made(new AbortController().signal), new AbortController().signal];
    for (let i = 0; i < 100; i++) tc.end(tc.make(parent, foreign));
    assert.equal(listeners(parent.signal), 0);
    assert.equal(listeners(foreign), 0);
  });
}

for (const kind of ["of this package", "of another make"])
  test(`a thousand children of a context ${kind} need one listener at most; who has left is not told, who stays is`, () => {
    const controller = new AbortController();
    const own = withCancel(background());
    const parent = kind === "of this package" ? own : made(controller.signal);
    const children = Array.from({ length: 1000 }, () => withCancel(parent));
    assert.ok(listeners(parent.signal) <= 1);
    for (const child of children.slice(1)) child.cancel(new Error("left"));
    const late = withCancel(withValue(parent, newKey("k"), 1));
    own.cancel(why);
    controller.abort(why);
    assert.deepEqual([children[0]?.signal.reason, late.signal.reason], [why, why]);
    assert.match(String(children[1]?.signal.reason), /left/);
  });

test("a signal that is asked for late tells what has happened, and is always the same", async () => {
  const ctx = withValue(withCancel(background()), newKey("k"), 1);
  const child = withCancel(ctx);
  assert.equal(hasEnded(ctx), false);
  assert.equal(ctx.signal, ctx.signal);
  child.cancel(why);
  assert.deepEqual([hasEnded(child), child.signal.aborted, child.signal.reason, hasEnded(ctx), ctx.signal.aborted], [true, true, why, false, false]);
  assert.equal(child.signal, child.signal);
  await done(child);
});

test("a signal whose followers have all left can be followed again", () => {
  const parent = withCancel(background());
  withCancel(parent).cancel();
  const again = withCancel(parent);
  parent.cancel(why);
  assert.equal(again.signal.reason, why);
});

test("a child may end its sibling while both are being told", () => {
  const parent = withCancel(background());
  const first = withCancel(parent);
  const second = withCancel(parent);
  assert.equal(first.signal.aborted || second.signal.aborted, false); // both follow from here on
  first.signal.addEventListener("abort", () => second.cancel(new Error("by its sibling")));
  parent.cancel(why);
  assert.match(String(second.signal.reason), /by its sibling/);
});

const unwatched: {
  name: string;
  make: (parent: Ctx, foreign: AbortSignal) => CancelCtx;
  end: (parent: CancelCtx, foreign: AbortController) => void;
  want: Code;
}[] = [
  { name: "its parent's end", make: withCancel, end: (parent) => parent.cancel(why), want: Code.Unavailable },
  {
    name: "its grandparent's",
    make: (parent) => withCancel(withValue(withCancel(parent), newKey<number>("n"), 1)),
    end: (parent) => parent.cancel(why),
    want: Code.Unavailable,
  },
  { name: "a foreign signal's", make: withSignal, end: (_, foreign) => foreign.abort(), want: Code.Canceled },
  { name: "its deadline", make: (parent) => withTimeout(parent, -1), end: () => {}, want: Code.DeadlineExceeded },
  { name: "its parent's deadline", make: (parent) => withCancel(withTimeout(parent, -1)), end: () => {}, want: Code.DeadlineExceeded },
];
for (const { name, make, end, want } of unwatched)
  test(`a context that nobody follows listens to nothing, and learns of ${name} when it is asked`, () => {
    const [parent, foreign] = [withCancel(background()), new AbortController()];
    const asked = [make(parent, foreign.signal), make(parent, foreign.signal), make(parent, foreign.signal)] as const;
    assert.equal(listeners(foreign.signal), 0);
    end(parent, foreign);
    assert.equal(hasEnded(asked[0]), true);
    assert.throws(
      () => throwIfDone(asked[1]),
      (err) => codeOf(err) === want,
    );
    assert.equal(codeOf(asked[2].signal.reason), want);
  });

test("when the parent ends, nothing listens to the foreign signal any more", () => {
  const parent = withCancel(background());
  const foreign = new AbortController().signal;
  using _ = withSignal(parent, foreign);
  parent.cancel();
  assert.equal(listeners(foreign), 0);
});

test("a timeout ends with DeadlineExceeded, the ready-made one", async () => {
  using ctx = withTimeout(background(), 2);
  await ended(ctx);
  assert.equal(ctx.signal.reason, deadlineExceeded);
  assert.ok(performance.now() >= ctx.deadline, "not before its deadline");
});

test("of two timeouts the shorter ends first, the longer lives on", async () => {
  using long = withTimeout(background(), 1e6);
  using short = withTimeout(long, 2);
  await ended(short);
  assert.equal(long.signal.aborted, false);
});

test("a child's deadline is never later than its parent's, and comes with the parent's end", async () => {
  using parent = withTimeout(background(), 2);
  using child = withTimeout(parent, 1e6);
  assert.equal(child.deadline, parent.deadline);
  await ended(child);
  assert.equal(child.signal.reason, deadlineExceeded);
});

for (const ms of [0, -1, Number.NEGATIVE_INFINITY]) {
  test(`a timeout of ${ms} ms has passed already`, () => {
    using ctx = withTimeout(background(), ms);
    assert.equal(ctx.signal.reason, deadlineExceeded);
    assert.equal(remainingMs(ctx), 0);
  });
}

test("a timeout longer than setTimeout can hold does not end at once", async () => {
  using ctx = withTimeout(background(), 2 ** 40);
  using short = withTimeout(background(), 5);
  await ended(short);
  assert.equal(ctx.signal.aborted, false);
});

test("an endless timeout has no deadline", () => {
  using ctx = withTimeout(background(), Number.POSITIVE_INFINITY);
  assert.equal(ctx.deadline, Number.POSITIVE_INFINITY);
});

test("NaN is no timeout", () => assert.throws(() => withTimeout(background(), Number.NaN), /not NaN/));

test("throwIfDone sees a passed deadline even where no timer runs", () => {
  const ctx: Ctx = { ...background(), deadline: performance.now() - 1 };
  assert.throws(
    () => throwIfDone(ctx),
    (err) => err === deadlineExceeded,
  );
});

const reasons: { name: string; reason: () => unknown; code: Code; same: boolean }[] = [
  { name: "a failure stays itself", reason: () => why, code: Code.Unavailable, same: true },
  { name: "an error caused by a failure stays itself", reason: () => new Error("x", { cause: why }), code: Code.Unavailable, same: true },
  { name: "a bare abort() becomes Canceled", reason: () => undefined, code: Code.Canceled, same: false },
  { name: "a string becomes Canceled", reason: () => "user left", code: Code.Canceled, same: false },
  {
    name: "a platform timeout becomes DeadlineExceeded",
    reason: () => new DOMException("timed out", "TimeoutError"),
    code: Code.DeadlineExceeded,
    same: false,
  },
];
for (const tc of reasons) {
  test(`a foreign signal's reason: ${tc.name}`, () => {
    for (const late of [false, true]) {
      const foreign = new AbortController();
      const reason = tc.reason();
      if (!late) foreign.abort(reason);
      using ctx = withSignal(background(), foreign.signal);
      if (late) foreign.abort(reason);
      assert.equal(codeOf(ctx.signal.reason), tc.code);
      if (tc.same) assert.equal(ctx.signal.reason, reason);
      else assert.equal((ctx.signal.reason as Error).cause, foreign.signal.reason);
    }
  });
}

test("a value is found from every descendant, and only under its own key", () => {
  const [peer, twin] = [newKey<string>("peer"), newKey<string>("peer")];
  using ctx = withTimeout(withCancel(withValue(withValue(background(), peer, "a"), peer, "b")), 1e6);
  assert.equal(ctx.value(peer), "b");
  assert.equal(ctx.value(twin), undefined);
});

test("race gives the work's answer and stops listening", async () => {
  using ctx = withCancel(background());
  assert.equal(await race(ctx, Promise.resolve(7)), 7);
  await assert.rejects(race(ctx, Promise.reject(why)), (err) => err === why);
  assert.equal(listeners(ctx.signal), 0);
});

test("race ends with the context, and the work may fail later without harm", async () => {
  using ctx = withCancel(background());
  let fail: (err: Error) => void = () => {};
  const work = new Promise<number>((_, reject) => {
    fail = reject;
  });
  const raced = race(ctx, work);
  ctx.cancel(why);
  await assert.rejects(raced, (err) => err === why);
  fail(new Error("too late for anybody to see"));
});

test("race in an ended context fails at once", async () => {
  using ctx = withCancel(background());
  ctx.cancel(why);
  await assert.rejects(race(ctx, new Promise(() => {})), (err) => err === why);
});
