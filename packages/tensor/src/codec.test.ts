import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type TensorProto, TensorProtoSchema } from "@tfs/proto";
import { Code, codeOf } from "@tfs/std";
import {
  type DecodeOptions,
  DType,
  decode,
  dtypeEnumName,
  dtypeName,
  encode,
  type Form,
  fromBytes,
  fromMessage,
  newTensor,
  parseDType,
  prepare,
  type Tensor,
  toBytes,
  toDType,
} from "./index.ts";

interface Golden {
  readonly tensors: readonly { dtype: string; form: string; shape: number[]; proto: string; content: string }[];
}
const golden = JSON.parse(readFileSync(new URL("../testdata/tensors.json", import.meta.url), "utf8")) as Golden;
const bytes = (b64: string): Uint8Array => new Uint8Array(Buffer.from(b64, "base64"));
const enums: Record<string, number> = Object.fromEntries(
  Object.entries(TensorProtoSchema.fields.find((f) => f.name === "dtype")?.enum?.values ?? []).map(([, v]) => [v.name, v.number]),
);

/** meaning drops the bits of a byte that a signed sub-byte type does not have: ml_dtypes leaves them to chance, we extend the sign, and both read either. */
const meaning = (dtype: DType, content: Uint8Array): Uint8Array => {
  const mask = dtype === DType.Int4 ? 15 : dtype === DType.Int2 ? 3 : 255;
  return content.map((b) => b & mask);
};

for (const row of golden.tensors) {
  test(`${row.dtype} as ${row.form} is read as TensorFlow reads it`, () => {
    const t = decode(bytes(row.proto));
    assert.equal(t.dtype, enums[row.dtype]);
    assert.deepEqual(t.shape, row.shape);
    assert.deepEqual(meaning(t.dtype, toBytes(t)), meaning(t.dtype, bytes(row.content)));
  });
  test(`${row.dtype} written as ${row.form} is read back the same by generated code`, () => {
    const t = fromBytes(toDType(enums[row.dtype]!)!, row.shape, bytes(row.content));
    const again = fromMessage(fromBinary(TensorProtoSchema, encode(t, row.form as Form)));
    assert.deepEqual(again, t);
    if (t.dtype !== DType.Int4 && t.dtype !== DType.Int2)
      assert.deepEqual(fromBinary(TensorProtoSchema, encode(t, row.form as Form)), fromBinary(TensorProtoSchema, bytes(row.proto)));
  });
}

test("every dtype that can be sent has a golden in both forms", () => {
  const seen = golden.tensors.map((row) => `${row.dtype} ${row.form}`);
  const sendable = Object.values(DType).filter((d) => d !== DType.Resource && d !== DType.Variant);
  const want = sendable.flatMap((d) => [`${dtypeEnumName(d)} content`, `${dtypeEnumName(d)} values`]);
  assert.deepEqual(seen.sort(), want.sort());
});

test("dtype numbers and names are DataType's", () => {
  for (const [name, number] of Object.entries(enums)) {
    if (number > 100) assert.equal(toDType(number), toDType(number - 100), name);
    else if (number > 0) {
      assert.equal(toDType(number), number, name);
      assert.equal(parseDType(name), number);
      assert.equal(parseDType(dtypeName(number as DType)), number);
      assert.equal(dtypeEnumName(number as DType), name);
    }
  }
});

const message = (init: Omit<Partial<TensorProto>, "$typeName" | "tensorShape">, ...dims: (number | bigint)[]): Uint8Array =>
  toBinary(TensorProtoSchema, create(TensorProtoSchema, { ...init, tensorShape: { dim: dims.map((d) => ({ size: BigInt(d) })) } } as never));

