import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { Code, codeOf, isFailure } from "@tfs/std";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import fc from "fast-check";
import { dump } from "./dump.ts";
import { parsePredict, parsePredictResponse, printPredict, printPredictRequest } from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const string = (body: Uint8Array): string => new TextDecoder().decode(body);
const sig = (inputs: Record<string, DType>, outputs: Record<string, DType> = {}): SignatureDef => {
  const infos = (m: Record<string, DType>) =>
    Object.fromEntries(Object.entries(m).map(([k, dtype]) => [k, { dtype: dtype as never, encoding: { case: "name" as const, value: `${k}:0` } }]));
  return create(SignatureDefSchema, { inputs: infos(inputs), outputs: infos(outputs) });
};
const int = sig({ default: DType.Int32 });
const float = sig({ x: DType.Float });
const i32 = (shape: number[], ...v: number[]): Tensor => newTensor(DType.Int32, shape, Int32Array.from(v));
const f32 = (shape: number[], ...v: number[]): Tensor => newTensor(DType.Float, shape, Float32Array.from(v));
const named = { int_tensor: DType.Int32, str_tensor: DType.String, float_tensor: DType.Float, dbl_tensor: DType.Double };

// Rows of the upstream tests json_tensor_test (behaviour spec, section 13.1).
const reads: {
  name: string;
  body: string;
  sig?: SignatureDef;
  signatureName?: string;
  format?: "row" | "columnar";
  want: Record<string, Tensor>;
}[] = [
  { name: "13.1 SingleUnnamedTensor: a single unnamed tensor", body: '{"instances": [[1,2],[3,4],[5,6]]}', want: { default: i32([3, 2], 1, 2, 3, 4, 5, 6) } },
  {
    name: "13.1 DeeplyNestedWellFormed: another key may nest 500000 deep",
    body: `{"instances":[1], "nested": ${"[".repeat(500_000)}${"]".repeat(500_000)}}`,
    want: { default: i32([1], 1) },
  },
  {
    name: "13.1 SingleUnnamedTensorWithSignature: a signature's name beside the tensor",
    body: '{"signature_name": "predict_images", "instances": [[1,2]]}',
    signatureName: "predict_images",
    want: { default: i32([1, 2], 1, 2) },
  },
  {
    name: "13.1 MixedInputForFloatTensor: numbers of any form for float",
    sig: float,
    body: '{"instances": [1, 2.0, 3, 4, 5.003, 0.007, 0.0]}',
    want: { x: f32([7], 1, 2, 3, 4, 5.003, 0.007, 0) },
  },
  {
    name: "13.1 MixedInputForDoubleTensor: numbers of any form for double",
    sig: sig({ x: DType.Double }),
    body: '{"instances": [1.0, 2, 3, 4, 0.662, 0, 0.0]}',
    want: { x: newTensor(DType.Double, [7], Float64Array.of(1, 2, 3, 4, 0.662, 0, 0)) },
  },
  {
    name: "13.1 FloatTensorWithPrecisionLoss: float loses precision silently",
    sig: float,
    body: '{"instances": [1435774380, 1435774380.0]}',
    want: { x: f32([2], 1435774380, 1435774380) },
  },
  {
    name: "13.1 FloatTensorThatExceedsMaxReturnsInf: beyond float's range is infinity",
    sig: float,
    body: '{"instances": [1.79769e+308, -1.79769e+308]}',
    want: { x: f32([2], Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
  },
  {
    name: "13.1 FloatTensorThatExceedsMinReturnsZero: below float's range is zero",
    sig: float,
    body: '{"instances": [2.22507e-308, -2.22507e-308]}',
    want: { x: f32([2], 0, -0) },
  },
  {
    name: "13.1 SingleUnnamedTensorBase64Scalars: base64 scalars",
    sig: sig({ s: DType.String }),
    body: '{"instances": [{"b64":"aGVsbG8="},{"b64":"d29ybGQ="}]}',
    want: { s: fromStrings(["hello", "world"]) },
  },
  {
    name: "base64 without its padding",
    sig: sig({ s: DType.String }),
    body: '{"instances": [{"b64":"aGVsbG8"},{"b64":"d29ybGQ"}]}',
    want: { s: fromStrings(["hello", "world"]) },
  },
  {
    name: "13.1 SingleUnnamedTensorBase64Lists: base64 in lists",
    sig: sig({ s: DType.String }),
    body: '{"instances": [[{"b64":"aGVsbG8="}],[{"b64":"d29ybGQ="}]]}',
    want: { s: fromStrings(["hello", "world"], [2, 1]) },
  },
  {
    name: "13.1 SingleNamedTensorBase64: base64 in a named tensor",
    sig: sig({ default: DType.String }),
    body: '{"instances": [{"default": [[{"b64":"aGVsbG8="}],[{"b64":"d29ybGQ="}]]}]}',
    want: { default: fromStrings(["hello", "world"], [1, 2, 1]) },
  },
  {
    name: "13.1 MultipleNamedTensor: several named tensors, NaN and Infinity kept",
    sig: sig(named),
    body: '{"instances": [{"int_tensor": [[1,2],[3,4],[5,6]], "str_tensor": ["foo","bar"], "float_tensor": [1.0, NaN], "dbl_tensor": [NaN]}, {"dbl_tensor": [2.0], "int_tensor": [[7,8],[9,0],[1,2]], "str_tensor": ["baz","bat"], "float_tensor": [2.0, Infinity]}]}',
    want: {
      int_tensor: i32([2, 3, 2], 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2),
      str_tensor: fromStrings(["foo", "bar", "baz", "bat"], [2, 2]),
      float_tensor: f32([2, 2], 1, Number.NaN, 2, Number.POSITIVE_INFINITY),
      dbl_tensor: newTensor(DType.Double, [2, 1], Float64Array.of(Number.NaN, 2)),
    },
  },
  {
    name: "13.1 SingleUnnamedTensorColumnarFormat: columnar, named",
    format: "columnar",
    sig: sig({ int_tensor: DType.Int32 }),
    body: '{"inputs": {"int_tensor": [[[1,2],[3,4],[5,6]]]}}',
    want: { int_tensor: i32([1, 3, 2], 1, 2, 3, 4, 5, 6) },
  },
  {
    name: "13.1 SingleUnnamedTensorColumnarFormat: columnar, plain",
    format: "columnar",
    body: '{"inputs": [[[1,2],[3,4],[5,6]]]}',
    want: { default: i32([1, 3, 2], 1, 2, 3, 4, 5, 6) },
  },
  { name: "columnar, a bare scalar", format: "columnar", sig: float, body: '{"inputs": 4}', want: { x: f32([], 4) } },
  {
    name: "13.1 MultipleNamedTensorColumnarFormat: columnar, several, one of rank 0, extra names ignored",
    format: "columnar",
    sig: sig({ int_tensor: DType.Int32, str_tensor: DType.String, bin_tensor: DType.String }),
    body: '{"inputs": {"other": 1, "int_tensor": [[[1,2],[3,4],[5,6]]], "str_tensor": ["foo","bar"], "bin_tensor": {"b64":"aGVsbG8="}}}',
    want: { int_tensor: i32([1, 3, 2], 1, 2, 3, 4, 5, 6), str_tensor: fromStrings(["foo", "bar"]), bin_tensor: fromStrings(["hello"], []) },
  },
  { name: "what follows the first value is ignored", sig: float, body: '{"instances":[1.0]} trailing', want: { x: f32([1], 1) } },
  { name: "a byte-order mark is skipped", sig: float, body: '\ufeff{"instances":[1.0]}', want: { x: f32([1], 1) } },
  { name: "the first of two equal keys wins", sig: float, body: '{"instances":[1.0],"instances":[2.0]}', want: { x: f32([1], 1) } },
  { name: "an empty list is [0]", format: "columnar", sig: float, body: '{"inputs":[]}', want: { x: f32([0]) } },
  { name: "a list of an empty list is [1,0]", format: "columnar", sig: float, body: '{"inputs":[[]]}', want: { x: f32([1, 0]) } },
  {
    name: "narrow integers are truncated",
    format: "columnar",
    sig: sig({ x: DType.UInt8 }),
    body: '{"inputs":[300]}',
    want: { x: newTensor(DType.UInt8, [1], Uint8Array.of(44)) },
  },
  {
    name: "64-bit integers are exact",
    format: "columnar",
    sig: sig({ x: DType.Int64 }),
    body: '{"inputs":[9223372036854775807,-9223372036854775808]}',
    want: { x: newTensor(DType.Int64, [2], BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n))) },
  },
  {
    name: "unsigned 64-bit integers are exact",
    format: "columnar",
    sig: sig({ x: DType.UInt64 }),
    body: '{"inputs":[18446744073709551615]}',
    want: { x: newTensor(DType.UInt64, [1], BigUint64Array.of(2n ** 64n - 1n)) },
  },
  {
    name: "strings keep escapes, NUL and pairs",
    format: "columnar",
    sig: sig({ s: DType.String }),
    body: '{"inputs":["a\\u0000\\n\\ud83d\\ude00\\/"]}',
    want: { s: fromStrings(["a\0\n😀/"]) },
  },
  {
    name: "an empty list of a dtype that JSON does not carry",
    format: "columnar",
    sig: sig({ x: DType.Complex64 }),
    body: '{"inputs":[]}',
    want: { x: newTensor(DType.Complex64, [0], new Float32Array(0)) },
  },
  {
    name: "half a pair of surrogates, the second",
    format: "columnar",
    sig: sig({ s: DType.String }),
    body: '{"inputs":["\\udc00"]}',
    want: { s: fromStrings(["\ufffd"]) },
  },
  { name: "white space everywhere", sig: float, body: ' { "instances" : [ 1.0 , 2 ] } ', want: { x: f32([2], 1, 2) } },
];
for (const tc of reads) {
  test(`reading: ${tc.name}`, () => {
    const request = parsePredict(bytes(tc.body));
    assert.equal(request.signatureName, tc.signatureName ?? "");
    const got = request.inputs(tc.sig ?? int);
    assert.equal(got.format, tc.format ?? "row");
    assert.deepEqual(Object.fromEntries(got.inputs), tc.want);
  });
}
test("reading: 13.1 TensorFromNonNullTerminatedBuffer: it ends where the body ends, whatever the buffer around it holds", () => {
  const body = '{"instances": [[1,2],[3,4],[5,6]]}';
  const buffer = bytes(`7${body}X`);
  assert.deepEqual(
    parsePredict(buffer.subarray(1, 1 + body.length))
      .inputs(int)
      .inputs.get("default"),
    i32([3, 2], 1, 2, 3, 4, 5, 6),
  );
  assert.throws(() => parsePredict(buffer.subarray(1, body.length)), { message: /^JSON Parse error: / }); // the brace that would close it lies outside
});

