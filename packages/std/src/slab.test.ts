import assert from "node:assert/strict";
import { test } from "node:test";
import { carve } from "./slab.ts";

test("carved arrays are zeros, aligned, and nobody else's, whatever their type and size", () => {
  const arrays = [Uint8Array, Float32Array, Uint8Array, Float64Array, Int16Array, BigInt64Array] as const;
  const made: (Uint8Array | Float32Array | Float64Array | Int16Array | BigInt64Array)[] = [];
  for (let i = 0; i < 3000; i++) {
    const length = (i * 7) % 140; // past the size that is carved, too
    const one = carve<Uint8Array | Float32Array | Float64Array | Int16Array | BigInt64Array>(arrays[i % arrays.length]!, length);
    assert.equal(one.length, length);
    const bytes = new Uint8Array(one.buffer, one.byteOffset, one.byteLength);
    assert.ok(bytes.every((b) => b === 0));
    bytes.fill(i);
    made.push(one);
  }
  for (const [i, one] of made.entries()) assert.ok(new Uint8Array(one.buffer, one.byteOffset, one.byteLength).every((b) => b === (i & 0xff)));
});
