// What documents say of signatures; that they are OpenAPI, and true of a server, is held by the server's interop tests.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import { DType } from "@tfs/tensor";
import { printModelApi, printServerApi } from "./index.ts";

type Spec = Record<string, readonly [dtype: DType, shape: readonly number[] | undefined]>;
const sig = (inputs: Spec, outputs: Spec, methodName = "tensorflow/serving/predict"): SignatureDef => {
  const infos = (spec: Spec) =>
    Object.fromEntries(
      Object.entries(spec).map(([alias, [dtype, shape]]) => [
        alias,
        { dtype: dtype as never, ...(shape === undefined ? {} : { tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })) } }) },
      ]),
    );
  return create(SignatureDefSchema, { inputs: infos(inputs), outputs: infos(outputs), methodName });
};

interface Document {
  readonly paths: Readonly<Record<string, { readonly post?: { readonly requestBody: { readonly content: object } } }>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}
const parse = (bytes: Uint8Array): Document => JSON.parse(new TextDecoder().decode(bytes)) as Document;
const describe = (signatures: Record<string, SignatureDef>, model = "m"): Document =>
  parse(printModelApi({ model, version: 3n, signatures: new Map(Object.entries(signatures)) }));

const number = { type: "number", format: "float" };
const read = { ...number, minimum: -3.4028234663852886e38, maximum: 3.4028234663852886e38 };
const list = (items: unknown, size?: number) => ({ type: "array", items, ...(size === undefined ? {} : { minItems: size, maxItems: size }) });

test("a signature of one input takes rows and columns, plain and by name, in the nesting of its shape", () => {
  const { paths, components } = describe({ serving_default: sig({ x: [DType.Float, [-1, 2]] }, { y: [DType.Float, [-1]] }) });
  const object = (items: unknown) => ({ type: "object", properties: { x: items }, required: ["x"] });
  assert.deepEqual(components.schemas["predict.request.1"], {
    anyOf: [
      {
        type: "object",
        properties: {
          signature_name: { const: "serving_default" },
          instances: { anyOf: [list(list(read, 2)), list({ ...object(list(read, 2)), additionalProperties: false })], type: "array", minItems: 1 },
        },
        required: ["instances"],
      },
      {
        type: "object",
        properties: { signature_name: { const: "serving_default" }, inputs: { anyOf: [list(list(read, 2)), object(list(list(read, 2)))] } },
        required: ["inputs"],
      },
    ],
  });
  const answer = (name: string, schema: unknown) => ({ type: "object", properties: { [name]: schema }, required: [name], additionalProperties: false });
  assert.deepEqual(components.schemas["predict.response.1"], { anyOf: [answer("predictions", list(number)), answer("outputs", list(number))] });
  assert.deepEqual(
    Object.keys(paths),
    ["", "/versions/{version}", "/labels/{label}"].flatMap((where) => ["", "/metadata", ":predict"].map((end) => `/v1/models/m${where}${end}`)),
  );
  assert.deepEqual(Object.keys(paths["/v1/models/m:predict"]!.post!.requestBody.content), ["application/json", "application/x-npy"]);
});

test("another signature than the default one has to be named, and the default one comes first", () => {
  const { components } = describe({
    a: sig({ x: [DType.Bool, []] }, { y: [DType.Bool, []] }),
    serving_default: sig({ x: [DType.Bool, []] }, { y: [DType.Bool, []] }),
  });
  const { anyOf } = components.schemas["predict.request.1"] as { readonly anyOf: readonly { readonly required: readonly string[] }[] };
  assert.deepEqual(
    anyOf.map(({ required }) => required),
    [["inputs"], ["signature_name", "inputs"]],
  ); // a scalar has no rows
});

test("a rank that is not known may nest as deep as it likes", () => {
  const { components } = describe({ serving_default: sig({ x: [DType.Int8, undefined] }, { y_bytes: [DType.String, undefined] }) });
  const int8 = { type: "integer", minimum: -128, maximum: 127 };
  assert.deepEqual(components.schemas["in_int8"], { anyOf: [int8, list({ $ref: "#/components/schemas/in_int8" })] });
  assert.ok("out_bytes" in components.schemas);
});

const left: { name: string; signature: SignatureDef; verbs: string[] }[] = [
  { name: "no inputs", signature: sig({}, { y: [DType.Float, []] }), verbs: [] },
  { name: "a dtype that JSON does not carry", signature: sig({ x: [DType.Complex64, [-1]] }, { y: [DType.Float, [-1]] }), verbs: [] },
  {
    name: "a classification",
    signature: sig({ inputs: [DType.String, [-1]] }, { scores: [DType.Float, [-1, 2]] }, "tensorflow/serving/classify"),
    verbs: ["classify", "predict"],
  },
  {
    name: "a regression",
    signature: sig({ inputs: [DType.String, [-1]] }, { outputs: [DType.Float, [-1, 1]] }, "tensorflow/serving/regress"),
    verbs: ["predict", "regress"],
  },
];
for (const { name, signature, verbs } of left) {
  test(`a signature with ${name} has the calls: ${verbs.join(", ") || "none"}`, () => {
    const { paths } = describe({ s: signature });
    const found = Object.keys(paths).map((path) => /^\/v1\/models\/m:(\w+)$/.exec(path)?.[1]);
    assert.deepEqual(found.filter((verb) => verb !== undefined).sort(), verbs);
  });
}

test("the document of a server has every model, whatever its name, and what is about all of them", () => {
  const signatures = new Map([["serving_default", sig({ x: [DType.Float, [-1]] }, { y: [DType.Float, [-1]] })]]);
  const { paths, components } = parse(
    printServerApi(
      [
        { model: "a/b {c}", version: 1n, signatures },
        { model: "d", version: 2n, signatures },
      ],
      "1",
    ),
  );
  for (const path of ["/v1/models", "/healthz", "/readyz", "/v1/models/a%2Fb%20%7Bc%7D:predict", "/v1/models/d:predict"]) assert.ok(path in paths, path);
  assert.deepEqual(Object.keys(components.schemas).sort(), ["error", "predict.request.1", "predict.request.2", "predict.response.1", "predict.response.2"]);
});