const refusals: { name: string; body: string; sig?: SignatureDef; text: string; code?: Code }[] = [
  { name: "13.1 SingleUnnamedTensorErrors: an empty body", body: "", text: "JSON Parse error: The document is empty" },
  { name: "a blank body", body: "  ", text: "JSON Parse error: The document is empty. at offset: 2" },
  { name: "not JSON", body: "instances = [1, 2]", text: "JSON Parse error: Invalid value. at offset: 0" },
  { name: "cut off", body: '{"instances":[1.0],"junk":[[[', text: "JSON Parse error: Invalid value. at offset: 29" },
  { name: "no value at all", body: " ]", text: "JSON Parse error: The document is empty. at offset: 1" },
  { name: "a mark and no more", body: "\ufeff", text: "JSON Parse error: The document is empty. at offset: 3" },
  { name: "a fault behind a mark", body: '\ufeff{"a"}', text: "Missing a colon after a name of object member. at offset: 7" },
  { name: "a word that breaks off", body: '{"a":nulx}', text: "Invalid value. at offset: 8" },
  { name: "a word for infinity that breaks off", body: '{"a":-Infin}', text: "Invalid value. at offset: 11" },
  { name: "a sign without a number", body: '{"a":-x}', text: "Invalid value. at offset: 6" },
  { name: "a control character in a string", body: '{"a":"b\n"}', text: "Invalid escape character in string. at offset: 7" },
  { name: "no object", body: "[1, 2]", text: "JSON Value: [1, 2] Is not object" },
  {
    name: "13.1 SingleUnnamedTensorErrors: a signature name that is a number",
    body: '{"signature_name": 5, "instances": [1]}',
    text: 'JSON Value: {\n    "signature_name": 5,\n    "instances": [1]\n} not formatted correctly. \'signature_name\' key must be a string value.',
  },
  {
    name: "13.1 DeeplyNestedMalformed: a signature name 500000 deep",
    body: `{"signature_name": ${"[".repeat(500_000)}${"]".repeat(500_000)}}`,
    text: "key must be a string value",
  },
  {
    name: "13.1 SingleUnnamedTensorErrors: both keys",
    body: '{"instances":[1],"inputs":[1]}',
    text: "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
  },
  { name: "neither key", body: "{}", text: "Missing 'inputs' or 'instances' key" },
  { name: "instances is no list", body: '{"instances":1}', text: "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array" },
  { name: "no instances", body: '{"instances":[]}', text: "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array" },
  {
    name: "13.1 SingleUnnamedTensorErrors: an instance with more values",
    body: '{"instances":[[1,2],[3,4],[5,6,7]]}',
    text: "Failed to process element: 2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 3",
  },
  {
    name: "13.1 SingleUnnamedTensorErrors: an instance of another shape",
    body: '{"instances":[[1,2],[3,4],[[5,6]]]}',
    text: "Failed to process element: 2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2] but got: [1,2]",
  },
  { name: "13.1 SingleUnnamedTensorErrors: a list after a scalar", body: '{"instances":[1,[1]]}', text: "Expecting shape [] but got: [1]" },
  {
    name: "13.1 SingleUnnamedTensorErrors: strings for ints",
    body: '{"instances":[[1,2],["a","b"]]}',
    text: 'Error: INVALID_ARGUMENT: JSON Value: "a" Type: String is not of expected type: int32',
  },
  {
    name: "a string for a float",
    sig: float,
    body: '{"instances":["x"]}',
    text: "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"x\" Type: String is not of expected type: float",
  },
  { name: "1.0 for an int", body: '{"instances":[1.0]}', text: "JSON Value: 1.0 Type: Number is not of expected type: int32" },
  { name: "1e2 for an int", body: '{"instances":[1e2]}', text: "Type: Number is not of expected type: int32" },
  { name: "2^31 for an int32", body: '{"instances":[2147483648]}', text: "is not of expected type: int32" },
  { name: "null", sig: float, body: '{"instances":[null]}', text: "JSON Value: null Type: Null is not of expected type: float" },
  { name: "1 for a bool", sig: sig({ x: DType.Bool }), body: '{"instances":[1]}', text: "Type: Number is not of expected type: bool" },
  {
    name: "lists where objects are needed",
    sig: sig(named),
    body: '{"instances":[[1]]}',
    text: "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map",
  },
  {
    name: "13.1 MultipleNamedTensorErrors: a named value one level deeper than before",
    sig: sig(named),
    body: '{"instances":[{"int_tensor":[[1,2],[3,4]],"str_tensor":["a"],"float_tensor":[1],"dbl_tensor":[1]},{"int_tensor":[[[1,2],[3,4]]],"str_tensor":["a"],"float_tensor":[1],"dbl_tensor":[1]}]}',
    text: "Failed to process element: 1 key: int_tensor of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2,2] but got: [1,2,2]",
  },
  {
    name: "13.1 MultipleNamedTensorErrors: a named value of three rows after one of four",
    sig: sig(named),
    body: '{"instances":[{"int_tensor":[[1,2],[3,4],[5,6],[7,8]],"str_tensor":["a"],"float_tensor":[1],"dbl_tensor":[1]},{"int_tensor":[[1,2],[3,4],[5,6]],"str_tensor":["a"],"float_tensor":[1],"dbl_tensor":[1]}]}',
    text: "Failed to process element: 1 key: int_tensor of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 8 but got: 6",
  },
  {
    name: "13.1 MultipleNamedTensorErrors: an object, then a list",
    sig: sig({ s: DType.String }),
    body: '{"instances":[{"s":"a"},["b"]]}',
    text: "Expecting object but got list at item 1 of input list",
  },
  {
    name: "13.1 MultipleNamedTensorErrors: a list, then an object",
    sig: sig({ s: DType.String }),
    body: '{"instances":[["a"],{"s":"b"}]}',
    text: "Expecting value/list but got object at item 1 of input list",
  },
  {
    name: "an unknown name",
    sig: float,
    body: '{"instances":[{"y":1.0}]}',
    text: "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: y",
  },
  {
    name: "a missing name",
    sig: sig({ a: DType.Float, b: DType.Float }),
    body: '{"instances":[{"a":1.0}]}',
    text: "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": 1.0\n} keys must be equal to: a,b",
  },
  {
    name: "an unnamed value for several inputs",
    sig: sig({ a: DType.Float, b: DType.Float }),
    body: '{"inputs":[1.0]}',
    text: "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map",
  },
  { name: "a missing column", sig: float, body: '{"inputs":{"y":1.0}}', text: "Missing named input: x in 'inputs' object." },
  {
    name: "a list too long before what it holds",
    sig: float,
    body: '{"inputs":[[1.0],["x",2.0]]}',
    text: "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
  },
  {
    name: "the outer of two lists of another size",
    sig: float,
    body: '{"inputs":[[[1.0]],[[1.0,2.0],[3.0]]]}',
    text: "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
  },
  {
    name: "an object for a dtype that JSON does not carry",
    sig: sig({ x: DType.Complex64 }),
    body: '{"inputs":{"x":{"a":1}}}',
    text: "Type: Object is not of expected type: complex64",
  },
  { name: "ragged columns", sig: float, body: '{"inputs":[[1.0],[2.0,3.0]]}', text: "Encountered list at unexpected size: 2 at level: 1 expected size: 1" },
  {
    name: "a scalar above the leaves",
    sig: float,
    body: '{"inputs":[[1.0],2.0]}',
    text: "JSON Value: 2.0 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
  },
  { name: "a list below the leaves", sig: float, body: '{"inputs":[1.0,[2.0]]}', text: "Encountered list at unexpected level: 1 expected < 1" },
  { name: "bad base64", sig: sig({ s: DType.String }), body: '{"inputs":[{"b64":"!"}]}', text: "Unable to base64 decode" },
  {
    name: "an object that is no base64",
    sig: sig({ s: DType.String }),
    body: '{"inputs":[{"b65":"aa"}]}',
    text: 'JSON Value: {\n    "b65": "aa"\n} not formatted correctly for base64 data',
  },
  {
    name: "a dtype that JSON does not carry, in columns",
    sig: sig({ x: DType.Complex64 }),
    body: '{"inputs":[1.0]}',
    code: Code.Unimplemented,
    text: "Conversion of JSON Value: 1.0 to type: complex64",
  },
  {
    name: "a dtype that JSON does not carry, in rows",
    sig: sig({ x: DType.Complex64 }),
    body: '{"instances":[1.0]}',
    text: "Error: UNIMPLEMENTED: Conversion of JSON Value: 1.0 to type: complex64",
  },
  { name: "a signature without inputs", sig: sig({}), body: '{"instances":[1.0]}', text: "Failed to get input map for signature: DEFAULT" },
  { name: "a trailing comma", sig: float, body: '{"instances":[1.0,]}', text: "JSON Parse error: Invalid value. at offset: 18" },
  { name: "a missing colon", body: '{"a" 1}', text: "Missing a colon after a name of object member. at offset: 5" },
  { name: "a missing comma", body: '{"a":1 "b":2}', text: "Missing a comma or } after an object member. at offset: 7" },
  { name: "a missing comma in a list", body: '{"a":[1 2]}', text: "Missing a comma or ] after an array element. at offset: 8" },
  { name: "a name that is no string", body: "{1:2}", text: "Missing a name for object member. at offset: 1" },
  { name: "an open string", body: '{"a":"b', text: "Missing a closing quotation mark in string. at offset: 7" },
  { name: "a bad escape", body: '{"a":"\\x"}', text: "Invalid escape character in string. at offset: 6" },
  { name: "half a surrogate pair", body: '{"a":"\\ud800"}', text: "The surrogate pair in string is invalid. at offset: 6" },
  { name: "a bad hex digit in the second of a pair", body: '{"a":"\\ud800\\uzzzz"}', text: "Incorrect hex digit after \\u escape in string. at offset: 6" },
  { name: "a bad hex digit", body: '{"a":"\\u00zz"}', text: "Incorrect hex digit after \\u escape in string. at offset: 6" },
  { name: "a number without fraction", body: '{"a":1.}', text: "Miss fraction part in number. at offset: 7" },
  { name: "a number without exponent", body: '{"a":1e}', text: "Miss exponent in number. at offset: 7" },
  { name: "a number past double", body: '{"a":1e999}', text: "Number too big to be stored in double. at offset: 5" },
  {
    name: "lists in lists without an end",
    sig: float,
    body: `{"inputs":${"[".repeat(1_000_001)}1${"]".repeat(1_000_001)}}`,
    text: "More than 1000000 lists and objects in each other. at offset: 1000010",
  },
  {
    name: "a list of another size behind levels of one",
    sig: float,
    body: '{"inputs":[[[[1,2],[3,4]],[[5,6],[7]]]]}',
    text: "Encountered list at unexpected size: 1 at level: 3 expected size: 2",
  },
  { name: "a shape of 300 dimensions", sig: float, body: `{"inputs":${"[".repeat(300)}1${"]".repeat(300)}}`, text: "a tensor has at most 254 dimensions" },
];
for (const tc of refusals) {
  test(`refusing: ${tc.name}`, () => {
    assert.throws(
      () => parsePredict(bytes(tc.body)).inputs(tc.sig ?? int),
      (err: unknown) => {
        assert.equal(codeOf(err), tc.code ?? Code.InvalidArgument);
        assert.ok((err as Error).message.includes(tc.text), `got  ${(err as Error).message.slice(0, 400)}\nwant ${tc.text}`);
        return true;
      },
    );
  });
}
test("an unknown signature is told as REST tells it", () => {
  assert.throws(() => parsePredict(bytes('{"signature_name":"nope","instances":[1.0]}')).inputs(undefined), {
    message: 'Serving signature name: "nope" not found in signature def',
  });
});
// As RapidJSON's PrettyWriter writes them for JsonValueToDebugString.
const dumps: { name: string; value: string; want: string }[] = [
  { name: "stops once it has 256 bytes", value: `[${"1, ".repeat(500)}1]`, want: `[${"1, ".repeat(84)}1, 1` },
  { name: "goes on to the end of a string", value: `["${"a".repeat(300)}", "b"]`, want: `["${"a".repeat(300)}"` },
  { name: "counts bytes", value: `["${"é".repeat(128)}", "b"]`, want: `["${"é".repeat(128)}"` },
  {
    name: "indents by all that is open",
    value: '[{"a": [{"b": {}}], "c": []}]',
    want: '[{\n        "a": [{\n                "b": {}\n            }],\n        "c": []\n    }]',
  },
  { name: "ends where a number is not finite", value: "[1.5, -Infinity, 2]", want: "[1.5, " },
  {
    name: "has numbers as short as they can be",
    value: "[1e2, 1e21, 1.5e-7, -0, -0.0, 0.1, 18446744073709551616]",
    want: "[100.0, 1e21, 1.5e-7, 0, -0.0, 0.1, 18446744073709552000.0]",
  },
  { name: "escapes in capitals", value: '["\\u001f/\\u00e9"]', want: '["\\u001F/é"]' },
];
for (const tc of dumps)
  test(`a dump ${tc.name}`, () => assert.throws(() => parsePredict(bytes(tc.value)), { message: `JSON Value: ${tc.want} Is not object` }));
