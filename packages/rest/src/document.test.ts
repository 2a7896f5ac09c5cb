import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocument } from "./document.ts";

test("a document keeps the first of the members that are asked for, and none of a million others", () => {
  const { bytes, get } = parseDocument(new TextEncoder().encode('{"other":1,"instances":[2],"instances":[3]}'));
  assert.equal(get("other"), undefined);
  const { start, end } = get("instances")!;
  assert.equal(new TextDecoder().decode(bytes.subarray(start, end)), "[2]");
});
