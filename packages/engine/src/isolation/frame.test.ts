import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { newFrameReader } from "./frame.ts";

/** framed puts a length before each body. */
function framed(...bodies: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(body.length);
      return [length, body];
    }),
  );
}

const bodies = [8, 9, 15, 16, 100, 65_531, 65_532, 65_533, 70_000, 8, 200_001].map((n, i) => new Uint8Array(n).fill(i + 1));
for (const piece of [1, 3, 4, 5, 7, 64, 1000, 65_536, 1_000_000]) {
  test(`frames that come in pieces of ${piece} bytes come out whole, and aligned`, () => {
    const got: Buffer[] = [];
    const reader = newFrameReader((body) => got.push(body));
    const all = framed(...bodies);
    for (let at = 0; at < all.length; at += piece) reader.push(all.subarray(at, at + piece));
    assert.deepEqual(
      got.map((body) => new Uint8Array(body)),
      bodies,
    );
    assert.ok(got.every((body) => body.byteOffset % 8 === 0));
  });
}

test("a body is memory of its own: what comes later does not change it", () => {
  const got: Buffer[] = [];
  const reader = newFrameReader((body) => got.push(body));
  reader.push(framed(new Uint8Array(8).fill(1)));
  reader.push(framed(new Uint8Array(8).fill(2)));
  assert.deepEqual([...got[0]!], new Array(8).fill(1));
});

test("a long body is read into its place", () => {
  const got: Buffer[] = [];
  const reader = newFrameReader((body) => got.push(body));
  reader.push(framed(new Uint8Array(100_000)).subarray(0, 10));
  const room = reader.room();
  assert.equal(room.length, 100_000 - 6);
  room.fill(7);
  reader.filled(room.length);
  assert.equal(got[0]?.buffer, room.buffer);
  assert.equal(got[0]?.[99_999], 7);
});

for (const { name, length, ok } of [
  { name: "the least", length: 8, ok: true },
  { name: "one less than the least", length: 7, ok: false },
  { name: "none", length: 0, ok: false },
  { name: "the most", length: 1000, ok: true },
  { name: "one more than the most", length: 1001, ok: false },
  { name: "all that a length can say", length: 0xffffffff, ok: false },
]) {
  test(`the length of a frame may ${ok ? "" : "not "}be ${name}`, () => {
    const reader = newFrameReader(() => {}, 1000);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(length);
    const read = (): void => reader.push(bytes);
    if (ok) read();
    else assert.throws(read, { code: Code.DataLoss });
  });
}
