// Rows of the behaviour specification, sections 13.4 and 17, against a server on real sockets; each title names its row. Sections 13.1 to 13.3 are pure functions: packages/rest has
// their rows.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isApi, route } from "@tfs/rest";
import { scratch, send, serve } from "../testing/index.ts";

const dir = scratch();
// y = 0.5x + 2 as version 123, as in TensorFlow Serving's own tests.
const basePath = dir.copy("half_plus_two/1", "half_plus_two/123");
const served = await serve([{ name: "m", basePath, labels: new Map([["stable", 123n]]) }], { restListModels: false, allowLabelsForUnavailable: true });
after(async () => {
  await served[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

interface Row {
  readonly name: string;
  readonly call: string;
  readonly body?: string;
  readonly status: number;
  /** want is the parsed body; as a text it is the error, as a pattern a part of it. */
  readonly want: unknown;
}

const one = '{"instances":[1.0]}';
const overflow = "18446744073709551615";
const status = { model_version_status: [{ version: "123", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } }] };
const places = [
  { name: "default", at: "" },
  { name: "version", at: "/versions/123" },
  { name: "label", at: "/labels/stable" },
];

const handler: readonly Row[] = [
  ...[
    "GET /v1/foo",
    "POST /v1/foo",
    "GET /v1/models/debug/model_name",
    "POST /v1/models",
    "GET /v1/models/foo:predict",
    "GET /v1/models/foo/version/50:predict",
    "POST /v1/models/foo/version/50:predict",
    "POST /v1/models/foo/versions/HELLO:regress",
    "POST /v1/models/foo/metadata",
    "POST /v1/models/foo/label/x:regress",
    "POST /v1/models/foo/versions/50/labels/x:regress",
  ].map((call) => ({ name: `malformed: ${call}`, call, status: 400, want: `Malformed request: ${call}` })),
  { name: "GET /v1/models", call: "GET /v1/models", status: 400, want: "Missing model name in request." },
  {
    name: "a version beyond int64",
    call: `POST /v1/models/foo/versions/${overflow}:regress`,
    body: one,
    status: 400,
    want: `Failed to convert version: ${overflow} to numeric.`,
  },
  ...["POST /v1/models/none:predict", "POST /v1/models/none/versions/123:predict", "POST /v1/models/m99:predict"].map((call) => ({
    name: `predict on an unknown model: ${call}`,
    call,
    body: '{"instances":[1]}',
    status: 404,
    want: /^Servable not found for request: /,
  })),
  { name: "predict with an empty body", call: "POST /v1/models/m:predict", body: "", status: 400, want: "JSON Parse error: The document is empty" },
  {
    name: "predict with what is no JSON",
    call: "POST /v1/models/m:predict",
    body: "instances = [1, 2]",
    status: 400,
    want: "JSON Parse error: Invalid value. at offset: 0",
  },
  {
    name: "predict with strings for floats",
    call: "POST /v1/models/m:predict",
    body: '{"instances":["x","y"]}',
    status: 400,
    want: /not of expected type: float$/,
  },
  {
    name: "predict on an unknown label",
    call: "POST /v1/models/m/labels/none:predict",
    body: one,
    status: 400,
    want: "Unrecognized servable version label: none",
  },
  {
    name: "a signature name that is a number",
    call: "POST /v1/models/m:predict",
    body: '{"signature_name": 100}',
    status: 400,
    want: /'signature_name' key must be a string value\.$/,
  },
  {
    name: "predict two rows of two",
    call: "POST /v1/models/m:predict",
    body: '{"instances":[[1.0,2.0],[3.0,4.0]]}',
    status: 200,
    want: {
      predictions: [
        [2.5, 3],
        [3.5, 4],
      ],
    },
  },
  ...places.slice(1).map(({ name, at }) => ({
    name: `predict by ${name}`,
    call: `POST /v1/models/m${at}:predict`,
    body: '{"instances":[1.0,2.0]}',
    status: 200,
    want: { predictions: [2.5, 3] },
  })),
  {
    name: "predict with an explicit serving_default",
    call: "POST /v1/models/m:predict",
    body: '{"signature_name":"serving_default","instances":[3.0,4.0]}',
    status: 200,
    want: { predictions: [3.5, 4] },
  },
  {
    name: "predict with an explicit serving_default and inputs",
    call: "POST /v1/models/m:predict",
    body: '{"signature_name":"serving_default","inputs":[3.0,4.0]}',
    status: 200,
    want: { outputs: [3.5, 4] },
  },
  ...places.flatMap(({ name, at }) => [
    {
      name: `regress by ${name}`,
      call: `POST /v1/models/m${at}:regress`,
      body: '{"signature_name":"regress_x_to_y","examples":[{"x":80.0}]}',
      status: 200,
      want: { results: [42] },
    },
    ...[20, 10].map((x) => ({
      name: `classify ${x} by ${name}`,
      call: `POST /v1/models/m${at}:classify`,
      body: `{"signature_name":"classify_x_to_y","examples":[{"x":${x}.0}]}`,
      status: 200,
      want: { results: [[["", x / 2 + 2]]] },
    })),
    { name: `GET status: ${name}`, call: `GET /v1/models/m${at}`, status: 200, want: status },
  ]),
];

const example = "POST /v1/models/m:predict";
const worked: readonly Omit<Row, "name">[] = [
  { call: example, body: '{"instances":[1.0,2.0,5.0]}', status: 200, want: { predictions: [2.5, 3, 4.5] } },
  { call: example, body: '{"instances":[{"x":[1.0]},{"x":[2.0]}]}', status: 200, want: { predictions: [[2.5], [3]] } },
  { call: example, body: '{"inputs":{"x":[[1.0],[2.0]]}}', status: 200, want: { outputs: [[2.5], [3]] } },
  { call: example, body: '{"inputs": 4}', status: 200, want: { outputs: 4 } },
  { call: example, body: '{"instances":[1.0],"junk":[[[', status: 400, want: /^JSON Parse error: / },
  { call: example, body: '{"instances":[1.0]} trailing', status: 200, want: { predictions: [2.5] } },
  {
    call: example,
    body: '{"instances":["x"]}',
    status: 400,
    want: "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"x\" Type: String is not of expected type: float",
  },
  {
    call: example,
    body: '{"instances":[[1.0],[2.0,3.0]]}',
    status: 400,
    want: "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 1 but got: 2",
  },
  { call: example, body: '{"inputs":[[1.0],[2.0,3.0]]}', status: 400, want: "Encountered list at unexpected size: 2 at level: 1 expected size: 1" },
  {
    call: example,
    body: '{"instances":[{"y":1.0}]}',
    status: 400,
    want: "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: y",
  },
  { call: example, body: '{"inputs":{"y":1.0}}', status: 400, want: "Missing named input: x in 'inputs' object." },
  { call: example, body: "{}", status: 400, want: "Missing 'inputs' or 'instances' key" },
  { call: example, body: '{"signature_name":"nope","instances":[1.0]}', status: 400, want: 'Serving signature name: "nope" not found in signature def' },
  { call: "POST /v1/models/none:predict", body: one, status: 404, want: "Servable not found for request: Latest(none)" },
  { call: "POST /v1/models/m/versions/9:predict", body: one, status: 404, want: "Servable not found for request: Specific(m, 9)" },
  { call: "POST /v1/models/m/labels/prod:predict", body: one, status: 400, want: "Unrecognized servable version label: prod" },
  { call: "POST /v1/models/m:regress", body: '{"signature_name":"regress_x_to_y","examples":[{"x":80.0}]}', status: 200, want: { results: [42] } },
  {
    call: "POST /v1/models/m:regress",
    body: '{"signature_name":"regress_x_to_y","examples":[{"x":80}]}',
    status: 400,
    want: /Data types don't match. Data type: int64 but expected type: float/,
  },
  { call: "POST /v1/models/m:classify", body: '{"signature_name":"classify_x_to_y","examples":[{"x":20.0}]}', status: 200, want: { results: [[["", 12]]] } },
  { call: "POST /v1/models/m:classify", body: '{"examples":[{"x":20.0}]}', status: 400, want: /^No classification inputs found in SignatureDef: / },
  { call: "GET /v1/models/m", status: 200, want: status },
  { call: "GET /v1/models/none", status: 404, want: "Could not find any versions of model none" },
  { call: "GET /v1/models/m/versions/9", status: 404, want: "Could not find version 9 of model m" },
  { call: "PUT /v1/models/m", status: 400, want: "Malformed request: PUT /v1/models/m" },
];

const rows = [
  ...handler.map((row) => ({ ...row, title: `13.4 ${row.name}` })),
  ...worked.map((row) => ({ ...row, title: `17 ${row.call} ${row.body ?? ""}`.trimEnd() })),
];
for (const { title, call, body, status: wanted, want } of rows) {
  test(`${title}: ${wanted}`, async () => {
    const [method = "", path = ""] = call.split(" ");
    const got = await send(method, served.rest + path, body);
    assert.equal(got.status, wanted, got.body);
    assert.equal(got.headers["content-type"], "application/json");
    const parsed = JSON.parse(got.body) as { readonly error?: string };
    if (want instanceof RegExp) assert.match(parsed.error ?? "", want);
    else assert.deepEqual(parsed, typeof want === "string" ? { error: want } : want);
    if (parsed.error !== undefined) assert.equal(got.body, `{\n    "error": ${JSON.stringify(parsed.error)}\n}`);
  });
}

test('17 POST /v1/models/m:predict {"instances":[NaN]}: 200, and a bare token', async () => {
  const got = await send("POST", `${served.rest}/v1/models/m:predict`, '{"instances":[NaN]}');
  assert.deepEqual([got.status, got.body], [200, '{\n    "predictions": [NaN\n    ]\n}']);
});
test("17 GET /: 404, and a page", async () => {
  const got = await send("GET", `${served.rest}/`);
  assert.deepEqual([got.status, got.headers["content-type"]], [404, "text/html"]);
  assert.match(got.body, /<title>404 Not Found<\/title>/);
});

test("13.4 path against the handler's route: /v1/models matches, /statuspage and /index do not", async () => {
  assert.deepEqual(["/v1/models", "/statuspage", "/index"].map(isApi), [true, false, false]);
  for (const path of ["/statuspage", "/index"]) assert.equal((await send("GET", served.rest + path)).status, 404);
});

test("13.4 headers in every success: exactly Content-Type: application/json", async () => {
  for (const [method, path, body] of [
    ["POST", "/v1/models/m:predict", one],
    ["GET", "/v1/models/m", undefined],
    ["GET", "/v1/models/m/metadata", undefined],
  ] as const) {
    const got = await send(method, served.rest + path, body);
    const names = Object.keys(got.headers).filter((name) => !["date", "connection", "keep-alive", "content-length"].includes(name));
    assert.deepEqual([got.status, names, got.headers["content-type"]], [200, ["content-type"], "application/json"]);
  }
});

const coded = "modelname%21%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D";
const plain = "modelname!#$%&'()*+,/:;=?@[]";
const parsed: readonly { readonly name: string; readonly path: string; readonly want: object; readonly post?: false }[] = [
  { name: "a model's name is decoded", path: `/v1/models/${coded}`, want: { model: plain } },
  { name: "a label is decoded", path: `/v1/models/m/labels/${coded}`, want: { model: "m", label: plain } },
  { name: "/versions/99", path: "/v1/models/m/versions/99", want: { model: "m", version: 99n } },
  { name: "/labels/latest", path: "/v1/models/m/labels/latest", want: { model: "m", label: "latest" } },
  { name: "/metadata after a label", path: "/v1/models/m/labels/latest/metadata", want: { kind: "metadata", model: "m", label: "latest" }, post: false },
];
for (const { name, path, want, post } of parsed) {
  test(`13.4 URL parser: ${name}`, () => {
    assert.deepEqual(route("GET", path), { kind: "status", ...want });
    if (post !== false) assert.deepEqual(route("POST", `${path}:predict`), { kind: "predict", ...want });
  });
}

test("13.4 GET metadata: our model's signatures in full", async () => {
  const { model_spec, metadata } = JSON.parse((await send("GET", `${served.rest}/v1/models/m/metadata`)).body);
  assert.deepEqual(model_spec, { name: "m", signature_name: "", version: "123" });
  const signatures = metadata.signature_def.signature_def as Record<string, { readonly method_name: string; readonly inputs: object }>;
  assert.deepEqual(
    Object.entries(signatures)
      .map(([name, s]) => `${name} ${s.method_name} ${Object.keys(s.inputs).join()}`)
      .sort(),
    [
      "classify_x2_to_y3 tensorflow/serving/classify inputs",
      "classify_x_to_y tensorflow/serving/classify inputs",
      "regress_x2_to_y3 tensorflow/serving/regress inputs",
      "regress_x_to_y tensorflow/serving/regress inputs",
      "regress_x_to_y2 tensorflow/serving/regress inputs",
      "serving_default tensorflow/serving/predict x",
    ],
  );
});

// TensorFlow Serving's own model and what it says of it, where they lie beside the project.
const fixtures = fileURLToPath(new URL("../../../../../shared/testdata/tfserving/", import.meta.url));
test("13.4 GET metadata: equals TensorFlow Serving's fixture", async (t) => {
  if (!existsSync(fixtures)) return t.diagnostic("no fixtures beside the project");
  const name = "saved_model_half_plus_two_2_versions";
  await using two = await serve([{ name, basePath: `${fixtures}${name}`, policy: { kind: "specific", versions: [123n] } }]);
  const got = await send("GET", `${two.rest}/v1/models/${name}/metadata`);
  assert.deepEqual(JSON.parse(got.body), JSON.parse(readFileSync(`${fixtures}${name}_metadata.json`, "utf8")));
});
