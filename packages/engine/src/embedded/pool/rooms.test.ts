import assert from "node:assert/strict";
import { test } from "node:test";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { buffersOf, unpack } from "../../thread/index.ts";
import { newRooms } from "./rooms.ts";

const floats = (n: number, value = 1): Tensor => newTensor(DType.Float, [n], new Float32Array(n).fill(value));
const memoryOf = (room: { readonly packed: readonly { readonly data: ArrayBufferView }[] }): ArrayBufferLike => room.packed[0]!.data.buffer;

test("rooms: what is fed comes out as it was, each in its place", () => {
  const whole = new Float32Array([9, 1, 2, 9]);
  const tensors = [
    newTensor(DType.Bool, [3], Uint8Array.of(1, 0, 1)),
    newTensor(DType.Int64, [2], BigInt64Array.of(-1n, 2n ** 62n)),
    newTensor(DType.Float, [2], whole.subarray(1, 3)),
    fromStrings(["a", "", "ü"]),
    newTensor(DType.Double, [0], new Float64Array(0)),
    newTensor(DType.UInt8, [3], Buffer.from("abc")),
  ];
  const { packed } = newRooms().take(tensors);
  assert.equal(buffersOf(packed).length, 2); // the strings'
  const got = structuredClone(packed).map(unpack);
  const plain = (t: Tensor): unknown => [t.dtype, t.shape, Array.from(t.data as ArrayLike<unknown>, (v) => (v instanceof Uint8Array ? [...v] : v))];
  assert.deepEqual(got.map(plain), tensors.map(plain));
  whole.fill(0);
  assert.deepEqual([...(packed[2]!.data as Float32Array)], [1, 2]);
});

test("rooms: a room is one run's at a time, and the next one's when it is given back", () => {
  const rooms = newRooms();
  const [one, other] = [rooms.take([floats(10)]), rooms.take([floats(10, 2)])];
  assert.notEqual(memoryOf(one), memoryOf(other));
  assert.deepEqual([...(one.packed[0]!.data as Float32Array)], new Array(10).fill(1));
  one.give();
  assert.equal(memoryOf(rooms.take([floats(20)])), memoryOf(one));
});

test("rooms: one that is too small makes way, and few are kept", () => {
  const rooms = newRooms();
  const small = rooms.take([floats(10)]);
  small.give();
  const large = rooms.take([floats(100_000)]);
  assert.notEqual(memoryOf(large), memoryOf(small));
  large.give();
  assert.equal(memoryOf(rooms.take([floats(10)])), memoryOf(large));
  const taken = Array.from({ length: 5 }, () => rooms.take([floats(10)]));
  for (const room of taken) room.give();
  const again = new Set(Array.from({ length: 5 }, () => memoryOf(rooms.take([floats(10)]))));
  assert.equal(taken.filter((room) => again.has(memoryOf(room))).length, 2);
});

test("rooms: a very large one is let go", () => {
  const rooms = newRooms();
  const huge = rooms.take([floats(17 * 2 ** 20)]);
  huge.give();
  assert.notEqual(memoryOf(rooms.take([floats(10)])), memoryOf(huge));
});
