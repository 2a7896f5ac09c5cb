import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeStrings, encodeStrings } from "./strings.ts";

const bytes = (...texts: readonly string[]): Uint8Array[] => texts.map((text) => new Uint8Array(Buffer.from(text)));
for (const values of [[], [""], ["a"], ["", "b\0c", ""], ["x".repeat(70_000), "y"]])
  test(`strings: ${values.length} of ${values.map((v) => v.length)} bytes come back`, () =>
    assert.deepEqual(decodeStrings(encodeStrings(bytes(...values))), bytes(...values)));

test("strings: the layout is TFLite's", () =>
  assert.deepEqual([...encodeStrings(bytes("ab", "c"))], [2, 0, 0, 0, 16, 0, 0, 0, 18, 0, 0, 0, 19, 0, 0, 0, 97, 98, 99]));

const faults: readonly { readonly name: string; readonly words: readonly number[] }[] = [
  { name: "a count below zero", words: [-1, 8, 8] },
  { name: "a count past the end", words: [1000, 8, 8] },
  { name: "an end past the end", words: [1, 12, 13] },
  { name: "an end before the beginning", words: [1, 12, 11] },
  { name: "a beginning below zero", words: [1, -1, 12] },
];
for (const { name, words } of faults)
  test(`strings: ${name} is none`, () => assert.equal(decodeStrings(new Uint8Array(Int32Array.from(words).buffer)), undefined));
test("strings: three bytes are none", () => assert.equal(decodeStrings(new Uint8Array(3)), undefined));
