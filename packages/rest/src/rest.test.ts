import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toJson } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  ClassificationResultSchema,
  GetModelMetadataResponseSchema,
  GetModelStatusResponseSchema,
  InputSchema,
  RegressionResultSchema,
  SignatureDefMapSchema,
} from "@tfs/proto";
import { Code } from "@tfs/std";
import {
  codeFromHttp,
  httpStatus,
  isApi,
  parseError,
  parseExamples,
  parseMetadata,
  parseStatus,
  printClassify,
  printError,
  printMetadata,
  printRegress,
  printStatus,
  type Route,
  route,
} from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const string = (body: Uint8Array): string => new TextDecoder().decode(body);

const odd = "modelname!#$%&'()*+,/:;=?@[]";
const routes: { method: string; target: string; want: Route }[] = [
  { method: "POST", target: "/v1/models/m:predict", want: { kind: "predict", model: "m" } },
  { method: "POST", target: "/v1/models/m/versions/99:classify", want: { kind: "classify", model: "m", version: 99n } },
  { method: "POST", target: "/v1/models/m/versions/0:predict", want: { kind: "predict", model: "m", version: 0n } },
  { method: "POST", target: "/V1/Models/m/Labels/Latest:regress", want: { kind: "regress", model: "m", label: "Latest" } },
  { method: "GET", target: "/v1/models/m", want: { kind: "status", model: "m" } },
  { method: "GET", target: "/v1/models/m/versions/123", want: { kind: "status", model: "m", version: 123n } },
  { method: "GET", target: "/v1/models/m/labels/latest/metadata", want: { kind: "metadata", model: "m", label: "latest" } },
  { method: "GET", target: "/v1/models/m/METADATA", want: { kind: "status", model: "m" } },
  { method: "GET", target: "/v1/models/modelname%21%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D", want: { kind: "status", model: odd } },
  {
    method: "POST",
    target: "/v1/models/m/labels/modelname%21%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D:predict",
    want: { kind: "predict", model: "m", label: odd },
  },
  { method: "GET", target: "/v1/models/m?x=1", want: { kind: "status", model: "m?x=1" } },
  { method: "GET", target: "/v1/models/a+b", want: { kind: "status", model: "a+b" } },
  { method: "OPTIONS", target: "/v1/anything", want: { kind: "preflight" } },
];
for (const tc of routes) test(`${tc.method} ${tc.target} is routed`, () => assert.deepEqual(route(tc.method, tc.target), tc.want));

const strays: [method: string, target: string, text?: string][] = [
  ["GET", "/v1/foo"],
  ["POST", "/v1/foo"],
  ["GET", "/v1/models/debug/model_name"],
  ["POST", "/v1/models"],
  ["GET", "/v1/models/foo:predict"],
  ["GET", "/v1/models/foo/version/50:predict"],
  ["POST", "/v1/models/foo/version/50:predict"],
  ["POST", "/v1/models/foo/versions/HELLO:regress"],
  ["POST", "/v1/models/foo/metadata"],
  ["POST", "/v1/models/foo/label/x:regress"],
  ["POST", "/v1/models/foo/versions/50/labels/x:regress"],
  ["POST", "/v1/models/m:PREDICT"],
  ["POST", "/v1/models/m:predict?x=1"],
  ["GET", "/v1/models/"],
  ["GET", "/v1/models/m/"],
  ["PUT", "/v1/models/m"],
  ["GET", "/v1/models", "Missing model name in request."],
  ["POST", "/v1/models/foo/versions/18446744073709551615:regress", "Failed to convert version: 18446744073709551615 to numeric."],
  ["GET", "/v1/models/%ff", "Failed to decode model name:%ff"],
];
for (const [method, target, text] of strays) {
  test(`${method} ${target} is refused`, () =>
    assert.throws(() => route(method, target), { code: Code.InvalidArgument, message: text ?? `Malformed request: ${method} ${target}` }));
}
test("only /v1/ belongs to the API", () => {
  assert.deepEqual(["/v1/models", "/V1/x", "/statuspage", "/index", "/"].map(isApi), [true, true, false, false, false]);
});

test("codes have the statuses of TensorFlow Serving", () => {
  const want = {
    0: 200,
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
  };
  for (const [code, status] of Object.entries(want)) assert.equal(httpStatus(Number(code) as Code), status);
});
test("statuses have codes again", () =>
  assert.deepEqual([200, 404, 429, 502, 418].map(codeFromHttp), [Code.Ok, Code.NotFound, Code.ResourceExhausted, Code.Unavailable, Code.Unknown]));

