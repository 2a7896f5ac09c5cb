import assert from "node:assert/strict";
import { test } from "node:test";
import { isFailure } from "@tfs/std";
import { readInteger, writeInteger } from "./integer.ts";

const cases: readonly { readonly name: string; readonly prefix: number; readonly first?: number; readonly value: number; readonly hex: string }[] = [
  { name: "C.1.1: 10 fits five bits", prefix: 0x1f, value: 10, hex: "0a" },
  { name: "C.1.2: 1337 takes two bytes more", prefix: 0x1f, value: 1337, hex: "1f9a0a" },
  { name: "C.1.3: 42 in a whole byte", prefix: 0xff, value: 42, hex: "2a" },
  { name: "the bits in front of a number stay", prefix: 0x1f, first: 0x20, value: 31, hex: "3f00" },
  { name: "the last number that fits its prefix", prefix: 0x7f, value: 126, hex: "7e" },
  { name: "the first that does not", prefix: 0x7f, value: 127, hex: "7f00" },
  { name: "the largest of one byte more", prefix: 0x7f, value: 254, hex: "7f7f" },
  { name: "the smallest of two bytes more", prefix: 0x7f, value: 255, hex: "7f8001" },
  { name: "the largest of all", prefix: 0x0f, value: 2 ** 31 - 1, hex: "0ff0ffffff07" },
];
for (const { name, prefix, first = 0, value, hex } of cases)
  test(name, () => {
    const target = Buffer.alloc(9, 0xee);
    const end = writeInteger(target, 1, prefix, first, value);
    assert.equal(target.subarray(1, end).toString("hex"), hex);
    assert.deepEqual(
      target.subarray(end).every((byte) => byte === 0xee),
      true,
    );
    const cursor = { source: target, at: 1, end };
    assert.equal(readInteger(cursor, prefix), value);
    assert.equal(cursor.at, end);
  });

test("zeros that say nothing may follow, up to five bytes in all", () => {
  assert.equal(readInteger({ source: Buffer.from("7f8080808000", "hex"), at: 0, end: 6 }, 0x7f), 127);
});

for (const { name, hex, want } of [
  { name: "2^31 is refused", hex: "0ff1ffffff07", want: /a number too large/ },
  { name: "five full bytes are refused", hex: "0fffffffff7f", want: /a number too large/ },
  { name: "a sixth byte is refused, even if it says nothing", hex: "0f808080808000", want: /a number too large/ },
  { name: "a number without its last byte is refused", hex: "0f80", want: /a number cut short/ },
  { name: "a number without all of its bytes is refused", hex: "0f", want: /a number cut short/ },
])
  test(name, () => {
    const source = Buffer.from(hex, "hex");
    assert.throws(
      () => readInteger({ source, at: 0, end: source.length }, 0x0f),
      (err) => isFailure(err) && want.test(err.message),
    );
  });

test("a number ends with its block, whatever bytes come behind it", () => {
  assert.throws(() => readInteger({ source: Buffer.from("0f0a", "hex"), at: 0, end: 1 }, 0x0f), /a number cut short/);
});