const reads: { name: string; proto: Uint8Array; want: Tensor }[] = [
  {
    name: "fewer values than elements are continued with the last",
    proto: message({ dtype: 1, floatVal: [1, 2] }, 4),
    want: newTensor(DType.Float, [4], Float32Array.of(1, 2, 2, 2)),
  },
  { name: "more values than elements are cut", proto: message({ dtype: 1, floatVal: [1, 2, 3] }, 2), want: newTensor(DType.Float, [2], Float32Array.of(1, 2)) },
  { name: "no value at all means zeros", proto: message({ dtype: 9 }, 2), want: newTensor(DType.Int64, [2], BigInt64Array.of(0n, 0n)) },
  { name: "no value at all means empty strings", proto: message({ dtype: 7 }, 1), want: newTensor(DType.String, [1], [new Uint8Array(0)]) },
  {
    name: "one empty string is a value",
    proto: message({ dtype: 7, stringVal: [new Uint8Array(0), Uint8Array.of(65)] }, 2),
    want: newTensor(DType.String, [2], [new Uint8Array(0), Uint8Array.of(65)]),
  },
  {
    name: "complex values are filled in pairs",
    proto: message({ dtype: 8, scomplexVal: [1, 2] }, 2),
    want: newTensor(DType.Complex64, [2], Float32Array.of(1, 2, 1, 2)),
  },
  { name: "an absent shape is a scalar", proto: message({ dtype: 3, intVal: [7] }), want: newTensor(DType.Int32, [], Int32Array.of(7)) },
  { name: "narrow integers are truncated", proto: message({ dtype: 4, intVal: [300] }, 1), want: newTensor(DType.UInt8, [1], Uint8Array.of(44)) },
  {
    name: "content wins over values",
    proto: message({ dtype: 3, intVal: [9], tensorContent: Uint8Array.of(1, 0, 0, 0) }, 1),
    want: newTensor(DType.Int32, [1], Int32Array.of(1)),
  },
  {
    name: "values of an empty tensor are ignored",
    proto: message({ dtype: 1, floatVal: [1], intVal: [3] }, 0),
    want: newTensor(DType.Float, [0], new Float32Array(0)),
  },
  {
    name: "a reference type gives its base type",
    proto: message({ dtype: 101 as never, floatVal: [1] }, 1),
    want: newTensor(DType.Float, [1], Float32Array.of(1)),
  },
  {
    name: "unpacked values are accepted",
    proto: Uint8Array.of(8, 3, 18, 4, 18, 2, 8, 3, 56, 1, 56, 2, 56, 3),
    want: newTensor(DType.Int32, [3], Int32Array.of(1, 2, 3)),
  },
  {
    name: "unpacked floats are accepted",
    proto: Uint8Array.of(8, 1, 18, 4, 18, 2, 8, 2, 45, 0, 0, 128, 63, 45, 0, 0, 0, 64),
    want: newTensor(DType.Float, [2], Float32Array.of(1, 2)),
  },
  {
    name: "lists in several pieces are joined",
    proto: Uint8Array.of(8, 3, 18, 4, 18, 2, 8, 3, 58, 1, 1, 58, 2, 2, 3),
    want: newTensor(DType.Int32, [3], Int32Array.of(1, 2, 3)),
  },
  {
    name: "values before the dtype are accepted",
    proto: Uint8Array.of(58, 1, 5, 18, 4, 18, 2, 8, 1, 8, 3),
    want: newTensor(DType.Int32, [1], Int32Array.of(5)),
  },
  {
    name: "unknown fields are skipped",
    proto: Uint8Array.of(0xf8, 7, 1, 0xfa, 7, 2, 9, 9, 8, 3, 58, 1, 5),
    want: newTensor(DType.Int32, [], Int32Array.of(5)),
  },
  {
    name: "any non-zero bool is true",
    proto: Uint8Array.of(8, 10, 18, 4, 18, 2, 8, 3, 90, 4, 0, 0x80, 2, 1),
    want: newTensor(DType.Bool, [3], Uint8Array.of(0, 1, 1)),
  },
  {
    name: "a bool of two is true",
    proto: Uint8Array.of(8, 10, 18, 4, 18, 2, 8, 2, 90, 2, 2, 0),
    want: newTensor(DType.Bool, [2], Uint8Array.of(1, 0)),
  },
  {
    name: "a zero of two bytes is false",
    proto: Uint8Array.of(8, 10, 18, 4, 18, 2, 8, 2, 90, 3, 1, 0x80, 0),
    want: newTensor(DType.Bool, [2], Uint8Array.of(1, 0)),
  },
  { name: "no bool at all means false", proto: message({ dtype: 10 }, 2), want: newTensor(DType.Bool, [2], new Uint8Array(2)) },
  {
    name: "packed and single values may mix",
    proto: Uint8Array.of(8, 3, 18, 4, 18, 2, 8, 4, 58, 2, 1, 2, 56, 3, 58, 1, 4),
    want: newTensor(DType.Int32, [4], Int32Array.of(1, 2, 3, 4)),
  },
  {
    name: "an empty packed list is no value",
    proto: Uint8Array.of(8, 3, 18, 4, 18, 2, 8, 1, 42, 0, 58, 0),
    want: newTensor(DType.Int32, [1], new Int32Array(1)),
  },
  {
    name: "the last dtype counts",
    proto: Uint8Array.of(8, 1, 18, 4, 18, 2, 8, 1, 58, 1, 7, 8, 3),
    want: newTensor(DType.Int32, [1], Int32Array.of(7)),
  },
  {
    name: "the last content counts, even an empty one",
    proto: Uint8Array.of(8, 4, 18, 4, 18, 2, 8, 1, 34, 1, 9, 34, 0, 58, 1, 7),
    want: newTensor(DType.UInt8, [1], Uint8Array.of(7)),
  },
  {
    name: "shapes in two pieces are merged",
    proto: Uint8Array.of(8, 4, 18, 4, 18, 2, 8, 1, 18, 4, 18, 2, 8, 2, 34, 2, 7, 8),
    want: newTensor(DType.UInt8, [1, 2], Uint8Array.of(7, 8)),
  },
  {
    name: "a dimension may have a name, and one without a size is zero",
    proto: Uint8Array.of(8, 4, 18, 7, 18, 3, 18, 1, 65, 18, 0),
    want: newTensor(DType.UInt8, [0, 0], new Uint8Array(0)),
  },
  { name: "the last float8_val counts", proto: Uint8Array.of(8, 24, 146, 1, 1, 7, 146, 1, 1, 8), want: newTensor(DType.Float8E5M2, [], Uint8Array.of(8)) },
  {
    name: "a dtype past 32 bits is cut to them",
    proto: Uint8Array.of(8, 0x83, 0x80, 0x80, 0x80, 0x10, 58, 1, 7),
    want: newTensor(DType.Int32, [], Int32Array.of(7)),
  },
  {
    name: "an int32 written in five bytes is as negative as one in ten",
    proto: Uint8Array.of(8, 3, 58, 5, 0xff, 0xff, 0xff, 0xff, 0x0f),
    want: newTensor(DType.Int32, [], Int32Array.of(-1)),
  },
  {
    name: "int4 values keep four bits",
    proto: message({ dtype: 29, intVal: [300, 7, -8] }, 3),
    want: newTensor(DType.Int4, [3], Int8Array.of(-4, 7, -8)),
  },
  {
    name: "float4 values keep four bits",
    proto: message({ dtype: 33 as never, float8Val: Uint8Array.of(0xff) }, 1),
    want: newTensor(DType.Float4E2M1FN, [1], Uint8Array.of(15)),
  },
  {
    name: "254 dimensions are allowed",
    proto: message({ dtype: 4, intVal: [7] }, ...new Array<number>(254).fill(1)),
    want: newTensor(DType.UInt8, new Array<number>(254).fill(1), Uint8Array.of(7)),
  },
];
for (const tc of reads) test(tc.name, () => assert.deepEqual(decode(tc.proto), tc.want));

