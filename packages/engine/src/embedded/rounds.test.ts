import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { newRounds } from "./rounds.ts";

test("rounds are allowed up to their number, and refused after it", () => {
  const rounds = newRounds(2);
  rounds.take();
  rounds.take();
  assert.throws(() => rounds.take(), { code: Code.ResourceExhausted, message: "the loops of a run went round 2 times and did not end" });
});
