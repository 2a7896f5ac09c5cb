import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeOf } from "@tfs/std";
import {
  allocate,
  DType,
  dtypeName,
  elementCount,
  elementSize,
  fromBytes,
  fromStrings,
  layoutOf,
  newTensor,
  parseDType,
  reshape,
  strings,
  type TensorData,
  toBytes,
  toDType,
} from "./index.ts";

const fits: { name: string; dtype: DType; shape: number[]; data: TensorData }[] = [
  { name: "a scalar", dtype: DType.Float, shape: [], data: Float32Array.of(1) },
  { name: "an empty tensor", dtype: DType.Int64, shape: [2, 0], data: new BigInt64Array(0) },
  { name: "complex numbers take two entries each", dtype: DType.Complex128, shape: [2], data: Float64Array.of(1, 2, 3, 4) },
  { name: "bytes may come as a Buffer", dtype: DType.UInt8, shape: [1], data: Buffer.of(7) },
  { name: "strings are byte strings", dtype: DType.String, shape: [1], data: [Uint8Array.of(255)] },
];
for (const tc of fits)
  test(`newTensor takes ${tc.name}`, () => assert.deepEqual(newTensor(tc.dtype, tc.shape, tc.data), { dtype: tc.dtype, shape: tc.shape, data: tc.data }));

test("after a dimension of zero the others may be as large as they like", () => assert.equal(elementCount([0, 2 ** 40, 2 ** 40]), 0));

const misfits: { name: string; make: () => unknown; text: RegExp }[] = [
  { name: "the wrong array", make: () => newTensor(DType.Float, [1], Float64Array.of(1)), text: /float tensor takes Float32Array, not Float64Array/ },
  { name: "a plain array", make: () => newTensor(DType.Float, [0], []), text: /takes Float32Array, not an array/ },
  { name: "the wrong count", make: () => newTensor(DType.Float, [2], Float32Array.of(1)), text: /shape \[2\] of float takes 2 values, not 1/ },
  { name: "half a complex number", make: () => newTensor(DType.Complex64, [1], Float32Array.of(1)), text: /takes 2 values, not 1/ },
  { name: "text where bytes belong", make: () => newTensor(DType.String, [1], ["a"] as never), text: /array of Uint8Array/ },
  { name: "a typed array of strings", make: () => newTensor(DType.String, [1], Uint8Array.of(1)), text: /array of Uint8Array/ },
  { name: "a resource", make: () => newTensor(DType.Resource, [], []), text: /resource tensor cannot be made/ },
  { name: "a dtype that is none", make: () => newTensor(99 as DType, [], []), text: /no dtype 99/ },
  { name: "a dtype by its name", make: () => newTensor("float" as never, [], []), text: /no dtype float/ },
  { name: "a reference dtype", make: () => newTensor(101 as DType, [], Float32Array.of(1)), text: /no dtype 101/ },
  { name: "a negative dimension", make: () => newTensor(DType.Float, [-1], Float32Array.of()), text: /shape \[-1\] has the dimension -1/ },
  { name: "a fraction of a dimension", make: () => elementCount([1.5]), text: /has the dimension 1.5/ },
  { name: "NaN as a dimension", make: () => elementCount([Number.NaN]), text: /has the dimension NaN/ },
  { name: "too many dimensions", make: () => elementCount(new Array<number>(255).fill(1)), text: /255 dimensions, more than 254/ },
  { name: "a product past 2^53", make: () => elementCount([2 ** 27, 2 ** 27]), text: /too many elements/ },
  { name: "a variant's zero", make: () => allocate(DType.Variant, []), text: /variant tensor has no zero value/ },
  { name: "another count in reshape", make: () => reshape(allocate(DType.Float, [2]), [3]), text: /cannot reshape \[2\] \(2 values\) to \[3\] \(3\)/ },
  { name: "strings of a float tensor", make: () => strings(allocate(DType.Float, [1])), text: /float tensor has no strings/ },
  { name: "content that is no multiple of its elements", make: () => fromBytes(DType.Int32, [1], new Uint8Array(3)), text: /takes 4 bytes of content, not 3/ },
  { name: "content of a resource", make: () => fromBytes(DType.Resource, [1], new Uint8Array(3)), text: /resource tensor has no content form/ },
];
for (const tc of misfits) {
  test(`refused: ${tc.name}`, () => {
    assert.throws(tc.make, (err: unknown) => {
      assert.equal(codeOf(err), Code.InvalidArgument);
      assert.match((err as Error).message, tc.text);
      return true;
    });
  });
}

test("a tensor larger than the platform can hold is ResourceExhausted, not a crash", () => {
  assert.throws(
    () => allocate(DType.Double, [2 ** 50]),
    (err) => codeOf(err) === Code.ResourceExhausted && /no memory for 1125899906842624 values of 8 bytes/.test(String(err)),
  );
});

for (const dtype of Object.values(DType)) {
  if (dtype === DType.Resource || dtype === DType.Variant) continue;
  test(`${dtypeName(dtype)}: zeros have the layout that newTensor asks for, and as many bytes as elementSize says`, () => {
    const t = allocate(dtype, [2, 3]);
    assert.deepEqual(newTensor(dtype, [2, 3], t.data), t);
    assert.equal(t.data.length, 6 * layoutOf(dtype).width);
    if (dtype === DType.String) assert.deepEqual([elementSize(dtype), toBytes(t).length], [0, 6]);
    else assert.equal(toBytes(t).length, 6 * elementSize(dtype));
  });
}

test("strings keep every byte of their UTF-8, a leading byte-order mark too", () => {
  const values = ["", "\ufefffirst", "grün", "\u{1f600}"];
  assert.deepEqual(strings(fromStrings(values)), values);
  assert.deepEqual(strings(newTensor(DType.String, [1], [Uint8Array.of(0xff, 65)])), ["\ufffdA"]);
});

test("unaligned content is copied, and the copy is the tensor's own", () => {
  const bytes = new Uint8Array(9);
  bytes.set(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0), 1);
  const t = fromBytes(DType.Int32, [2], bytes.subarray(1));
  assert.deepEqual(t.data, Int32Array.of(1, 2));
  assert.notEqual((t.data as Int32Array).buffer, bytes.buffer);
});

test("reading sub-byte content does not change the sender's bytes", () => {
  const bytes = Uint8Array.of(0x0e, 0xff);
  assert.deepEqual(fromBytes(DType.Int4, [2], bytes).data, Int8Array.of(-2, -1));
  assert.deepEqual(bytes, Uint8Array.of(0x0e, 0xff));
});

test("a length of a string in content that never ends is refused", () => {
  assert.throws(() => fromBytes(DType.String, [1], new Uint8Array(20).fill(0xff)), /length of string 0 is cut off or too large/);
});

const names: { name: string; text: string; want: DType | undefined }[] = [
  { name: "TensorFlow's name", text: "half", want: DType.Half },
  { name: "numpy's name", text: "float16", want: DType.Half },
  { name: "the proto's name", text: "DT_BFLOAT16", want: DType.BFloat16 },
  { name: "nothing", text: "", want: undefined },
  { name: "a property every object has", text: "constructor", want: undefined },
];
for (const tc of names) test(`parseDType: ${tc.name}`, () => assert.equal(parseDType(tc.text), tc.want));

const numbers = [0, -1, 34, 100, 134, 200, 1.5, Number.NaN];
test("toDType knows nothing but DataType's numbers", () => {
  for (const n of numbers) assert.equal(toDType(n), undefined, String(n));
  assert.equal(toDType(133), DType.Float4E2M1FN);
});
