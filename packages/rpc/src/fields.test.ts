import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeClock } from "@tfs/std/testing";
import { fieldsOf, moreFields, newField, newFields } from "./fields.ts";
import { encodeFields } from "./hpack/index.ts";
import { newPrinter } from "./http1/print.ts";

const base = fieldsOf([":status", "200"], ["content-type", "application/json"]);
const rows = [
  { name: "one field", more: [newField("x-request-id", "a")] },
  { name: "none", more: [] },
  { name: "several, one of them known to the static table", more: [newField("x-a", "1"), newField("vary", "origin"), newField("x-b", "", true)] },
  { name: "one that is not printed as it is", more: [newField("content-length", "7"), newField("date", "now"), newField("connection", "close")] },
  { name: "one that must not be sent", more: [newField("x-a", "1\r\nx-b: 2")] },
];
for (const { name, more } of rows) {
  test(`fields: a list with ${name} behind it is, encodes and prints as if it had been made at once`, () => {
    const whole = newFields([...base.list, ...more]);
    const made = moreFields(base, more);
    assert.deepEqual(made.list, whole.list);
    assert.deepEqual(encodeFields(made), encodeFields(whole));
    const print = (fields: typeof whole): unknown => {
      const { status, text, length, fault } = newPrinter(fakeClock()).print(fields);
      return { status, text, length, fault };
    };
    assert.deepEqual(print(made), print(whole));
  });
}
