import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { newBoundary } from "./boundary.ts";
import { frameMessage } from "./frame.ts";

test("boundary: cut anywhere, it is clean exactly where envelopes begin", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), { maxLength: 6 }), fc.nat(40), (messages, step) => {
      const framed = messages.map(([bytes, compressed]) => frameMessage(bytes, compressed));
      const all = Buffer.concat(framed);
      const starts = new Set<number>([0]);
      let at = 0;
      for (const one of framed) starts.add((at += one.length));
      const boundary = newBoundary();
      for (let from = 0; from < all.length; from += step + 1) {
        const to = Math.min(all.length, from + step + 1);
        assert.equal(boundary.pass(all, from, to), true);
        assert.equal(boundary.clean, starts.has(to));
      }
    }),
  );
});
for (const flags of [2, 0x80, 0xff]) {
  test(`boundary: flags ${flags} are none`, () => {
    const boundary = newBoundary();
    assert.equal(boundary.pass(Uint8Array.of(1, 0, 0, 0, 0, flags), 0, 6), false);
  });
}
