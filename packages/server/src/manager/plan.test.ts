import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { plan, type Tracked, type Transition } from "./plan.ts";
import { type State, state } from "./state.ts";

// A row of testdata/manager/plan.txt is a transition, versions such as "2 loading aspired", "->", and the steps that are expected, in order.
const words: Readonly<Record<string, State>> = {
  new: state.start,
  loading: state.loading,
  ready: state.available,
  unloading: state.unloading,
  ended: state.end,
};

for (const line of readFileSync(new URL("../../testdata/manager/plan.txt", import.meta.url), "utf8").split("\n")) {
  if (line === "" || line.startsWith("#")) continue;
  const found = /^(availability|resource): (.*) -> (.*)$/.exec(line);
  assert.ok(found !== null, `cannot read ${line}`);
  const [, transition, versions, want] = found;
  test(line, () => {
    const tracked = versions === "nothing" ? [] : versions!.split(", ").map(trackedOf);
    const steps = plan(tracked, transition as Transition).map(({ kind, version }) => `${kind} ${version}`);
    assert.equal(steps.length === 0 ? "nothing" : steps.join(", "), want);
  });
}

function trackedOf(text: string): Tracked {
  const [version = "", word = "", aspired] = text.split(" ");
  const at = words[word];
  assert.ok(at !== undefined && (aspired === undefined || aspired === "aspired"), `cannot read ${text}`);
  return { version: BigInt(version), state: at, aspired: aspired === "aspired" };
}

test("a plan leaves what it was given as it was", () => {
  const versions: Tracked[] = [{ version: 1n, state: state.start, aspired: true }];
  plan(versions, "availability");
  assert.deepEqual(versions, [{ version: 1n, state: state.start, aspired: true }]);
});