const refusals: { name: string; proto: Uint8Array; text: RegExp }[] = [
  { name: "no dtype", proto: message({ floatVal: [1] }, 1), text: /^tensor x: the dtype is not set$/ },
  { name: "an unknown dtype", proto: message({ dtype: 77 as never }, 1), text: /there is no dtype 77/ },
  { name: "a resource", proto: message({ dtype: 20 }), text: /DT_RESOURCE values stay inside a graph/ },
  { name: "a negative dimension", proto: message({ dtype: 1 }, 2, -1), text: /shape \[2,-1\] has the dimension -1/ },
  {
    name: "an unknown rank",
    proto: toBinary(TensorProtoSchema, create(TensorProtoSchema, { dtype: 1, tensorShape: { unknownRank: true } })),
    text: /unknown rank/,
  },
  { name: "a dimension past 2^53", proto: message({ dtype: 1 }, 2n ** 53n + 1n), text: /the dimension 9007199254740993$/ },
  { name: "the least dimension", proto: message({ dtype: 1 }, 1, -(2n ** 63n)), text: /the dimension -9223372036854775808$/ },
  { name: "a product past 2^53", proto: message({ dtype: 1 }, 2 ** 40, 2 ** 40), text: /too many elements/ },
  { name: "a product that is only undone by a zero", proto: message({ dtype: 1 }, 2 ** 40, 2 ** 40, 0), text: /too many elements/ },
  { name: "255 dimensions", proto: message({ dtype: 1 }, ...new Array<number>(255).fill(1)), text: /more than 254 dimensions/ },
  {
    name: "content that is too short",
    proto: message({ dtype: 1, tensorContent: new Uint8Array(7) }, 2),
    text: /shape \[2\] of float takes 8 bytes of content, not 7/,
  },
  { name: "content that is too long", proto: message({ dtype: 1, tensorContent: new Uint8Array(9) }, 2), text: /takes 8 bytes of content, not 9/ },
  { name: "values in another dtype's field", proto: message({ dtype: 1, intVal: [1] }, 1), text: /DT_FLOAT has its values in float_val, but int_val came/ },
  {
    name: "values in two fields",
    proto: message({ dtype: 1, floatVal: [1], doubleVal: [1], stringVal: [Uint8Array.of(1)] }, 1),
    text: /but double_val and string_val came/,
  },
  {
    name: "a billion elements out of one value",
    proto: message({ dtype: 1, floatVal: [1] }, 1_000_000_000),
    text: /takes 4000000000 bytes, the limit is 1073741824/,
  },
  {
    name: "a hundred million elements out of one value",
    proto: message({ dtype: 1, floatVal: [1] }, 100_000_000),
    text: /takes 100000000 values and 1 came; a tensor filled from fewer values may take 67108864 bytes/,
  },
  {
    name: "a hundred million strings out of none",
    proto: message({ dtype: 7 }, 100_000_000),
    text: /shape \[100000000\] of DT_STRING takes 12800000000 bytes, the limit is 1073741824/,
  },
  { name: "half a complex number", proto: message({ dtype: 8, scomplexVal: [1, 2, 3] }, 2), text: /3 numbers, not pairs/ },
  {
    name: "strings whose lengths run past the content",
    proto: message({ dtype: 7, tensorContent: Uint8Array.of(5, 65) }, 1),
    text: /string 0 of 1 takes 5 bytes, 1 are left/,
  },
  { name: "strings followed by more", proto: message({ dtype: 7, tensorContent: Uint8Array.of(1, 65, 66) }, 1), text: /1 bytes follow the last of 1 strings/ },
  { name: "a message that is cut off", proto: Uint8Array.of(8, 1, 18, 200), text: /cut off/ },
  { name: "a field longer than the message", proto: Uint8Array.of(8, 1, 34, 100, 1), text: /a field of 100 bytes at byte 4 runs past the end/ },
  {
    name: "a bool's content that is neither 0 nor 1",
    proto: message({ dtype: 10, tensorContent: Uint8Array.of(1, 2) }, 2),
    text: /element 1 of a bool tensor's content is 2, not 0 or 1/,
  },
  { name: "a dtype of another wire type", proto: Uint8Array.of(10, 1, 1), text: /dtype before byte 1 has wire type 2, not 0/ },
  { name: "a shape of another wire type", proto: Uint8Array.of(8, 1, 16, 3), text: /tensor_shape before byte 3 has wire type 0, not 2/ },
  { name: "a dim of another wire type", proto: Uint8Array.of(8, 1, 18, 2, 16, 3), text: /dim before byte 5 has wire type 0, not 2/ },
  { name: "a size of another wire type", proto: Uint8Array.of(8, 1, 18, 4, 18, 2, 10, 0), text: /size before byte 7 has wire type 2, not 0/ },
  { name: "content of another wire type", proto: Uint8Array.of(8, 1, 32, 3), text: /tensor_content before byte 3 has wire type 0, not 2/ },
  { name: "floats sent as varints", proto: Uint8Array.of(8, 1, 40, 3), text: /float_val before byte 3 has wire type 0, not 5/ },
  { name: "integers sent as fixed32", proto: Uint8Array.of(8, 3, 61, 1, 0, 0, 0), text: /int_val before byte 3 has wire type 5, not 0/ },
  { name: "strings sent as varints", proto: Uint8Array.of(8, 7, 64, 3), text: /string_val before byte 3 has wire type 0, not 2/ },
  { name: "field number zero", proto: Uint8Array.of(8, 1, 2, 0), text: /byte 3 holds no field/ },
  { name: "nothing at all", proto: new Uint8Array(0), text: /the dtype is not set/ },
  { name: "a variant", proto: message({ dtype: 21 }), text: /DT_VARIANT values stay inside a graph/ },
  { name: "resource handles with a dtype that has none", proto: Uint8Array.of(8, 1, 114, 2, 10, 0), text: /float_val, but resource_handle_val came/ },
  {
    name: "ten million empty strings, two bytes each",
    proto: Buffer.concat([message({ dtype: 7 }, 10_000_000), Buffer.alloc(20_000_000, Uint8Array.of(66, 0))]), // string_val of length 0
    text: /DT_STRING takes 1280000000 bytes, the limit is 1073741824/,
  },
  { name: "a group", proto: Uint8Array.of(8, 1, 19), text: /wire type 3/ },
  { name: "a packed list that is no multiple of four", proto: Uint8Array.of(8, 1, 42, 3, 1, 2, 3), text: /3 bytes is not a multiple of 4/ },
  { name: "a varint of eleven bytes", proto: Uint8Array.of(8, 3, 58, 11, ...new Array<number>(10).fill(0x80), 1), text: /more than ten bytes/ },
];
for (const tc of refusals) {
  test(`${tc.name} is refused, naming the tensor`, () => {
    assert.throws(
      () => decode(tc.proto, { name: "x" }),
      (err: unknown) => {
        assert.equal(codeOf(err), Code.InvalidArgument);
        assert.match((err as Error).message, tc.text);
        assert.match((err as Error).message, /^tensor x: /);
        return true;
      },
    );
  });
}

