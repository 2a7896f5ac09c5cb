import assert from "node:assert/strict";
import { test } from "node:test";
import { intervalMs, type Load, newLoad, patienceMs } from "./load.ts";

/** Span is a time in which calls leave the line, one every ms. */
interface Span {
  readonly ms: number;
  readonly waitMs: number;
  /** late are so many of a hundred. */
  readonly late?: number;
  /** refused are so many of a hundred that come; `waiting` is what stands in line then. */
  readonly waiting?: number;
  /** takesMs is what each takes; nothing runs if it is not said. */
  readonly takesMs?: number;
  /** idle is the part of the time in which there was nothing to do. */
  readonly idle?: number;
}

/** lived is a load after some spans of calls that take a ms each, and the time then. */
function lived(...spans: readonly Span[]): { readonly load: Load; readonly now: number } {
  let idleMs = 0;
  const load = newLoad(spans.some(({ idle }) => idle !== undefined) ? { idleMs: () => idleMs } : {});
  for (let i = 0; i < 100; i++) load.ran(1, 1);
  let now = 0;
  for (const { ms, waitMs, late = 0, waiting = 0, takesMs, idle = 0 } of spans)
    for (const end = now + ms; now < end; now++) {
      idleMs += idle;
      load.came(now, waiting, false);
      load.began(now, waitMs, now % 100 < late);
      if (takesMs !== undefined) load.ran(1, takesMs);
    }
  return { load, now };
}

const judged = intervalMs + 1;
const flood: Span = { ms: judged, waitMs: 900, late: 50, waiting: 900 };
const states: readonly { readonly name: string; readonly spans: readonly Span[]; readonly want: boolean }[] = [
  { name: "nothing has happened", spans: [], want: false },
  { name: "a long line of calls that are all in time is none", spans: [{ ms: 9 * judged, waitMs: 5_000, waiting: 10_000 }], want: false },
  { name: "a line in which many are late is one", spans: [flood], want: true },
  { name: "not before an interval is over", spans: [{ ...flood, ms: intervalMs }], want: false },
  { name: "a few that are late are none: they asked for too much", spans: [{ ...flood, late: 4 }], want: false },
  { name: "as many as a twentieth are", spans: [{ ...flood, late: 5 }], want: true },
  { name: "late without a line is none", spans: [{ ms: judged, waitMs: 2, late: 50 }], want: false },
  {
    name: "a line that was short for a moment is none",
    spans: [
      { ...flood, ms: 100 },
      { ms: 1, waitMs: 1 },
      { ...flood, ms: judged - 101 },
    ],
    want: false,
  },
  { name: "who says no deadline has patience", spans: [{ ms: judged, waitMs: patienceMs }], want: false },
  { name: "… and not more than that", spans: [{ ms: judged, waitMs: patienceMs + 1 }], want: true },
  { name: "it goes on while calls are refused", spans: [flood, { ms: 9 * intervalMs, waitMs: 3, waiting: 3 }], want: true },
  { name: "… and those would have taken more time than there was", spans: [flood, { ms: 2 * judged, waitMs: 3, waiting: 3, takesMs: 1.01 }], want: true },
  {
    name: "it is over when there was time for all, whoever a burst has had refused",
    spans: [flood, { ms: 2 * judged, waitMs: 3, waiting: 3, takesMs: 0.99 }],
    want: false,
  },
  {
    name: "… and where it is known how long there was nothing to do, what calls take besides their run counts: half of them ran, and took most of the time",
    spans: [flood, { ms: 2 * judged, waitMs: 3, waiting: 900, takesMs: 0.01, idle: 0.1 }],
    want: true,
  },
  {
    name: "it is over when those that were refused could have run while there was nothing to do",
    spans: [flood, { ms: 2 * judged, waitMs: 3, waiting: 900, takesMs: 0.01, idle: 0.6 }],
    want: false,
  },
  { name: "it is over when none was refused for an interval", spans: [flood, { ms: intervalMs, waitMs: 3, waiting: 2 }], want: false },
];
for (const { name, spans, want } of states) test(`overload: ${name}`, () => assert.equal(lived(...spans).load.overloaded, want));

test("overload is over when nobody came for a while", () => {
  const { load, now } = lived(flood);
  assert.equal(load.came(now, 1_000, false), true);
  assert.equal(load.came(now + 2 * intervalMs, 1_000, false), false);
});

const flooded: readonly { readonly name: string; readonly waiting: number; readonly low?: boolean; readonly came: boolean; readonly swamped: boolean }[] = [
  { name: "what is done at once is taken", waiting: 2, came: false, swamped: false },
  { name: "one more is not", waiting: 3, came: true, swamped: false },
  { name: "low priority has half of the line", waiting: 1, low: true, came: false, swamped: false },
  { name: "… and not more, while others are still taken", waiting: 2, low: true, came: true, swamped: false },
  { name: "what took its time to come is refused at twice the line", waiting: 6, came: true, swamped: true },
  { name: "… of low priority at once the line", waiting: 3, low: true, came: true, swamped: true },
];
for (const { name, waiting, low = false, came, swamped } of flooded)
  test(`in overload, of calls that take a ms: ${name}`, () => {
    const { load, now } = lived(flood);
    assert.deepEqual([load.came(now, waiting, low), load.swamped(waiting, low)], [came, swamped]);
  });

const lines: readonly { readonly callMs: number; readonly line: number }[] = [
  { callMs: 0.02, line: 125 },
  { callMs: 0.1, line: 25 },
  { callMs: 1, line: 3 },
  { callMs: 50, line: 3 },
];
for (const { callMs, line } of lines)
  test(`in overload the line has ${line} calls that take ${callMs} ms`, () => {
    const { load, now } = lived(flood);
    for (let i = 0; i < 200; i++) load.ran(4, 4 * callMs);
    assert.ok(Math.abs(load.meanMs - callMs) < callMs / 100);
    assert.deepEqual([load.came(now, line - 1, false), load.came(now, line + 1, false)], [false, true]);
  });
