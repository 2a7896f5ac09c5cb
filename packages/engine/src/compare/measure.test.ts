import assert from "node:assert/strict";
import { test } from "node:test";
import { background } from "@tfs/std";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import type { LoadedModel, Trial } from "../engine.ts";
import { measure } from "./measure.ts";

/** timed is a model whose runs take the times given, one after the other, the last one from then on; undefined fails. */
function timed(clock: FakeClock, ...times: readonly (number | undefined)[]): LoadedModel {
  let runs = 0;
  return {
    run: async () => {
      const ms = times[Math.min(runs++, times.length - 1)];
      if (ms === undefined) throw new Error("it broke");
      await clock.advance(ms);
      return [];
    },
  } as unknown as LoadedModel;
}
const trials = (n: number): Trial[] => Array.from({ length: n }, () => ({ feeds: new Map(), fetches: [] }));
const rounded = (measured: Awaited<ReturnType<typeof measure>>): unknown[] => measured.map((one) => ("ms" in one ? Math.round(one.ms * 100) / 100 : one.why));

interface Case {
  readonly name: string;
  readonly models: readonly (readonly (number | undefined)[])[];
  readonly trials?: number;
  readonly untilMs?: number;
  readonly least?: number;
  readonly want: readonly unknown[];
}
const cases: readonly Case[] = [
  { name: "each model has its time", models: [[10], [20]], want: [10, 20] },
  { name: "the first turns do not count", models: [[90, 80, 10], [20]], want: [10, 20] },
  { name: "nor does what is unusual", models: [[10, 10, 10, 1, 90, 10], [20]], untilMs: 230, want: [10, 20] },
  { name: "what is quick is run several times in a turn", models: [[0.5], [0.25]], want: [0.5, 0.25] },
  { name: "one that fails has no time, and the others do", models: [[10], [10, undefined], [30]], want: [10, "it broke", 30] },
  { name: "great and small trials count alike", models: [[1, 100]], trials: 2, untilMs: 101, want: [10] },
  { name: "no time is no figure", models: [[10], [20]], untilMs: 0, want: ["there was no time to measure it", "there was no time to measure it"] },
  { name: "no time is a figure where a round is run in any case", models: [[10], [20]], untilMs: 0, least: 1, want: [10, 20] },
  { name: "one that has had no turn has none", models: [[10], [20]], untilMs: 5, want: [10, "there was no time to measure it"] },
  { name: "nor one that has not run all trials", models: [[10]], trials: 2, untilMs: 5, want: ["there was no time to measure it"] },
];
for (const tc of cases) {
  test(`measuring: ${tc.name}`, async () => {
    const clock = fakeClock();
    const got = await measure(
      background(),
      tc.models.map((times) => timed(clock, ...times)),
      trials(tc.trials ?? 1),
      { clock, untilMs: tc.untilMs ?? 1e9, ...(tc.least !== undefined && { least: tc.least }) },
    );
    assert.deepEqual(rounded(got), tc.want);
  });
}

test("measuring: models take turns, and nobody is always the first", async () => {
  const clock = fakeClock();
  const order: number[] = [];
  const models = [0, 1].map((m) => {
    const model = timed(clock, 10);
    const run: LoadedModel["run"] = (...call) => {
      order.push(m);
      return model.run(...call);
    };
    return { ...model, run };
  });
  await measure(background(), models, trials(1), { clock, untilMs: 35 });
  assert.deepEqual(order, [0, 1, 1, 0]);
});
test("measuring: it ends by itself", async () => {
  const clock = fakeClock();
  await measure(background(), [timed(clock, 1)], trials(1), { clock, untilMs: Number.POSITIVE_INFINITY });
  assert.equal(clock.now(), 119); // one run, then turns of two
});
