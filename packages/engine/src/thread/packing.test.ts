import assert from "node:assert/strict";
import { test } from "node:test";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { buffersOf, pack, packOwned, unpack } from "./packing.ts";

const text = (...values: readonly string[]): Tensor => fromStrings(values);
const rows: readonly { readonly name: string; readonly tensor: Tensor }[] = [
  { name: "numbers", tensor: newTensor(DType.Float, [2, 1], Float32Array.of(1, 2)) },
  { name: "a view of more than the tensor", tensor: newTensor(DType.Int32, [2], new Int32Array([9, 1, 2, 9]).subarray(1, 3)) },
  { name: "a Buffer", tensor: newTensor(DType.UInt8, [3], Buffer.from("abc")) },
  { name: "int64", tensor: newTensor(DType.Int64, [], BigInt64Array.of(-(2n ** 63n))) },
  { name: "no numbers", tensor: newTensor(DType.Float, [0, 3], new Float32Array(0)) },
  { name: "strings", tensor: text("", "a", "", "long enough to be nothing small", "") },
  { name: "no strings", tensor: text() },
  { name: "a string of bytes that are no text", tensor: newTensor(DType.String, [], [Uint8Array.of(0, 255, 254)]) },
];
/** plain lets go of who the owner of some bytes is. */
const plain = (t: Tensor): unknown => ({ ...t, data: Array.from(t.data as ArrayLike<unknown>, (v) => (v instanceof Uint8Array ? [...v] : v)) });

for (const { name, tensor } of rows) {
  for (const [how, by] of [["packed", pack] as const, ["packed by its owner", packOwned] as const])
    test(`thread: ${name}, ${how}, come out of another thread as they went in`, () => {
      const want = plain(tensor);
      const packed = by(how === "packed" ? tensor : structuredClone(tensor)); // an owner's is gone afterwards
      const sent = structuredClone(packed, { transfer: buffersOf([packed]) });
      assert.deepEqual(plain(unpack(sent)), want);
      assert.ok(
        buffersOf([packed]).every(({ byteLength }) => byteLength === 0),
        "something was copied",
      );
    });
}

test("thread: what belongs to a caller stays the caller's, and only what is handed over goes", () => {
  const whole = new Float32Array([1, 2, 3, 4]);
  const packed = pack(newTensor(DType.Float, [2], whole.subarray(1, 3)));
  assert.equal(packed.data.buffer.byteLength, 8);
  structuredClone(packed, { transfer: buffersOf([packed]) });
  assert.deepEqual([...whole], [1, 2, 3, 4]);
});

test("thread: an owner's array that is alone in its buffer is not copied, a view is", () => {
  const data = new Float32Array([1, 2, 3, 4]);
  assert.equal(packOwned(newTensor(DType.Float, [4], data)).data, data);
  assert.notEqual(packOwned(newTensor(DType.Float, [2], data.subarray(2))).data.buffer, data.buffer);
});
