import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Reply, scratch, send, serve } from "../testing/index.ts";

const dir = scratch();
// y = 0.5x + 2 as version 123, as in TensorFlow Serving's own tests.
const m = { name: "m", basePath: dir.copy("half_plus_two/1", "half_plus_two/123") };
const broken = { name: "broken", basePath: dir.copy("half_plus_two/1/variables", "broken/1") };
const served = await serve([m, "half_plus_two", "second_model", "counter", "defaults", broken]);
const other = await serve([m], { cors: true, maxBodyBytes: 1000 });
const hasty = await serve([m], { restTimeoutMs: 1e-9 });
after(async () => {
  for (const server of [served, other, hasty]) await server[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

interface Row {
  readonly name?: string;
  readonly call: string;
  readonly body?: string;
  readonly status: number;
  /** want is the parsed body; as a text it is the error, as a pattern a part of it. */
  readonly want: unknown;
}

const predict = "POST /v1/models/m:predict";
const one = '{"instances":[1.0]}';
const available = { model_version_status: [{ version: "123", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } }] };

// What else paths and bodies may do: spec.test.ts has the rows of the behaviour specification.
const rows: readonly Row[] = [
  { name: "a byte-order mark is skipped", call: predict, body: `\ufeff${one}`, status: 200, want: { predictions: [2.5] } },
  { call: "POST /V1/Models/m:predict", body: one, status: 200, want: { predictions: [2.5] } },
  { call: "POST /v1/models/m:PREDICT", body: one, status: 400, want: "Malformed request: POST /v1/models/m:PREDICT" },
  { call: "POST /v1/models/m:predict?x=1", body: one, status: 400, want: "Malformed request: POST /v1/models/m:predict?x=1" },
  { name: "a query is part of the name", call: "GET /v1/models/m?x=1", status: 404, want: "Could not find any versions of model m?x=1" },
  {
    name: "an unknown model is 404 whatever else a good document holds",
    call: "POST /v1/models/none:predict",
    body: "{}",
    status: 404,
    want: /Latest\(none\)/,
  },
  { name: "bad JSON for an unknown model is 400", call: "POST /v1/models/none:predict", body: "{", status: 400, want: /^JSON Parse error: / },
  {
    name: "so is JSON that goes bad among the values",
    call: "POST /v1/models/none:predict",
    body: '{"instances":[1,]}',
    status: 400,
    want: /^JSON Parse error: /,
  },
  { call: predict, body: "instances = [1, 2]", status: 400, want: /^JSON Parse error: Invalid value/ },
  { name: "the greatest version answers", call: "POST /v1/models/half_plus_two:predict", body: one, status: 200, want: { predictions: [3.5] } },
  {
    name: "a plain list cannot fill two inputs",
    call: "POST /v1/models/second_model:predict",
    body: '{"instances":[1]}',
    status: 400,
    want: /instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map$/,
  },
  {
    name: "a signature without inputs cannot be called",
    call: "POST /v1/models/counter:predict",
    body: '{"signature_name":"get_counter","instances":[1]}',
    status: 400,
    want: "Failed to get input map for signature: get_counter",
  },
  {
    name: "a default cannot be left out of columns",
    call: "POST /v1/models/defaults:predict",
    body: '{"inputs":{"x":[1,2]}}',
    status: 400,
    want: "Missing named input: scale in 'inputs' object.",
  },
  {
    name: "a default cannot be left out of rows",
    call: "POST /v1/models/defaults:predict",
    body: '{"instances":[{"x":1.0}]}',
    status: 400,
    want: /keys must be equal to: /,
  },
  {
    name: "the context gives what an example lacks",
    call: "POST /v1/models/m:regress",
    body: '{"signature_name":"regress_x_to_y","context":{"x":80.0},"examples":[{},{"x":2.0}]}',
    status: 200,
    want: { results: [42, 3] },
  },
  { call: "POST /v1/models/m:regress", body: '{"examples":[{"x":20.0}]}', status: 400, want: /^No regression inputs found in SignatureDef: / },
  { call: "POST /v1/models/m:classify", body: '{"signature_name":"nope","examples":[{}]}', status: 400, want: "No signature was found with the name: nope" },
  { call: "POST /v1/models/m:classify", body: '{"examples":[]}', status: 400, want: /'examples' value is an empty array/ },
  {
    name: "examples are read before the model is looked up",
    call: "POST /v1/models/none:classify",
    body: "{}",
    status: 400,
    want: /key 'examples' is expected and was not found/,
  },
  { name: "a status ignores the label", call: "GET /v1/models/m/labels/any", status: 200, want: available },
  { call: "GET /v1/models/none/metadata", status: 404, want: "Servable not found for request: Latest(none)" },
  { call: "GET /v1/models/m/labels/x/metadata", status: 400, want: "Unrecognized servable version label: x" },
  {
    name: "a model that did not load says why, with status 200",
    call: "GET /v1/models/broken",
    status: 200,
    want: {
      model_version_status: [
        {
          version: "1",
          state: "END",
          status: {
            error_code: "NOT_FOUND",
            error_message: `Specified file path does not appear to contain a SavedModel bundle (should have a file called \`saved_model.pb\`)\nSpecified file path: ${dir.path}/broken/1`,
          },
        },
      ],
    },
  },
  { call: "POST /v1/models/broken:predict", body: one, status: 404, want: "Servable not found for request: Latest(broken)" },
  {
    name: "a name is decoded after it was matched",
    call: "GET /v1/models/modelname%21%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D",
    status: 404,
    want: "Could not find any versions of model modelname!#$%&'()*+,/:;=?@[]",
  },
  { name: "bad percent-encoding is told", call: "GET /v1/models/a%ZZ", status: 400, want: "Failed to decode model name:a%ZZ" },
  ...["DELETE /v1/models/m", "PATCH /v1/models/m", "GET /v1/models/", "GET /v1/models/m/"].map((call) => ({
    call,
    status: 400,
    want: `Malformed request: ${call}`,
  })),
];

for (const row of rows) {
  test(`REST: ${row.name ?? `${row.call} ${row.body ?? ""}`} → ${row.status}`, async () => {
    const [method = "", path = ""] = row.call.split(" ");
    const got = await send(method, served.rest + path, row.body);
    assert.equal(got.status, row.status, got.body);
    assert.equal(got.headers["content-type"], "application/json");
    const parsed = JSON.parse(got.body) as { readonly error?: string };
    if (row.want instanceof RegExp) assert.match(parsed.error ?? "", row.want);
    else assert.deepEqual(parsed, typeof row.want === "string" ? { error: row.want } : row.want);
  });
}

const layouts = [
  {
    name: "rows stay on one line, numbers that are none are bare tokens",
    call: predict,
    body: '{"instances":[1.0, NaN, Infinity]}',
    want: '{\n    "predictions": [2.5, NaN, Infinity\n    ]\n}',
  },
  { name: "columns have a line each", call: predict, body: '{"inputs":[1.0,2.0]}', want: '{\n    "outputs": [\n        2.5,\n        3.0\n    ]\n}' },
  { name: "an error is one object without a line end", call: "GET /v1/models/none", want: '{\n    "error": "Could not find any versions of model none"\n}' },
];
for (const row of layouts) {
  test(`REST: layout: ${row.name}`, async () => {
    const [method = "", path = ""] = row.call.split(" ");
    assert.equal((await send(method, served.rest + path, row.body)).body, row.want);
  });
}
test("REST: a HEAD is refused without a body", async () => {
  const got = await send("HEAD", `${served.rest}/v1/models/m`);
  assert.deepEqual([got.status, got.body], [400, ""]);
});
test("REST: a method that nobody serves is 501, and a page", async () => {
  for (const path of ["/v1/models/m", "/"]) {
    const got = await send("TRACE", served.rest + path);
    assert.deepEqual([got.status, got.headers["content-type"]], [501, "text/html"]);
    assert.match(got.body, /<title>501 Not Implemented<\/title>/);
  }
});
for (const path of ["/", "/statuspage", "/index", "/v1", "/v2/models/m"]) {
  test(`REST: ${path} is a plain page that is not found`, async () => {
    const got = await send("GET", served.rest + path);
    assert.equal(got.status, 404);
    assert.match(String(got.headers["content-type"]), /^text\/html/);
    assert.match(got.body, /<title>404 Not Found<\/title>/);
  });
}
test("REST: metadata lists every signature in full", async () => {
  const parsed = JSON.parse((await send("GET", `${served.rest}/v1/models/m/metadata`)).body);
  assert.deepEqual(parsed.model_spec, { name: "m", signature_name: "", version: "123" });
  const { signature_def: signatures } = parsed.metadata.signature_def;
  const names = ["classify_x2_to_y3", "classify_x_to_y", "regress_x2_to_y3", "regress_x_to_y", "regress_x_to_y2", "serving_default"];
  assert.deepEqual(Object.keys(signatures).sort(), names);
  const dim = (size: string) => ({ size, name: "" });
  const x = { dtype: "DT_FLOAT", tensor_shape: { dim: [dim("-1"), dim("1")], unknown_rank: false }, name: "x:0" };
  assert.deepEqual(signatures.serving_default, {
    inputs: { x },
    outputs: { y: { ...x, name: "y:0" } },
    method_name: "tensorflow/serving/predict",
    defaults: {},
  });
  const defaults = JSON.parse((await send("GET", `${served.rest}/v1/models/defaults/metadata`)).body);
  assert.deepEqual(Object.keys(defaults.metadata.signature_def.signature_def.serving_default.defaults), ["scale"]);
});

const zipped = gzipSync(one);
const gzipRows = [
  { name: "is unzipped", body: zipped, status: 200, want: /"predictions": \[2\.5/ },
  { name: "that is none counts as empty", body: Buffer.from(one), status: 400, want: /JSON Parse error: The document is empty/ },
  { name: "that is cut off counts as empty", body: zipped.subarray(0, 20), status: 400, want: /JSON Parse error: The document is empty/ },
  { name: "beyond 100 MiB counts as empty", body: gzipSync(Buffer.alloc(104_857_601, " ")), status: 400, want: /JSON Parse error: The document is empty/ },
];
for (const row of gzipRows) {
  test(`13.13 gzip POST: REST: a gzip body ${row.name}`, async () => {
    const got = await send("POST", `${served.rest}/v1/models/m:predict`, row.body, { "content-encoding": "gzip" });
    assert.equal(got.status, row.status);
    assert.match(got.body, row.want);
  });
}
test("REST: a body of exactly the limit is read, one byte more is refused, however much follows", async () => {
  const url = `${other.rest}/v1/models/m:predict`;
  assert.equal((await send("POST", url, one.padEnd(1000))).status, 200);
  for (const size of [1001, 5_000_000]) {
    const got = await send("POST", url, one.padEnd(size));
    assert.equal(got.status, 429);
    assert.match(got.body, /the body is larger than 1000 bytes/);
  }
});
test("REST: an inference that takes too long ends with 504 and the runtime's words", async () => {
  const got = await send("POST", `${hasty.rest}/v1/models/m:predict`, one);
  assert.deepEqual([got.status, JSON.parse(got.body)], [504, { error: "Timed out waiting for notification" }]);
});

const cors = (reply: Reply) => ["origin", "methods", "headers"].map((name) => reply.headers[`access-control-allow-${name}`]);
const open = ["*", "POST, GET", "Content-Type"];
const none = [undefined, undefined, undefined];
test("REST: CORS headers come with every answer when they are turned on", async () => {
  for (const path of ["/v1/models/m", "/v1/models/none"]) {
    assert.deepEqual(cors(await send("GET", other.rest + path)), open);
    assert.deepEqual(cors(await send("GET", served.rest + path)), none);
  }
});
for (const count of [1, 3000, 30_000])
  test(`REST: an answer of ${count} numbers tells its length, whichever request of its connection it answers`, async () => {
    using agent = oneConnection();
    const body = JSON.stringify({ instances: new Array(count).fill(1) });
    for (let i = 0; i < 3; i++) {
      const got = await send("POST", `${served.rest}/v1/models/m:predict`, body, {}, agent.agent);
      assert.deepEqual(JSON.parse(got.body), { predictions: new Array(count).fill(2.5) });
      assert.deepEqual([got.headers["content-length"], got.headers["content-type"]], [String(got.bytes.length), "application/json"]);
    }
  });
test("REST: requests of one connection that differ in their fields are told apart", async () => {
  using agent = oneConnection();
  for (let i = 0; i < 2; i++)
    for (const [call, status] of [
      ["POST /v1/models/m:predict", 200],
      ["POST /v1/models/none:predict", 404],
      ["GET /v1/models/m", 200],
      ["GET /healthz", 200],
      ["POST /v1/models/m:predict?x", 400],
      ["GET /none", 404],
    ] as const) {
      const [method = "", path = ""] = call.split(" ");
      const got = await send(method, served.rest + path, method === "POST" ? one : undefined, {}, agent.agent);
      assert.equal(got.status, status, call);
    }
});

/** oneConnection has requests go over one connection. */
function oneConnection(): { readonly agent: Agent } & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return { agent, [Symbol.dispose]: () => agent.destroy() };
}

const preflights = [
  { name: "with CORS on", server: other, origin: "https://example.org", status: 200, headers: open },
  { name: "with CORS off", server: served, origin: "http://example.org", status: 200, headers: none },
  { name: "of an origin that is no web page", server: other, origin: "example.org", status: 400, headers: open },
  { name: "without an origin", server: served, origin: undefined, status: 400, headers: none },
];
for (const row of preflights) {
  test(`REST: a preflight ${row.name} is ${row.status}, without a body`, async () => {
    const got = await send("OPTIONS", `${row.server.rest}/v1/models/m:predict`, undefined, row.origin === undefined ? {} : { origin: row.origin });
    assert.deepEqual([got.status, got.body, got.headers["content-type"], cors(got)], [row.status, "", undefined, row.headers]);
  });
}
