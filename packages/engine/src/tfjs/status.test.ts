import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeName } from "@tfs/std";
import { statusOf } from "./status.ts";

const run = "Session fail to run with error: ";
const load = "Failed to load SavedModel: ";
for (const [said, code, text] of [
  [`${run}[8] no more`, Code.ResourceExhausted, "no more"],
  [`${load}[5] Could not find it`, Code.NotFound, "Could not find it"],
  [`${run}[99] odd`, Code.Unknown, "odd"],
  [`${run}[3] two\nlines`, Code.InvalidArgument, "two\nlines"],
  [`${run}[11] Node 'y' (type: 'Add', num of outputs: 1) does not have output 7`, Code.InvalidArgument, "y:7: output index too large, must be < 1"],
  ["Invalid TF_Status: 8\nMessage: OOM", Code.ResourceExhausted, "OOM"],
  ["Unhandled TF_DataType: 19\n", Code.Internal, "Unhandled TF_DataType: 19\n"],
  ["[3] of nobody", Code.Internal, "[3] of nobody"],
] as const)
  test(`tfjs: ${JSON.stringify(said)} is ${codeName(code)}`, () => {
    const failure = statusOf(said);
    assert.deepEqual([failure.code, failure.message], [code, text]);
  });
