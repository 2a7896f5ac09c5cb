// Rows of the upstream tests of answers (behaviour spec, section 13.2): here it is the values that count; predict.test.ts holds the layout, byte for byte.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { printPredict } from "./index.ts";

const string = (body: Uint8Array): string => new TextDecoder().decode(body);
const ints = (shape: number[], ...values: number[]): Tensor => newTensor(DType.Int32, shape, Int32Array.from(values));
const cube = ints([2, 3, 2], 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2);
const words = fromStrings(["hello", "world", "tf", "serving"], [2, 2]);
const cubeRows = [
  [
    [1, 2],
    [3, 4],
    [5, 6],
  ],
  [
    [7, 8],
    [9, 0],
    [1, 2],
  ],
];
const plainWords = [
  ["hello", "world"],
  ["tf", "serving"],
];
const base64Words = [
  [{ b64: "aGVsbG8=" }, { b64: "d29ybGQ=" }],
  [{ b64: "dGY=" }, { b64: "c2VydmluZw==" }],
];
const several = {
  dbl_tensor: newTensor(DType.Double, [2], Float64Array.of(1.5, 2.5)),
  float_tensor: newTensor(DType.Float, [2, 1], Float32Array.of(3, 4)),
  int_tensor: cube,
  str_tensor: words,
  str_tensor_bytes: words,
};

const values: { name: string; outputs: Record<string, Tensor>; format: "row" | "columnar"; want: unknown }[] = [
  { name: "13.2 FromJsonSingleTensor: ints in three dimensions, in columns", outputs: { y: cube }, format: "columnar", want: { outputs: cubeRows } },
  {
    name: "13.2 FromJsonSingleScalarTensor: int scalars in a row",
    outputs: { y: ints([5], 1, 2, 3, 4, 5) },
    format: "row",
    want: { predictions: [1, 2, 3, 4, 5] },
  },
  {
    name: "13.2 FromJsonSingleScalarTensor: int scalars in columns",
    outputs: { y: ints([5], 1, 2, 3, 4, 5) },
    format: "columnar",
    want: { outputs: [1, 2, 3, 4, 5] },
  },
  { name: "13.2 FromJsonSingleBytesTensor: bytes of two dimensions", outputs: { str_tensor_bytes: words }, format: "row", want: { predictions: base64Words } },
  {
    name: "13.2 FromJsonSingleBytesTensor: bytes of two dimensions, in columns",
    outputs: { str_tensor_bytes: words },
    format: "columnar",
    want: { outputs: base64Words },
  },
  {
    name: "13.2 FromJsonMultipleNamedTensors: five outputs of five kinds in rows",
    outputs: several,
    format: "row",
    want: {
      predictions: [0, 1].map((i) => ({
        dbl_tensor: [1.5, 2.5][i],
        float_tensor: [[3], [4]][i],
        int_tensor: cubeRows[i],
        str_tensor: plainWords[i],
        str_tensor_bytes: base64Words[i],
      })),
    },
  },
  {
    name: "13.2 FromJsonMultipleNamedTensors: five outputs of five kinds in columns",
    outputs: several,
    format: "columnar",
    want: { outputs: { dbl_tensor: [1.5, 2.5], float_tensor: [[3], [4]], int_tensor: cubeRows, str_tensor: plainWords, str_tensor_bytes: base64Words } },
  },
];
for (const tc of values)
  test(`printing: ${tc.name}`, () => assert.deepEqual(JSON.parse(string(printPredict(new Map(Object.entries(tc.outputs)), tc.format))), tc.want));
