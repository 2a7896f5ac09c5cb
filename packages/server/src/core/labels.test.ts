import assert from "node:assert/strict";
import { after, test } from "node:test";
import { background, Code } from "@tfs/std";
import { modelsOf } from "../config/index.ts";
import { answer, label, list, newBases, one, open, soon, specific, started, states } from "../testing/cores.ts";
import { scratch } from "../testing/index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const base = newBases(dir);
const kept = base("1");

test("two versions: none asked, one by number, two by label, an unknown label", async () => {
  const path = base("1", "2");
  await using opened = await started(list(one("m", path, `${specific(1, 2)} ${label("A", 1)} ${label("B", 2)}`)), { allowLabelsForUnavailable: true });
  await soon(opened.core, () => states(opened.core, "m").join() === "2 available,1 available");
  const asked = [
    answer(opened.core, "m"),
    answer(opened.core, "m", 1n),
    answer(opened.core, "m", "A"),
    answer(opened.core, "m", "B"),
    answer(opened.core, "m", "C"),
  ];
  assert.deepEqual(asked, ["2", "1", "1", "2", "Unrecognized servable version label: C"]);
});

/** Labels: each step is a configuration of model m with both versions, and what it leads to. Versions 1 and 2 are there; 3 is not. */
const both = base("1", "2");
const notYet = (version: number): string => `Request to assign label to version ${version} of model m, which is not currently available for inference`;
interface Step {
  readonly labels: string;
  readonly versions?: readonly number[];
  readonly refused?: string;
  /** leads is where each label leads afterwards. */
  readonly leads: Readonly<Record<string, string>>;
}
const unknown = (name: string): string => `Unrecognized servable version label: ${name}`;
const paths: readonly { readonly name: string; readonly allow?: boolean; readonly force?: boolean; readonly steps: readonly Step[] }[] = [
  {
    name: "a label moves from N to N+1 and back",
    steps: [
      { labels: label("stable", 1), leads: { stable: "1" } },
      { labels: label("stable", 2), leads: { stable: "2" } },
      { labels: label("stable", 1), leads: { stable: "1" } },
    ],
  },
  {
    name: "a roll-over in two steps leaves the old version behind",
    steps: [
      { labels: `${label("stable", 1)} ${label("canary", 2)}`, leads: { stable: "1", canary: "2" } },
      { labels: label("stable", 2), leads: { stable: "2", canary: unknown("canary") } },
      { labels: label("stable", 2), versions: [2], leads: { stable: "2" } },
    ],
  },
  {
    name: "a label does not move to a version that is not available, and stays where it was",
    steps: [
      { labels: label("stable", 1), leads: { stable: "1" } },
      { labels: label("stable", 3), versions: [1, 2, 3], refused: notYet(3), leads: { stable: "1" } },
    ],
  },
  {
    name: "with the flag a label that exists does not move to one either",
    allow: true,
    steps: [
      { labels: label("stable", 1), leads: { stable: "1" } },
      { labels: label("stable", 3), versions: [1, 2, 3], refused: notYet(3), leads: { stable: "1" } },
    ],
  },
  {
    name: "with the flag a new label may point to what is not there yet",
    allow: true,
    steps: [{ labels: `${label("stable", 1)} ${label("next", 3)}`, leads: { stable: "1", next: "Servable not found for request: Specific(m, 3)" } }],
  },
  {
    name: "forced, a label may point and move to anything",
    force: true,
    steps: [
      { labels: label("stable", 1), leads: { stable: "1" } },
      { labels: label("stable", 3), leads: { stable: "Servable not found for request: Specific(m, 3)" } },
    ],
  },
  {
    name: "two labels may share a version, and labels may be any text",
    steps: [{ labels: `${label("a", 1)} ${label("b", 1)} ${label("größe/ü", 2)}`, leads: { a: "1", b: "1", "größe/ü": "2" } }],
  },
  {
    name: "a label outlives its version",
    steps: [
      { labels: label("old", 1), leads: { old: "1" } },
      { labels: label("old", 1), versions: [2], leads: { old: "Servable not found for request: Specific(m, 1)" } },
    ],
  },
];
for (const path of paths) {
  test(`labels: ${path.name}`, async () => {
    await using opened = await started(list(one("m", both, specific(1, 2))), {
      allowLabelsForUnavailable: path.allow ?? false,
      forceLabels: path.force ?? false,
    });
    await soon(opened.core, () => states(opened.core, "m").join() === "2 available,1 available");
    for (const step of path.steps) {
      const reload = opened.core.reload(ctx, list(one("m", both, `${specific(...(step.versions ?? [1, 2]))} ${step.labels}`)));
      if (step.refused === undefined) await reload;
      else await assert.rejects(reload, { code: Code.FailedPrecondition, message: step.refused });
      for (const [name, want] of Object.entries(step.leads)) assert.equal(answer(opened.core, "m", name), want, `${step.labels}: ${name}`);
    }
  });
}
test("labels at the start are refused, because nothing is available yet", async () => {
  await using opened = open();
  await assert.rejects(opened.core.start(ctx, modelsOf(list(one("m", kept, label("stable", 1))))), { code: Code.FailedPrecondition, message: notYet(1) });
});
test("labels at the start are taken with the flag, and lead to their versions once those are loaded", async () => {
  await using opened = await started(list(one("m", kept, label("stable", 1))), { allowLabelsForUnavailable: true });
  assert.equal(answer(opened.core, "m", "stable"), "1");
});
