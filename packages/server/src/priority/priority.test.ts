import assert from "node:assert/strict";
import { test } from "node:test";
import { background, Code } from "@tfs/std";
import { isLow, priorityField, withPriority } from "./priority.ts";

const cases: readonly { readonly value: string | undefined; readonly want: boolean | string }[] = [
  { value: undefined, want: false },
  { value: "high", want: false },
  { value: "low", want: true },
  { value: "Low", want: 'tfs-priority: expected high or low, not "Low"' },
  { value: "", want: 'tfs-priority: expected high or low, not ""' },
];
for (const { value, want } of cases)
  test(`priority ${JSON.stringify(value) ?? "unsaid"}`, () => {
    const fields = { get: (name: string) => (name === priorityField ? value : undefined) };
    if (typeof want === "boolean") assert.equal(isLow(withPriority(background(), fields)), want);
    else assert.throws(() => withPriority(background(), fields), { code: Code.InvalidArgument, message: want });
  });
