import assert from "node:assert/strict";
import { test } from "node:test";
import { readMap } from "./flex.ts";

/** build writes a map of bytes by key, one byte wide, as the builder does. */
function build(entries: readonly (readonly [key: string, value: Uint8Array])[]): Uint8Array {
  const out: number[] = [];
  const keys = entries.map(([key]) => {
    const at = out.length;
    out.push(...Buffer.from(key), 0);
    return at;
  });
  const values = entries.map(([, value]) => {
    out.push(value.length);
    const at = out.length;
    out.push(...value);
    return at;
  });
  out.push(entries.length);
  const keysAt = out.length;
  for (const at of keys) out.push(out.length - at);
  out.push(out.length - keysAt, 1, entries.length);
  const start = out.length;
  for (const at of values) out.push(out.length - at);
  out.push(...entries.map(() => 25 << 2));
  out.push(out.length - start, 9 << 2, 1);
  return Uint8Array.from(out);
}

test("flex: a map of bytes is read", () => {
  const entries = [
    ["a", Uint8Array.of(1, 2)],
    ["bc", new Uint8Array(0)],
  ] as const;
  assert.deepEqual(readMap(build(entries)), new Map(entries));
});
test("flex: an empty map is read", () => assert.deepEqual(readMap(build([])), new Map()));
test("flex: what is no map is none", () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(2), Uint8Array.of(7, 4, 1)]) assert.equal(readMap(bytes), undefined);
});
test("flex: no byte that is changed does harm", () => {
  const whole = build([
    ["a", Uint8Array.of(1, 2, 3)],
    ["b", Uint8Array.of(4)],
  ]);
  for (let i = 0; i < whole.length; i++)
    for (let value = 0; value < 256; value++) {
      const bytes = whole.slice();
      bytes[i] = value;
      const got = readMap(bytes);
      for (const one of got?.values() ?? []) assert.ok(typeof one === "number" || one.length <= bytes.length);
    }
});