test("a dump does not repeat a string without end", () => {
  assert.throws(
    () => parsePredict(bytes(`["${"a".repeat(100_000)}"]`)),
    (err: unknown) => (err as Error).message.length < 5000,
  );
});

for (const [what, open, close] of [
  ["lists", "[", "]"],
  ["objects", '{"a":', "}"],
] as const)
  test(`a dump of ${what} in each other reads the little that it shows`, () => {
    const body = bytes(`${open.repeat(10_000)}1${close.repeat(10_000)}`);
    let read = 0;
    const counted = new Proxy(body, {
      get(target, name) {
        read++;
        const found = Reflect.get(target, name, target) as unknown;
        return typeof found === "function" ? found.bind(target) : found;
      },
    });
    dump(counted, { start: 0, end: body.length });
    assert.ok(read < 10_000, `${read} reads`);
  });

test("an answer that indentation would make too large is refused before it is written", () => {
  const deep = newTensor(DType.Float, [...new Array<number>(200).fill(1), 2_000_000], new Float32Array(2_000_000));
  assert.throws(() => printPredict(new Map([["y", deep]]), "columnar"), {
    code: Code.ResourceExhausted,
    message: /^the answer may take \d+ bytes as JSON, more than 1073741824$/,
  });
});

const out = (m: Record<string, Tensor>) => new Map(Object.entries(m));
// Section 13.2 of the behaviour spec, and the exact layouts of section 3.8.
const prints: { name: string; outputs: Record<string, Tensor>; format: "row" | "columnar"; want: string }[] = [
  { name: "scalars in a row", outputs: { y: f32([3], 2.5, 3, 4.5) }, format: "row", want: '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}' },
  {
    name: "several outputs in rows",
    outputs: { a: f32([2, 2], 1, 2, 4, 5), b: f32([2], 3, 6) },
    format: "row",
    want: '{\n    "predictions": [\n        {\n            "a": [1.0, 2.0],\n            "b": 3.0\n        },\n        {\n            "a": [4.0, 5.0],\n            "b": 6.0\n        }\n    ]\n}',
  },
  { name: "one output in columns", outputs: { y: f32([2], 3, 3.5) }, format: "columnar", want: '{\n    "outputs": [\n        3.0,\n        3.5\n    ]\n}' },
  { name: "a scalar in columns", outputs: { y: f32([], 4) }, format: "columnar", want: '{\n    "outputs": 4.0\n}' },
  {
    name: "13.2 FromJsonSingleTensor: ints in three dimensions",
    outputs: { y: i32([2, 3, 2], 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2) },
    format: "row",
    want: '{\n    "predictions": [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0], [1, 2]]\n    ]\n}',
  },
  {
    name: "13.2 FromJsonSingleTensorSixDigitPrecision: floats of six digits or nine",
    outputs: { y: f32([2, 3], 9000000, 999999, 0.5, 0.0003, 0.00003, 555557.5) },
    format: "row",
    want: '{\n    "predictions": [[9e+06, 999999.0, 0.5], [0.0003, 3e-05, 555557.5]\n    ]\n}',
  },
  {
    name: "floats that need nine digits",
    outputs: { y: f32([4], 1 / 3, 16777216, -0, 0.2) },
    format: "row",
    want: '{\n    "predictions": [0.333333343, 16777216.0, -0.0, 0.2\n    ]\n}',
  },
  {
    // "%.9g" % 131072.0625 is 131072.062, "%.17g" % 1000000000000000.25 ends in .2: C rounds what lies between two to the even one.
    name: "floats between two of nine digits",
    outputs: { y: f32([2], 131072.0625, -131072.1875) },
    format: "row",
    want: '{\n    "predictions": [131072.062, -131072.188\n    ]\n}',
  },
  {
    name: "doubles between two of seventeen digits",
    outputs: { y: newTensor(DType.Double, [2], Float64Array.of(1e15 + 0.25, 1e15 + 0.75)) },
    format: "row",
    want: '{\n    "predictions": [1000000000000000.2, 1000000000000000.8\n    ]\n}',
  },
  {
    name: "doubles that need seventeen",
    outputs: { y: newTensor(DType.Double, [2], Float64Array.of(1 / 3, 0.1)) },
    format: "row",
    want: '{\n    "predictions": [0.33333333333333331, 0.1\n    ]\n}',
  },
  {
    name: "13.2 FromJsonSingleTensorNonFinite: what is not finite",
    outputs: { y: f32([2, 2], Number.NaN, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY) },
    format: "row",
    want: '{\n    "predictions": [[NaN, Infinity], [3.0, -Infinity]\n    ]\n}',
  },
  {
    name: "bytes by the alias",
    outputs: { str_tensor_bytes: fromStrings(["hello"]) },
    format: "row",
    want: '{\n    "predictions": [{\n            "b64": "aGVsbG8="\n        }\n    ]\n}',
  },
  { name: "13.2 ZeroBatch: no rows", outputs: { y: f32([0, 2]) }, format: "row", want: '{\n    "predictions": []\n}' },
  { name: "13.2 ZeroBatch: no rows of two outputs", outputs: { a: f32([0, 1, 2]), b: f32([0, 3, 4]) }, format: "row", want: '{\n    "predictions": []\n}' },
  {
    name: "strings escaped",
    outputs: { y: fromStrings(['a"\\\b\f\n\r\t\u0001/é']) },
    format: "row",
    want: '{\n    "predictions": ["a\\"\\\\\\b\\f\\n\\r\\t\\u0001/é"\n    ]\n}',
  },
  {
    name: "bytes that are not UTF-8 as replacement characters",
    outputs: { y: newTensor(DType.String, [1], [Uint8Array.of(0xff, 65)]) },
    format: "row",
    want: '{\n    "predictions": ["\ufffdA"\n    ]\n}',
  },
  {
    name: "bools and 64-bit integers",
    outputs: { b: newTensor(DType.Bool, [], Uint8Array.of(1)), i: newTensor(DType.Int64, [], BigInt64Array.of(-(2n ** 63n))) },
    format: "columnar",
    want: '{\n    "outputs": {\n        "b": true,\n        "i": -9223372036854775808\n    }\n}',
  },
];
for (const tc of prints) test(`printing: ${tc.name}`, () => assert.equal(string(printPredict(out(tc.outputs), tc.format)), tc.want));

