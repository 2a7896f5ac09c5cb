import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { Code, codeOf } from "@tfs/std";
import { DType, dtypeName, elementSize, newTensor, type NumericData, type Tensor } from "@tfs/tensor";
import { parsePredict, parsePredictResponse, printPredict, printPredictRequest } from "./index.ts";
import { isSmallFloat, smallFloatPrinter, smallFloats } from "./small_float.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sig = (dtype: DType): SignatureDef => create(SignatureDefSchema, { inputs: { x: { dtype: dtype as never } }, outputs: { y: { dtype: dtype as never } } });
const bitsOf = (dtype: DType, ...bits: number[]): NumericData => (elementSize(dtype) === 2 ? Uint16Array : Uint8Array).from(bits);

/** Bits as ml_dtypes and numpy round the numbers to. */
const rows: { dtype: DType; text: string; bits: number[]; printed?: string; shortest?: string }[] = [
  { dtype: DType.Half, text: "[1.0, -2, 0.5]", bits: [0x3c00, 0xc000, 0x3800], printed: "[1.0, -2.0, 0.5" },
  {
    dtype: DType.Half,
    text: "[0.1, 1e-7, 65504]",
    bits: [0x2e66, 0x0002, 0x7bff],
    printed: "[0.0999756, 1.19209e-07, 65504.0",
    shortest: "[0.1, 1e-07, 65500.0",
  },
  { dtype: DType.Half, text: "[65520, -1e9, NaN, Infinity]", bits: [0x7c00, 0xfc00, 0x7e00, 0x7c00], printed: "[Infinity, -Infinity, NaN, Infinity" },
  { dtype: DType.Half, text: "[2049, 2051, -0.0]", bits: [0x6800, 0x6802, 0x8000], printed: "[2048.0, 2052.0, -0.0" },
  {
    dtype: DType.BFloat16,
    text: "[1.0, 3.14159, 1e38]",
    bits: [0x3f80, 0x4049, 0x7e96],
    printed: "[1.0, 3.14062, 9.96921e+37",
    shortest: "[1.0, 3.14, 1e+38",
  },
  { dtype: DType.Float8E5M2, text: "[1.0, 3, 1e9]", bits: [0x3c, 0x42, 0x7c], printed: "[1.0, 3.0, Infinity" },
  { dtype: DType.Float8E4M3FN, text: "[1.0, 3.1, 448]", bits: [0x38, 0x44, 0x7e], printed: "[1.0, 3.0, 448.0", shortest: "[1.0, 3.0, 450.0" },
  { dtype: DType.UInt16, text: "[0, 65535]", bits: [0, 65535], printed: "[0, 65535" },
];
for (const { dtype, text, bits, printed, shortest } of rows) {
  test(`${dtypeName(dtype)}: ${text} is read in rows and columns, and printed ${printed}`, () => {
    const want = newTensor(dtype, [bits.length], bitsOf(dtype, ...bits));
    for (const key of ["instances", "inputs"]) {
      for (const body of [`{"${key}":${text}}`, `{"other":"\\u0000","${key}":${text}}`]) {
        assert.deepEqual(parsePredict(bytes(body)).inputs(sig(dtype)).inputs.get("x"), want);
      }
    }
    const print = (numbers: "tensorflow" | "shortest") => new TextDecoder().decode(printPredict(new Map([["y", want]]), "row", { numbers }));
    assert.equal(print("tensorflow"), `{\n    "predictions": ${printed}\n    ]\n}`);
    assert.equal(print("shortest"), `{\n    "predictions": ${shortest ?? printed}\n    ]\n}`);
  });
}

test("every value of the small floats is printed so that it is read back, in both forms", () => {
  for (const dtype of smallFloats) {
    const count = 256 ** elementSize(dtype);
    const print = smallFloatPrinter(dtype, false);
    // One of many NaNs is read back.
    const bits = Array.from({ length: count }, (_, i) => i).filter((i) => print(i) !== "NaN");
    assert.ok(bits.length > count * 0.95);
    const t = newTensor(dtype, [bits.length], bitsOf(dtype, ...bits));
    for (const numbers of ["tensorflow", "shortest"] as const) {
      assert.deepEqual(parsePredictResponse(printPredict(new Map([["y", t]]), "row", { numbers }), sig(dtype)).get("y"), t);
    }
    assert.deepEqual(
      parsePredict(printPredictRequest(new Map([["x", t]])))
        .inputs(sig(dtype))
        .inputs.get("x"),
      t,
    );
  }
});

const bounds: [dtype: DType, least: number, most: number][] = [
  [DType.UInt16, 0, 65535],
  [DType.QInt8, -128, 127],
  [DType.QUInt8, 0, 255],
  [DType.QInt16, -32768, 32767],
  [DType.QUInt16, 0, 65535],
  [DType.QInt32, -2147483648, 2147483647],
  [DType.Int4, -8, 7],
  [DType.UInt4, 0, 15],
  [DType.Int2, -2, 1],
  [DType.UInt2, 0, 3],
];
for (const [dtype, least, most] of bounds) {
  test(`${dtypeName(dtype)} goes from ${least} to ${most}, and no further`, () => {
    const t: Tensor = parsePredict(bytes(`{"inputs":[${least},${most}]}`))
      .inputs(sig(dtype))
      .inputs.get("x")!;
    assert.deepEqual([t.dtype, ...Array.from(t.data as Int32Array)], [dtype, least, most]);
    assert.equal(new TextDecoder().decode(printPredict(new Map([["y", t]]), "columnar")).replace(/\s/g, ""), `{"outputs":[${least},${most}]}`);
    for (const past of [least - 1, most + 1, 0.5]) {
      assert.throws(() => parsePredict(bytes(`{"inputs":[${past}]}`)).inputs(sig(dtype)), {
        code: Code.InvalidArgument,
        message: `JSON Value: ${past} Type: Number is not of expected type: ${dtypeName(dtype)}`,
      });
    }
  });
}

for (const dtype of [DType.Complex64, DType.Complex128, DType.Float4E2M1FN] as const) {
  test(`${dtypeName(dtype)} stays refused, in TensorFlow Serving's words`, () => {
    assert.ok(!isSmallFloat(dtype));
    assert.throws(
      () => parsePredict(bytes('{"inputs":[1]}')).inputs(sig(dtype)),
      (err: unknown) => codeOf(err) === Code.Unimplemented && (err as Error).message === `Conversion of JSON Value: 1 to type: ${dtypeName(dtype)}`,
    );
  });
}