test("13.2 StatusError: an error body is one member, and is read back", () => {
  assert.equal(string(printError("Servable not found for request: Latest(foo)")), '{\n    "error": "Servable not found for request: Latest(foo)"\n}');
  assert.equal(string(printError('Bad key: "key"')), '{\n    "error": "Bad key: \\"key\\""\n}');
  assert.equal(parseError(printError('Bad key: "key"\n\t')), 'Bad key: "key"\n\t');
  assert.equal(parseError(bytes("<html>")), undefined);
});

test("13.2 StatusOK: what went well has no error", () =>
  assert.equal(parseError(printRegress(create(RegressionResultSchema, { regressions: [{ value: 1 }] }))), undefined));

// Section 13.3 of the behaviour spec.
test("13.3 RequestNoContext: examples without a context", () => {
  const { input, signatureName } = parseExamples(bytes('{"examples":[{"names":["foo","bar"],"ratings":[8.0,9.0],"age":20},{"names":["baz"],"ratings":6.0}]}'));
  assert.equal(signatureName, "");
  assert.deepEqual(toJson(InputSchema, input), {
    exampleList: {
      examples: [
        {
          features: {
            feature: { names: { bytesList: { value: ["Zm9v", "YmFy"] } }, ratings: { floatList: { value: [8, 9] } }, age: { int64List: { value: ["20"] } } },
          },
        },
        { features: { feature: { names: { bytesList: { value: ["YmF6"] } }, ratings: { floatList: { value: [6] } } } } },
      ],
    },
  });
});
test("13.3 RequestWithContextAndSignature: examples with a context, a signature, and every kind of value", () => {
  const { input, signatureName } = parseExamples(
    bytes(`{"signature_name": "custom_signture", "context": {"query": "pizza", "location": ["sfo"]}, "examples": [
      {"names": ["foo", "bar"], "ratings": [8.0, NaN, Infinity], "age": 20},
      {"names": ["baz", {"b64": "aGVsbG8="}], "ratings": [-Infinity]},
      {"intboolmix": [1, true, false], "none": []}]}`),
  );
  assert.equal(signatureName, "custom_signture");
  const example = (feature: object) => ({ features: { feature } });
  assert.deepEqual(toJson(InputSchema, input), {
    exampleListWithContext: {
      context: example({ query: { bytesList: { value: ["cGl6emE="] } }, location: { bytesList: { value: ["c2Zv"] } } }),
      examples: [
        example({
          names: { bytesList: { value: ["Zm9v", "YmFy"] } },
          ratings: { floatList: { value: [8, "NaN", "Infinity"] } },
          age: { int64List: { value: ["20"] } },
        }),
        example({ names: { bytesList: { value: ["YmF6", "aGVsbG8="] } }, ratings: { floatList: { value: ["-Infinity"] } } }),
        example({ intboolmix: { int64List: { value: ["1", "1", "0"] } }, none: {} }),
      ],
    },
  });
});
test("a number past a feature's range is infinity, or zero", () => {
  const { input } = parseExamples(bytes('{"examples":[{"a":[1.79769e+308,-1e300,1e-300]}]}'));
  assert.deepEqual(toJson(InputSchema, input), {
    exampleList: { examples: [{ features: { feature: { a: { floatList: { value: ["Infinity", "-Infinity", 0] } } } } }] },
  });
});
test("of two features of one name the later one counts", () => {
  const { input } = parseExamples(bytes('{"examples":[{"a":1,"a":"x"}]}'));
  assert.deepEqual(toJson(InputSchema, input), { exampleList: { examples: [{ features: { feature: { a: { bytesList: { value: ["eA=="] } } } } }] } });
});
const badExamples: [body: string, text: string][] = [
  ['{"signature_name":[],"examples":[{}]}', "'signature_name' key must be a string"],
  ['{"context":[],"examples":[{}]}', "Example must be JSON object but got JSON Array"],
  ['{"examples":[[]]}', "Example must be JSON object but got JSON Array"],
  ['{"examples":[{"names":[10,10.0,null]}]}', "Unexpected element type in feature: names expecting type: int64"],
  ['{"examples":[{"names":["a",{"b64":"!"},1]}]}', "Unable to base64 decode"],
  ['{"examples":[{"names":[1,{"b64":"!"}]}]}', "Unexpected element type in feature: names expecting type: int64"],
  ['{"examples":[{"names":[1.5,18446744073709551603]}]}', "Unexpected element type in feature: names expecting type: float"],
  ['{"examples":5}', "JSON Value: {\n    \"examples\": 5\n} Expecting 'examples' value to be an list/array"],
  ['{"examples":[],"x":1}', 'JSON Value: {\n    "examples": [],\n    "x": 1\n} \'examples\' value is an empty array'],
  ['{"examples":{}}', "Expecting 'examples' value to be an list/array"],
  ['{"examples":[]}', "'examples' value is an empty array"],
  ["{}", "When method is classify, key 'examples' is expected and was not found"],
  ['{"examples":[{"names":[10,null]}]}', "Feature: names has element with unexpected JSON type: Null"],
  ['{"examples":[{"names":[10,{"test":10}]}]}', "Feature: names has element with unexpected JSON type: Object"],
  ['{"examples":[{"names":[[10],20]}]}', "Feature: names has element with unexpected JSON type: Array"],
  ['{"examples":[{"names":[10,10.0]}]}', "Unexpected element type in feature: names expecting type: int64"],
  ['{"examples":[{"names":[20,18446744073709551603]}]}', "Feature: names has uint64_t element. Only int64_t is supported."],
];
for (const [body, text] of badExamples) {
  test(`13.3 errors: ${body}: ${text}`, () =>
    assert.throws(
      () => parseExamples(bytes(body)),
      (err: unknown) => (err as { code: Code }).code === Code.InvalidArgument && (err as Error).message.includes(text),
    ));
}

