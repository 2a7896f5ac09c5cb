import assert from "node:assert/strict";
import { test } from "node:test";
import { newWatch, type Watch } from "./watch.ts";

/** Bounds in beats: 3, 6 and 4. */
const patience = { beatMs: 1000, idleMs: 3000, busyMs: 6000, overdueMs: 4000 };
const idle = { busy: false, overdue: false };
const busy = { busy: true, overdue: false };
const overdue = { busy: true, overdue: true };

const cases: readonly { readonly name: string; readonly beats: number; readonly each: (w: Watch) => string | undefined; readonly want: RegExp | undefined }[] =
  [
    { name: "silence of as long as one may be silent is fine", beats: 3, each: (w) => w.beat(idle), want: undefined },
    { name: "one that has nothing to do and is silent for longer hangs", beats: 4, each: (w) => w.beat(idle), want: /it had given no sign for 4 s/ },
    { name: "one that works may be silent for long", beats: 6, each: (w) => w.beat(busy), want: undefined },
    { name: "but not for ever", beats: 7, each: (w) => w.beat(busy), want: /it had given no sign for 7 s/ },
    {
      name: "one that gives signs may work as long as it likes",
      beats: 1000,
      each: (w) => {
        w.heard();
        return w.beat(busy);
      },
      want: undefined,
    },
    {
      name: "calls whose time is up may be under way for a while",
      beats: 4,
      each: (w) => {
        w.heard();
        return w.beat(overdue);
      },
      want: undefined,
    },
    {
      name: "not for longer, though it gives signs",
      beats: 5,
      each: (w) => {
        w.heard();
        return w.beat(overdue);
      },
      want: /no call had ended for 5 s though their time was up/,
    },
    {
      name: "as long as calls end, others may be late",
      beats: 1000,
      each: (w) => {
        w.heard();
        w.ended(10);
        return w.beat(overdue);
      },
      want: undefined,
    },
  ];
for (const { name, beats, each, want } of cases) {
  test(name, () => {
    const watch = newWatch(patience);
    let got: string | undefined;
    for (let i = 0; i < beats; i++) {
      assert.equal(got, undefined);
      got = each(watch);
    }
    if (want === undefined) assert.equal(got, undefined);
    else assert.match(got ?? "", want);
  });
}

test("who has seen a long run waits ten times as long for a late one", () => {
  const watch = newWatch(patience);
  watch.ended(1000);
  for (let i = 0; i < 10; i++) {
    watch.heard();
    assert.equal(watch.beat(overdue), undefined);
  }
  watch.heard();
  assert.match(watch.beat(overdue) ?? "", /no call had ended for 11 s/);
});
test("late calls that end in between begin anew", () => {
  const watch = newWatch(patience);
  for (let i = 0; i < 20; i++) {
    watch.heard();
    assert.equal(watch.beat(i % 4 === 3 ? busy : overdue), undefined);
  }
});