test("nothing is allocated for a tensor that is refused, however much it claims to take", () => {
  const claims: { proto: Uint8Array; options?: DecodeOptions }[] = [
    { proto: message({ dtype: 1, floatVal: [1] }, 1_000_000_000) },
    { proto: message({ dtype: 1, floatVal: [1] }, 100_000_000) },
    { proto: message({ dtype: 1 }, 200_000_000) },
    { proto: message({ dtype: 1, tensorContent: new Uint8Array(7) }, 200_000_000) },
    { proto: message({ dtype: 1, intVal: [1] }, 200_000_000) },
    { proto: message({ dtype: 18, dcomplexVal: [1] }, 50_000_000) },
    { proto: message({ dtype: 7, stringVal: [Uint8Array.of(65)] }, 8_000_000), options: { maxFillBytes: 2 ** 20 } },
    { proto: message({ dtype: 7, tensorContent: Uint8Array.of(1) }, 8_000_000) },
    { proto: message({ dtype: 8, scomplexVal: [1, 2, 3] }, 5_000_000), options: { maxFillBytes: 2 ** 31 } },
  ];
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  for (const { proto, options } of claims)
    assert.throws(
      () => decode(proto, options),
      (err) => codeOf(err) === Code.InvalidArgument,
    );
  const after = process.memoryUsage();
  // Collection may take memory away, and the errors take some; the least of these claims is 40 MB.
  assert.ok(after.arrayBuffers - arrayBuffers < 1e6, `${after.arrayBuffers - arrayBuffers} bytes of buffers`);
  assert.ok(after.heapUsed - heapUsed < 1e7, `${after.heapUsed - heapUsed} bytes of heap`);
});