test("so many examples that no memory would hold them are refused", () => {
  assert.throws(() => parseExamples(bytes(`{"examples":[${"{},".repeat(1_000_000)}{}]}`)), { code: Code.InvalidArgument, message: /too many or too large/ });
});

test("13.3 results: classifications are pairs, the outer list closing on its own line", () => {
  const labels = ["car", "bike", "bus"];
  const classes = (...scores: number[]) => ({ classes: scores.map((score, i) => ({ label: labels[i]!, score })) });
  const result = create(ClassificationResultSchema, { classifications: [classes(0.2, 0.7, 0.1), classes(0.7, 0.1, 0.2), { classes: [{}] }] });
  assert.equal(
    string(printClassify(result)),
    '{\n    "results": [[["car", 0.2], ["bike", 0.7], ["bus", 0.1]], [["car", 0.7], ["bike", 0.1], ["bus", 0.2]], [["", 0.0]]\n    ]\n}',
  );
  assert.throws(() => printClassify(create(ClassificationResultSchema)), { message: "Cannot convert empty ClassificationResults to JSON" });
});
test("13.3 results: regressions are one line", () => {
  const printed = (...values: number[]) => string(printRegress(create(RegressionResultSchema, { regressions: values.map((value) => ({ value })) })));
  assert.equal(printed(0.2, 0.9, 1), '{\n    "results": [0.2, 0.9, 1.0]\n}');
  assert.equal(printed(0.2, Number.POSITIVE_INFINITY, 1, Number.NEGATIVE_INFINITY, Number.NaN), '{\n    "results": [0.2, Infinity, 1.0, -Infinity, NaN]\n}');
  assert.throws(() => printRegress(create(RegressionResultSchema)), { message: "Cannot convert empty RegressionResults to JSON" });
});
test("status is printed with every field, and read back", () => {
  const response = create(GetModelStatusResponseSchema, {
    modelVersionStatus: [
      { version: 123n, state: 30, status: {} },
      { version: 7n, state: 50, status: { errorCode: 5, errorMessage: "no" } },
    ],
  });
  const printed = string(printStatus(response));
  assert.ok(
    printed.startsWith(
      '{\n "model_version_status": [\n  {\n   "version": "123",\n   "state": "AVAILABLE",\n   "status": {\n    "error_code": "OK",\n    "error_message": ""\n   }\n  },',
    ),
  );
  assert.ok(printed.endsWith("\n}\n"));
  assert.deepEqual(parseStatus(bytes(printed)), response);
});
test("metadata is printed with proto names and defaults, and read back", () => {
  const map = create(SignatureDefMapSchema, {
    signatureDef: {
      serving_default: {
        inputs: { x: { encoding: { case: "name", value: "x:0" }, dtype: 1, tensorShape: { dim: [{ size: -1n }] } } },
        methodName: "tensorflow/serving/predict",
      },
    },
  });
  const response = create(GetModelMetadataResponseSchema, {
    modelSpec: { name: "m", versionChoice: { case: "version", value: { value: 123n } } },
    metadata: { signature_def: anyPack(SignatureDefMapSchema, map) },
  });
  assert.deepEqual(JSON.parse(string(printMetadata(response))), {
    model_spec: { name: "m", signature_name: "", version: "123" },
    metadata: {
      signature_def: {
        signature_def: {
          serving_default: {
            inputs: { x: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: "-1", name: "" }], unknown_rank: false }, name: "x:0" } },
            outputs: {},
            method_name: "tensorflow/serving/predict",
            defaults: {},
          },
        },
      },
    },
  });
  assert.deepEqual(parseMetadata(printMetadata(response)), response);
});
test("answers that are none are DataLoss", () => {
  for (const parse of [parseStatus, parseMetadata]) assert.throws(() => parse(bytes("<html>")), { code: Code.DataLoss });
});