const unprintable: { name: string; outputs: Record<string, Tensor>; text: string }[] = [
  { name: "13.2 FromJsonSingleTensorErrors: no outputs", outputs: {}, text: "Cannot convert empty tensor map to JSON" },
  {
    name: "13.2 FromJsonSingleTensorErrors: complex",
    outputs: { y: newTensor(DType.Complex64, [1], Float32Array.of(1, 2)) },
    text: "Failed to write JSON value for tensor type: complex64",
  },
  { name: "13.2 FromJsonSingleTensorErrors: rank 0 in rows", outputs: { y: i32([], 1) }, text: "Tensor name: y has no shape information " },
  {
    name: "13.2 ZeroBatch errors: no rows beside one",
    outputs: { a: i32([0, 2]), b: i32([1, 2], 1, 2) },
    text: "Tensor name: b has inconsistent batch size: 1 expecting: 0",
  },
  {
    name: "13.2 FromJsonMultipleNamedTensorsErrors: batches that differ",
    outputs: { a: i32([2], 1, 2), b: i32([1], 1) },
    text: "Tensor name: b has inconsistent batch size: 1 expecting: 2",
  },
];
for (const tc of unprintable)
  test(`not printing: ${tc.name}`, () => assert.throws(() => printPredict(out(tc.outputs), "row"), { message: tc.text, code: Code.InvalidArgument }));