test("exactly the fill limit is allowed, one element more is not", () => {
  assert.equal(decode(message({ dtype: 1, floatVal: [3] }, 4), { maxFillBytes: 16 }).data[3], 3);
  assert.throws(() => decode(message({ dtype: 1, floatVal: [3] }, 5), { maxFillBytes: 16 }), /may take 16 bytes/);
});

test("a reader's Buffer comes out as plain Uint8Arrays", () => {
  for (const dtype of [DType.UInt8, DType.String]) {
    const t = dtype === DType.UInt8 ? newTensor(dtype, [1], Uint8Array.of(7)) : newTensor(dtype, [1], [Uint8Array.of(7)]);
    for (const form of ["content", "values"] as const) assert.deepEqual(decode(Buffer.from(encode(t, form))), t);
  }
});

test("prepare writes the same message into the middle of a larger one", () => {
  for (const row of golden.tensors) {
    const t = fromBytes(toDType(enums[row.dtype]!)!, row.shape, bytes(row.content));
    const { size, writeTo } = prepare(t, row.form as Form);
    const target = new Uint8Array(size + 5).fill(0xee);
    assert.equal(writeTo(target, 3), size + 3);
    assert.deepEqual(target.subarray(3, size + 3), encode(t, row.form as Form));
    assert.deepEqual([...target.subarray(0, 3), ...target.subarray(size + 3)], [0xee, 0xee, 0xee, 0xee, 0xee]);
  }
});

