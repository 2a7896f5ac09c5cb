import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, isFailure } from "@tfs/std";
import { DType, elementCount, fromBytes, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import fc from "fast-check";
import { zipSync } from "fflate";
import { parseNpy, parseNpz, printNpy, printNpz } from "./index.ts";

/** array lays out an array as numpy.save does; the interop tests hold numpy itself to it. */
function array(header: string, data: Uint8Array | readonly number[] = [], version = 1): Uint8Array {
  const start = version === 1 ? 10 : 12;
  const whole = Math.ceil((start + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(whole + data.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), version, 0]);
  new DataView(bytes.buffer).setUint32(8, whole - start, true);
  bytes.set(new TextEncoder().encode(`${header.padEnd(whole - start - 1)}\n`), start);
  bytes.set(data, whole);
  return bytes;
}
const header = (descr: string, shape: string, fortran = "False"): string => `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
const f32 = (shape: number[], ...values: number[]): Tensor => newTensor(DType.Float, shape, Float32Array.from(values));
const bytesOf = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

const reads: { name: string; bytes: Uint8Array; dtype?: DType; want: Tensor }[] = [
  { name: "two dimensions", bytes: array(header("<f4", "(1, 2)"), bytesOf(1, 2)), want: f32([1, 2], 1, 2) },
  { name: "one dimension", bytes: array(header("<f4", "(2,)"), bytesOf(1, 2)), want: f32([2], 1, 2) },
  { name: "a scalar", bytes: array(header("<f4", "()"), bytesOf(7)), want: f32([], 7) },
  { name: "no rows", bytes: array(header("<f4", "(0, 3)")), want: f32([0, 3]) },
  { name: "format version 2", bytes: array(header("<f4", "(1,)"), bytesOf(3), 2), want: f32([1], 3) },
  { name: "format version 3", bytes: array(header("<f4", "(1,)"), bytesOf(3), 3), want: f32([1], 3) },
  { name: "keys in any order, in double quotes", bytes: array(`{"shape": (1,), "fortran_order": False, "descr": "<f4"}`, bytesOf(3)), want: f32([1], 3) },
  { name: "a shape of Python 2", bytes: array(header("<f4", "(1L, 1L)"), bytesOf(3)), want: f32([1, 1], 3) },
  { name: "one dimension in Fortran order, which is the same", bytes: array(header("<f4", "(1,)", "True"), bytesOf(3)), want: f32([1], 3) },
  {
    name: "its own dtype, whatever is wanted",
    bytes: array(header("<i4", "(1,)"), [5, 0, 0, 0]),
    dtype: DType.Float,
    want: newTensor(DType.Int32, [1], Int32Array.of(5)),
  },
  {
    name: "raw pairs as bfloat16",
    bytes: array(header("<V2", "(1,)"), [0x80, 0x3f]),
    dtype: DType.BFloat16,
    want: newTensor(DType.BFloat16, [1], Uint16Array.of(0x3f80)),
  },
  {
    name: "raw bytes as an 8-bit float",
    bytes: array(header("|V1", "(1,)"), [0x38]),
    dtype: DType.Float8E4M3FN,
    want: newTensor(DType.Float8E4M3FN, [1], Uint8Array.of(0x38)),
  },
  {
    name: "bytes as 4-bit integers",
    bytes: array(header("|V1", "(2,)"), [0x0e, 0x01]),
    dtype: DType.Int4,
    want: newTensor(DType.Int4, [2], Int8Array.of(-2, 1)),
  },
  { name: "integers as quantised ones", bytes: array(header("|i1", "(1,)"), [0xff]), dtype: DType.QInt8, want: newTensor(DType.QInt8, [1], Int8Array.of(-1)) },
];
for (const { name, bytes, dtype, want } of reads) {
  test(`npy: ${name}`, () => {
    assert.deepEqual(parseNpy(bytes, "x", dtype), want);
    assert.deepEqual(parseNpy(Buffer.concat([Buffer.alloc(3), bytes]).subarray(3), "x", dtype), want); // wherever it lies
  });
}

const refusals: { name: string; bytes: Uint8Array; dtype?: DType; text: string }[] = [
  { name: "nothing", bytes: new Uint8Array(0), text: "it does not start with \\x93NUMPY" },
  { name: "JSON", bytes: new TextEncoder().encode('{"instances":[1.0]}'), text: "it does not start with \\x93NUMPY" },
  { name: "no version", bytes: array("").subarray(0, 6), text: "it breaks off in its header" },
  { name: "version 4", bytes: array(header("<f4", "(1,)"), bytesOf(1), 4), text: "format version 4.0 is none of 1.0, 2.0 and 3.0" },
  { name: "a header that breaks off", bytes: array(header("<f4", "(1,)")).subarray(0, 40), text: "it breaks off in its header" },
  {
    name: "a header without end",
    bytes: Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 0xff, 0xff, 0xff, 0x7f),
    text: "its header has 2147483647 bytes, more than 8192",
  },
  { name: "a header that is none", bytes: array("import os"), text: "its header is no dictionary of descr, fortran_order and shape" },
  { name: "a shape that is none", bytes: array(header("<f4", "(-1,)")), text: "its header is no dictionary of descr, fortran_order and shape" },
  { name: "a dimension without end", bytes: array(header("<f4", "(99999999999999999999,)")), text: "(99999999999999999999,) is no shape" },
  { name: "big-endian numbers", bytes: array(header(">f4", "(1,)"), bytesOf(1)), text: '>f4 is big-endian: save x.astype("<f4")' },
  { name: "Fortran order", bytes: array(header("<f4", "(1, 2)", "True"), bytesOf(1, 2)), text: "it is in Fortran order: save numpy.ascontiguousarray(x)" },
  { name: "text", bytes: array(header("<U3", "(1,)"), new Uint8Array(12)), text: "<U3 is text or objects, which go as JSON" },
  { name: "bytes", bytes: array(header("|S3", "(1,)"), new Uint8Array(3)), text: "|S3 is text or objects, which go as JSON" },
  { name: "objects", bytes: array(header("|O", "(1,)"), new Uint8Array(3)), text: "|O is text or objects, which go as JSON" },
  {
    name: "a structured array",
    bytes: array("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytesOf(1)),
    text: "it is a structured array",
  },
  {
    name: "raw bytes for a float",
    bytes: array(header("<V2", "(1,)"), [0, 0]),
    dtype: DType.Float,
    text: "<V2 is no dtype of TensorFlow's, and not how float is stored",
  },
  ...(
    [
      [DType.Int4, "|i1", [7, 0xf8, 8], "element 2 is 8, and int4 goes from -8 to 7"],
      [DType.Int4, "|i1", [0xf7], "element 0 is -9, and int4 goes from -8 to 7"],
      [DType.UInt4, "|u1", [15, 16], "element 1 is 16, and uint4 goes from 0 to 15"],
      [DType.Int2, "|i1", [1, 0xfe, 0xfd], "element 2 is -3, and int2 goes from -2 to 1"],
      [DType.UInt2, "|u1", [3, 255], "element 1 is 255, and uint2 goes from 0 to 3"],
    ] as const
  ).map(([dtype, descr, values, text]) => ({
    name: `integers out of range: ${text}`,
    bytes: array(header(descr, `(${values.length},)`), [...values]),
    dtype,
    text,
  })),
  { name: "dates", bytes: array(header("<M8[ns]", "(1,)"), new Uint8Array(8)), text: "<M8[ns] is no dtype of TensorFlow's" },
  { name: "too little data", bytes: array(header("<f4", "(2,)"), bytesOf(1)), text: "shape [2] of <f4 takes 8 bytes, and 4 follow the header" },
  { name: "too much data", bytes: array(header("<f4", "(1,)"), bytesOf(1, 2)), text: "shape [1] of <f4 takes 4 bytes, and 8 follow the header" },
];
for (const { name, bytes, dtype, text } of refusals) {
  test(`npy refuses ${name}`, () =>
    assert.throws(() => parseNpy(bytes, "x", dtype), { code: Code.InvalidArgument, message: `x is no npy array that can be read: ${text}` }));
}

const dtypes = Object.values(DType).filter((d) => d !== DType.String && d !== DType.Resource && d !== DType.Variant);
const small: readonly DType[] = [DType.Bool, DType.Int4, DType.UInt4, DType.Int2, DType.UInt2, DType.Float4E2M1FN];
const anyTensor = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }),
    seed: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  })
  .map(({ dtype, shape, seed }) => {
    const size = fromBytes(dtype, [0], new Uint8Array(0)).data as { readonly BYTES_PER_ELEMENT?: number };
    const width = dtype === DType.Complex64 || dtype === DType.Complex128 ? 2 : 1;
    const bytes = Uint8Array.from(
      { length: elementCount(shape) * width * (size.BYTES_PER_ELEMENT ?? 1) },
      (_, i) => seed[i % 16]! & (small.includes(dtype) ? 1 : 0xff),
    );
    return fromBytes(dtype, shape, bytes);
  });
test("npy and npz: what is printed is read back the same", () => {
  fc.assert(
    fc.property(anyTensor, anyTensor, (a, b) => {
      assert.deepEqual(parseNpy(printNpy("a", a), "a", a.dtype), a);
      const both = new Map([
        ["a", a],
        ["größe", b],
      ]);
      assert.deepEqual(parseNpz(printNpz(both), new Map([...both].map(([name, t]) => [name, t.dtype]))), both);
    }),
    { seed: 11, numRuns: 500 },
  );
});
test("npy does not carry strings", () => {
  assert.throws(() => printNpy("y", fromStrings(["a"])), { code: Code.InvalidArgument, message: "output y is string, which an npy array does not carry" });
});
test("any bytes give an array or a failure", () => {
  const whole = array(header("<f4", "(1, 2)"), bytesOf(1, 2));
  const zip = printNpz(new Map([["x", f32([2], 1, 2)]]));
  fc.assert(
    fc.property(fc.constantFrom(whole, zip), fc.nat(400), fc.nat(400), fc.nat(255), (from, cut, at, byte) => {
      const bytes = from.slice(0, cut);
      if (at < bytes.length) bytes[at] = byte;
      for (const parse of [() => parseNpy(bytes, "x", DType.Float), () => parseNpz(bytes, new Map([["x", DType.Float]]))]) {
        try {
          parse();
        } catch (err) {
          assert.ok(isFailure(err), String(err));
        }
      }
    }),
    { seed: 12, numRuns: 3000 },
  );
});

const x = new Map([["x", DType.Float]]);
const one = array(header("<f4", "(1,)"), bytesOf(1));
test("npz: stored and compressed files, with and without a suffix", () => {
  for (const name of ["x.npy", "x"])
    for (const level of [0, 6] as const) assert.deepEqual(parseNpz(zipSync({ [name]: one }, { level }), x), new Map([["x", f32([1], 1)]]));
});
const unread: { name: string; bytes: Uint8Array; text: RegExp }[] = [
  { name: "what is no zip", bytes: one, text: /^the body is no npz file: it cannot be unpacked$/ },
  { name: "nothing", bytes: new Uint8Array(0), text: /^the body is no npz file/ },
  { name: "a zip that breaks off", bytes: zipSync({ "x.npy": one }).subarray(0, 100), text: /^the body is no npz file/ },
  {
    name: "an array that nobody wants",
    bytes: zipSync({ "x.npy": one, "y.npy": one }),
    text: /^the npz file has y.npy, and the signature has no input y: its inputs are \{x\}$/,
  },
  { name: "two arrays of one name", bytes: zipSync({ x: one, "x.npy": one }), text: /^the npz file has two arrays for the input x$/ },
  { name: "a file that is no array", bytes: zipSync({ "x.npy": Uint8Array.of(1) }), text: /^x is no npy array that can be read: it does not start with/ },
  {
    name: "arrays that unpack to more than they may",
    bytes: zipSync({ "x.npy": new Uint8Array(104_857_601) }, { level: 1 }),
    text: /^the arrays of the npz file take more than 104857600 bytes$/,
  },
];
for (const { name, bytes, text } of unread)
  test(`npz refuses ${name}`, () => assert.throws(() => parseNpz(bytes, x), { code: Code.InvalidArgument, message: text }));
test("npz believes no size that a zip tells for less than it holds", () => {
  const bytes = zipSync({ "x.npy": new Uint8Array(1 << 20) }, { level: 6 });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at + 28 < bytes.length; at++) if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 10, true); // the directory's uncompressed size
  assert.throws(() => parseNpz(bytes, x), { code: Code.InvalidArgument });
});