const jsonTypes = [DType.Float, DType.Double, DType.Int32, DType.Int64, DType.UInt64, DType.Bool, DType.String, DType.UInt8, DType.Int8] as const;
const anyTensor = fc
  .record({
    dtype: fc.constantFrom(...jsonTypes),
    shape: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
    raw: fc.array(fc.double(), { minLength: 27, maxLength: 27 }),
    text: fc.string(),
  })
  .map(({ dtype, shape, raw, text }): Tensor => {
    const n = shape.reduce((a, b) => a * b, 1);
    const at = (i: number): number => raw[i % raw.length]!;
    if (dtype === DType.String)
      return newTensor(
        dtype,
        shape,
        Array.from({ length: n }, (_, i) => new TextEncoder().encode(text + i)),
      );
    if (dtype === DType.Bool)
      return newTensor(
        dtype,
        shape,
        Uint8Array.from({ length: n }, (_, i) => (at(i) > 0 ? 1 : 0)),
      );
    if (dtype === DType.Int64)
      return newTensor(
        dtype,
        shape,
        BigInt64Array.from({ length: n }, (_, i) => BigInt.asIntN(64, BigInt(Math.trunc(Number.isFinite(at(i)) ? at(i) : 7)))),
      );
    if (dtype === DType.UInt64)
      return newTensor(
        dtype,
        shape,
        BigUint64Array.from({ length: n }, (_, i) => BigInt.asUintN(64, BigInt(Math.trunc(Number.isFinite(at(i)) ? at(i) : 7)))),
      );
    const arrays = { [DType.Float]: Float32Array, [DType.Double]: Float64Array, [DType.Int32]: Int32Array, [DType.UInt8]: Uint8Array, [DType.Int8]: Int8Array };
    return newTensor(dtype, shape, arrays[dtype].from(Array.from({ length: n }, (_, i) => at(i))));
  });