test("one aligned run of floats or bools is viewed, not copied", () => {
  for (const t of [newTensor(DType.Float, [2], Float32Array.of(1, 2)), newTensor(DType.Bool, [4], Uint8Array.of(1, 0, 0, 1))]) {
    const wire = encode(t, "values");
    const start = (8 - (wire.length % 8)) % 8;
    const buffer = new Uint8Array(wire.length + 8);
    buffer.set(wire, start);
    const got = decode(buffer.subarray(start, start + wire.length));
    assert.deepEqual(got, t);
    assert.equal((got.data as Uint8Array).buffer, buffer.buffer);
  }
});

test("a bool that is neither 0 nor 1 is sent as 1", () => {
  const t = newTensor(DType.Bool, [3], Uint8Array.of(0, 2, 255));
  for (const form of ["content", "values"] as const) assert.deepEqual(decode(encode(t, form)).data, Uint8Array.of(0, 1, 1));
  assert.deepEqual(t.data, Uint8Array.of(0, 2, 255));
});

test("aligned content is viewed, not copied", () => {
  const wire = encode(newTensor(DType.Float, [2], Float32Array.of(1, 2)));
  const at = wire.length - 8;
  const buffer = new Uint8Array(wire.length + 8);
  const start = (4 - (at % 4)) % 4;
  buffer.set(wire, start);
  const t = decode(buffer.subarray(start, start + wire.length));
  assert.equal((t.data as Float32Array).buffer, buffer.buffer);
});
