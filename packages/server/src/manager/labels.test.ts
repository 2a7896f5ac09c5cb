import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { assignLabels, type Labels } from "./index.ts";

const labels = (text: string): Labels => {
  const found = new Map<string, Map<string, bigint>>();
  for (const [, model = "", label = "", version = ""] of text.matchAll(/(\w+)\/(\w+)=(\d+)/g)) {
    if (!found.has(model)) found.set(model, new Map());
    found.get(model)!.set(label, BigInt(version));
  }
  return found;
};
const refused = (version: number) => `Request to assign label to version ${version} of model m, which is not currently available for inference`;
// m has versions 1 and 2.
const rows: { name: string; now?: string; wanted: string; allow?: boolean; force?: boolean; want?: string }[] = [
  { name: "a label may point to an available version", wanted: "m/stable=1 m/canary=2" },
  { name: "two labels may share one", wanted: "m/a=1 m/b=1" },
  { name: "to another it may not", wanted: "m/stable=1 m/canary=3", want: refused(3) },
  { name: "unless that is allowed and the label is new", wanted: "m/canary=3", allow: true },
  { name: "or stays where it is", now: "m/canary=3", wanted: "m/canary=3", allow: true },
  { name: "but not if it moves", now: "m/canary=3", wanted: "m/canary=4", allow: true, want: refused(4) },
  { name: "it may move to an available one", now: "m/canary=3", wanted: "m/canary=2", allow: true },
  { name: "a label of another model is new to this one", now: "n/canary=1", wanted: "m/canary=3", allow: true },
  { name: "to stay is not enough where it is not allowed", now: "m/canary=3", wanted: "m/canary=3", want: refused(3) },
  { name: "forced, it may move to anything", now: "m/canary=1", wanted: "m/canary=4", force: true },
  { name: "a label that is wanted no longer is gone", now: "m/canary=1", wanted: "" },
];
for (const tc of rows) {
  test(tc.name, () => {
    const assign = () =>
      assignLabels(tc.now === undefined ? undefined : labels(tc.now), labels(tc.wanted), {
        available: (model, version) => model === "m" && (version === 1n || version === 2n),
        allowUnavailable: tc.allow ?? false,
        force: tc.force ?? false,
      });
    if (tc.want === undefined) assert.deepEqual(assign(), labels(tc.wanted));
    else assert.throws(assign, { code: Code.FailedPrecondition, message: tc.want });
  });
}