test("what is printed is read back the same, in both formats and directions", () => {
  fc.assert(
    fc.property(anyTensor, fc.constantFrom("row" as const, "columnar" as const), (t, format) => {
      const s = sig({ x: t.dtype }, { y: t.dtype });
      const request = printPredictRequest(new Map([["x", t]]), { signatureName: "s" });
      assert.equal(parsePredict(request).signatureName, "s");
      assert.deepEqual(parsePredict(request).inputs(s).inputs.get("x"), t);
      assert.deepEqual(parsePredictResponse(printPredict(new Map([["y", t]]), format), s).get("y"), t);
      const two = sig({}, { y: t.dtype, z: t.dtype });
      assert.deepEqual(
        parsePredictResponse(
          printPredict(
            new Map([
              ["y", t],
              ["z", t],
            ]),
            format,
          ),
          two,
        ).get("z"),
        t,
      );
    }),
    { seed: 3, numRuns: 400 },
  );
});
test("bytes that are not UTF-8 travel to the server as base64", () => {
  const t = newTensor(DType.String, [1], [Uint8Array.of(0xff, 0)]);
  assert.deepEqual(
    parsePredict(printPredictRequest(new Map([["x", t]])))
      .inputs(sig({ x: DType.String }))
      .inputs.get("x"),
    t,
  );
});
test("any bytes give a document or a failure", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    '"instances"',
    '"inputs"',
    ":",
    ",",
    "1",
    "-1.5e3",
    "NaN",
    '"a"',
    '{"b64":"aa"}',
    "null",
    "true",
    " ",
    "\\",
    "\u0000",
    "é",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      try {
        parsePredict(bytes(`{"instances":${parts.join("")}}`)).inputs(float);
      } catch (err) {
        assert.ok(isFailure(err), String(err));
      }
    }),
    { seed: 4, numRuns: 3000 },
  );
});
