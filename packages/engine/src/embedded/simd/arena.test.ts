import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { lay, newSimd, type Simd } from "./index.ts";

const floats = (t: Tensor): Float32Array => t.data as Float32Array;
const filled = (n: number, value: number): Tensor => newTensor(DType.Float, [n], new Float32Array(n).fill(value));
const twice = lay({ inputs: 1, steps: [{ op: "add", from: [0, 0] }] }, [[1000]])!;

/** doubled gives 2 x, made in the arena. */
function doubled(simd: Simd, arena: ReturnType<Simd["arena"]>, x: Tensor): Tensor {
  const out = arena.make([1000]);
  simd.chain(twice, [floats(x)], floats(out));
  return out;
}

test("what one operation writes another reads, and the room of what is dropped is used again", () => {
  const simd = newSimd();
  const arena = simd.arena();
  let value = doubled(simd, arena, filled(1000, 1));
  arena.take(value);
  const places = new Set([floats(value).byteOffset]);
  for (let i = 0; i < 20; i++) {
    const next = doubled(simd, arena, value);
    arena.take(next);
    arena.drop(value);
    value = next;
    places.add(floats(value).byteOffset);
  }
  assert.equal(floats(value)[999], 2 ** 21);
  assert.equal(places.size, 2);
  arena.end();
});

test("a value that two read stays until both have dropped it", () => {
  const simd = newSimd();
  const arena = simd.arena();
  const value = doubled(simd, arena, filled(1000, 3));
  arena.take(value);
  arena.take(value);
  arena.drop(value);
  assert.notEqual(floats(arena.make([1000])).byteOffset, floats(value).byteOffset);
  arena.drop(value);
  assert.equal(floats(arena.make([1000])).byteOffset, floats(value).byteOffset);
  arena.end();
});

test("arrays outlive the memory's growth", () => {
  const simd = newSimd();
  const arena = simd.arena();
  const value = doubled(simd, arena, filled(1000, 4));
  arena.make([2 ** 22]);
  assert.equal(floats(value)[0], 8);
  assert.equal(floats(doubled(simd, arena, value))[0], 16);
  arena.end();
});

test("a value that is kept is a copy; one that was made elsewhere stays what it is", () => {
  const simd = newSimd();
  const arena = simd.arena();
  const value = doubled(simd, arena, filled(1000, 5));
  const kept = arena.kept(value);
  const other = filled(1000, 6);
  arena.hold(other);
  assert.equal(arena.kept(other), other);
  arena.end();
  const second = simd.arena();
  floats(second.make([1000])).fill(0);
  assert.equal(floats(kept)[0], 10);
  second.end();
});

test("what is held is read where it has been brought to, as it was then", () => {
  const simd = newSimd();
  const arena = simd.arena();
  const given = filled(1000, 7);
  arena.hold(given);
  floats(given).fill(0);
  assert.equal(floats(doubled(simd, arena, given))[0], 14);
  arena.end();
  const later = simd.arena();
  assert.equal(floats(doubled(simd, later, given))[0], 0);
  later.end();
});

test("runs at a time have arenas of their own", () => {
  const simd = newSimd();
  const [a, b] = [simd.arena(), simd.arena()];
  const [x, y] = [doubled(simd, a, filled(1000, 1)), doubled(simd, b, filled(1000, 2))];
  a.end();
  floats(b.make([1000])).fill(9);
  assert.equal(floats(x).byteOffset === floats(y).byteOffset, false);
  assert.equal(floats(y)[0], 4);
  b.end();
});

test("very small values and those beyond a gigabyte are arrays of their own", () => {
  const simd = newSimd();
  const arena = simd.arena();
  const isShared = (t: Tensor): boolean => floats(t).buffer instanceof SharedArrayBuffer;
  assert.equal(isShared(arena.make([16])), false);
  assert.equal(isShared(arena.make([17])), true);
  arena.make([2 ** 27]);
  arena.make([2 ** 26]);
  assert.equal(isShared(arena.make([2 ** 26])), false);
  arena.end();
});

test("an absurd shape is refused", () => {
  const arena = newSimd().arena();
  assert.throws(() => arena.make([2 ** 20, 2 ** 20]), { code: Code.ResourceExhausted });
  arena.end();
});
