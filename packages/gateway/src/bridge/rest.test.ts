// The real model server behind, as a process of its own; its REST API is what the gateway's is held to.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { freePort, root, run, startGateway, untilReady } from "../testing/index.ts";

const models = join(root, "testdata/models");
const scratch = mkdtempSync(join(tmpdir(), "tfs-gateway-"));
// y = x/2 + 2 as version 123 of a model called m: the one that the behaviour spec's examples are about.
cpSync(join(models, "half_plus_two/1"), join(scratch, "m/123"), { recursive: true });
const served = {
  m: join(scratch, "m"),
  ...Object.fromEntries(["second_model", "text", "digits", "dtype_int64", "dtype_half", "dtype_complex64"].map((name) => [name, join(models, name)])),
};
writeFileSync(
  join(scratch, "models.config"),
  `model_config_list {\n${Object.entries(served)
    .map(([name, path]) => `config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" }\n`)
    .join("")}}\n`,
);
const socket = join(scratch, "s.sock");
const restPort = await freePort();
const server = run("packages/server/bin/tfs-server.js", [
  `--model_config_file=${join(scratch, "models.config")}`,
  "--port=0",
  `--grpc_socket_path=${socket}`,
  "--host=127.0.0.1",
  `--rest_api_port=${restPort}`,
  "--rest_api_list_models=false", // the gateway does not list models over REST
  "--log_format=json",
]);
await server.until((line) => line.includes('"event":"listening"'));
const gateway = await startGateway([`unix:${socket}`]);
await untilReady(gateway);
after(async () => {
  await gateway[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

function send(base: string, call: string, body?: string | Uint8Array, headers: Record<string, string> = {}, agent?: Agent): Promise<Reply> {
  const [method, path] = call.split(" ");
  return new Promise((resolve, reject) => {
    const req = request(`${base}${path}`, { method: method!, headers, ...(agent === undefined ? {} : { agent }) }, (res) => {
      let text = "";
      res.setEncoding("utf8");
      res.on("data", (part: string) => (text += part));
      res.on("end", () => resolve({ status: res.statusCode ?? 0, type: res.headers["content-type"], body: text }));
    });
    req.on("error", reject);
    req.end(body);
  });
}

interface Row {
  readonly call: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly status: number;
  /** want is the parsed body; as a text it is the error, as a pattern a part of the body. */
  readonly want: unknown;
}

const predict = "POST /v1/models/m:predict";
const one = '{"instances":[1.0]}';

// The behaviour spec's worked examples (section 17), and more of its section 3.
const rows: readonly Row[] = [
  { call: predict, body: '{"instances":[1.0,2.0,5.0]}', status: 200, want: { predictions: [2.5, 3, 4.5] } },
  { call: predict, body: '{"instances":[{"x":[1.0]},{"x":[2.0]}]}', status: 200, want: { predictions: [[2.5], [3]] } },
  { call: predict, body: '{"inputs":{"x":[[1.0],[2.0]]}}', status: 200, want: { outputs: [[2.5], [3]] } },
  { call: predict, body: '{"inputs": 4}', status: 200, want: { outputs: 4 } },
  { call: predict, body: '{"instances":[1.0],"junk":[[[', status: 400, want: /JSON Parse error: / },
  { call: predict, body: '{"instances":[1.0]} trailing', status: 200, want: { predictions: [2.5] } },
  { call: predict, body: '{"instances":[NaN]}', status: 200, want: /"predictions": \[NaN/ },
  {
    call: predict,
    body: '{"instances":["x"]}',
    status: 400,
    want: "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"x\" Type: String is not of expected type: float",
  },
  {
    call: predict,
    body: '{"instances":[[1.0],[2.0,3.0]]}',
    status: 400,
    want: "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 1 but got: 2",
  },
  { call: predict, body: '{"inputs":[[1.0],[2.0,3.0]]}', status: 400, want: "Encountered list at unexpected size: 2 at level: 1 expected size: 1" },
  {
    call: predict,
    body: '{"instances":[{"y":1.0}]}',
    status: 400,
    want: "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: y",
  },
  { call: predict, body: '{"inputs":{"y":1.0}}', status: 400, want: "Missing named input: x in 'inputs' object." },
  { call: predict, body: "{}", status: 400, want: "Missing 'inputs' or 'instances' key" },
  { call: predict, body: '{"signature_name":"nope","instances":[1.0]}', status: 400, want: 'Serving signature name: "nope" not found in signature def' },
  {
    call: predict,
    body: '{"signature_name":"constructor","instances":[1.0]}',
    status: 400,
    want: 'Serving signature name: "constructor" not found in signature def',
  },
  {
    call: predict,
    body: '{"signature_name":"__proto__","instances":[1.0]}',
    status: 400,
    want: 'Serving signature name: "__proto__" not found in signature def',
  },
  { call: predict, body: '{"signature_name": 100}', status: 400, want: /'signature_name' key must be a string value\./ },
  { call: "POST /v1/models/none:predict", body: one, status: 404, want: "Servable not found for request: Latest(none)" },
  { call: "POST /v1/models/m/versions/9:predict", body: one, status: 404, want: "Servable not found for request: Specific(m, 9)" },
  { call: "POST /v1/models/m/labels/prod:predict", body: one, status: 400, want: "Unrecognized servable version label: prod" },
  { call: "POST /v1/models/none:predict", body: "{", status: 400, want: /JSON Parse error: / },
  { call: "POST /v1/models/none:predict", body: '{"instances":[1.0],"junk":[[[', status: 400, want: /JSON Parse error: / },
  { call: "POST /v1/models/none:predict", body: '{"instances":[1.0,}]}', status: 400, want: /JSON Parse error: Invalid value. at offset: 18/ },
  { call: "POST /v1/models/m/versions/123:predict", body: one, status: 200, want: { predictions: [2.5] } },
  { call: "POST /v1/models/m:regress", body: '{"signature_name":"regress_x_to_y","examples":[{"x":80.0}]}', status: 200, want: { results: [42] } },
  { call: "POST /v1/models/m:regress", body: '{"signature_name":"regress_x_to_y","examples":[{"x":80}]}', status: 400, want: /error/ },
  { call: "POST /v1/models/m:classify", body: '{"signature_name":"classify_x_to_y","examples":[{"x":20.0}]}', status: 200, want: { results: [[["", 12]]] } },
  { call: "POST /v1/models/m:classify", body: '{"examples":[{"x":20.0}]}', status: 400, want: /No classification inputs found in SignatureDef: / },
  { call: "POST /v1/models/m:classify", body: "{}", status: 400, want: /When method is classify, key 'examples' is expected and was not found/ },
  {
    call: "GET /v1/models/m",
    status: 200,
    want: { model_version_status: [{ version: "123", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } }] },
  },
  { call: "GET /v1/models/none", status: 404, want: "Could not find any versions of model none" },
  { call: "GET /v1/models/m/versions/9", status: 404, want: "Could not find version 9 of model m" },
  { call: "GET /v1/models/m/labels/any", status: 200, want: /"AVAILABLE"/ },
  { call: "GET /v1/models/m/metadata", status: 200, want: /"regress_x_to_y"/ },
  { call: "GET /v1/models/none/metadata", status: 404, want: "Servable not found for request: Latest(none)" },
  { call: "GET /v1/models", status: 400, want: "Missing model name in request." },
  { call: "PUT /v1/models/m", status: 400, want: "Malformed request: PUT /v1/models/m" },
  { call: "TRACE /v1/models/m", status: 501, want: /<title>501 Not Implemented<\/title>/ },
  { call: "BREW /", status: 501, want: /<title>501 Not Implemented<\/title>/ },
  { call: "POST /v1/models/m:predict?x=1", body: one, status: 400, want: "Malformed request: POST /v1/models/m:predict?x=1" },
  { call: "POST /v1/models/m:PREDICT", body: one, status: 400, want: "Malformed request: POST /v1/models/m:PREDICT" },
  { call: "POST /V1/Models/m:predict", body: one, status: 200, want: { predictions: [2.5] } },
  {
    call: "POST /v1/models/m/versions/18446744073709551615:regress",
    body: one,
    status: 400,
    want: "Failed to convert version: 18446744073709551615 to numeric.",
  },
  { call: predict, body: "", status: 400, want: "JSON Parse error: The document is empty" },
  { call: predict, body: gzipSync(one), headers: { "content-encoding": "gzip" }, status: 200, want: { predictions: [2.5] } },
  { call: predict, body: one, headers: { "content-encoding": "gzip" }, status: 400, want: "JSON Parse error: The document is empty" },
  {
    call: predict,
    body: gzipSync(Buffer.alloc(104_857_601, " ")),
    headers: { "content-encoding": "gzip" },
    status: 400,
    want: "JSON Parse error: The document is empty",
  },
  { call: predict, body: one, headers: { "accept-encoding": "gzip" }, status: 200, want: { predictions: [2.5] } }, // answers are never compressed
  { call: "OPTIONS /v1/models/m:predict", headers: { origin: "https://app.example" }, status: 200, want: /^$/ },
  { call: "OPTIONS /v1/models/m:predict", status: 400, want: /^$/ },
  { call: "GET /", status: 404, want: /<title>404 Not Found<\/title>/ },
  { call: "GET /v2/models/m", status: 404, want: /<title>404 Not Found<\/title>/ },
  { call: "POST /v1/models/text:predict", body: '{"instances":["good","bad"]}', status: 200, want: /predictions/ },
  { call: "POST /v1/models/dtype_half:predict", body: '{"instances":[0.1, NaN]}', status: 200, want: /predictions/ },
  { call: "POST /v1/models/dtype_complex64:predict", body: '{"instances":[1.0]}', status: 400, want: /UNIMPLEMENTED/ },
  { call: "POST /v1/models/dtype_complex64:predict", body: '{"inputs":[1.0]}', status: 501, want: /Conversion of JSON Value/ },
];
for (const tc of rows) {
  const shown = typeof tc.body === "string" ? tc.body.slice(0, 60) : tc.body === undefined ? "" : `${tc.body.length} bytes`;
  test(`rest: ${tc.call} ${shown} ${JSON.stringify(tc.headers ?? {})} is ${tc.status}, and the server's own answer`, async () => {
    const reply = await send(gateway.url, tc.call, tc.body, tc.headers);
    assert.equal(reply.status, tc.status, reply.body);
    if (tc.want instanceof RegExp) assert.match(reply.body, tc.want);
    else if (typeof tc.want === "string") assert.deepEqual(JSON.parse(reply.body), { error: tc.want });
    else assert.deepEqual(JSON.parse(reply.body), tc.want);
    assert.deepEqual(reply, await send(`http://127.0.0.1:${restPort}`, tc.call, tc.body, tc.headers));
  });
}

test("rest: what needs two inputs and gives two outputs passes in both layouts", async () => {
  const metadata = JSON.parse((await send(gateway.url, "GET /v1/models/second_model/metadata")).body) as {
    metadata: {
      signature_def: { signature_def: { serving_default: { inputs: Record<string, { dtype: string; tensor_shape: { dim: { size: string }[] } }> } } };
    };
  };
  const { inputs } = metadata.metadata.signature_def.signature_def.serving_default;
  const row = Object.fromEntries(
    Object.entries(inputs).map(([name, info]) => [
      name,
      filled(
        info.tensor_shape.dim.slice(1).map((d) => Math.max(1, Number(d.size))),
        info.dtype === "DT_STRING" ? "a" : 1,
      ),
    ]),
  );
  for (const body of [{ instances: [row, row] }, { inputs: Object.fromEntries(Object.entries(row).map(([name, value]) => [name, [value]])) }]) {
    const calls = [gateway.url, `http://127.0.0.1:${restPort}`].map((base) => send(base, "POST /v1/models/second_model:predict", JSON.stringify(body)));
    const [through, direct] = await Promise.all(calls);
    assert.equal(through!.status, 200, through!.body);
    assert.deepEqual(through, direct);
  }
});

function filled(shape: readonly number[], value: unknown): unknown {
  return shape.length === 0 ? value : Array.from({ length: shape[0]! }, () => filled(shape.slice(1), value));
}

test("rest: 16 large predictions at a time are the server's own", async () => {
  const body = JSON.stringify({ instances: Array.from({ length: 100_000 }, (_, i) => i / 7) });
  const direct = await send(`http://127.0.0.1:${restPort}`, predict, body);
  const replies = await Promise.all(Array.from({ length: 16 }, () => send(gateway.url, predict, body)));
  for (const reply of replies) assert.deepEqual(reply, direct);
});

test("rest: floats are printed with the fewest digits where that is asked for", async () => {
  await using shortest = await startGateway([`unix:${socket}`], { restNumbers: "shortest" });
  await untilReady(shortest);
  const body = '{"inputs":[0.66666667,9000000]}';
  assert.match((await send(gateway.url, predict, body)).body, /2\.33333325,\s+4\.5e\+06|2\.33333325,\s+4500002\.0/);
  assert.match((await send(shortest.url, predict, body)).body, /2\.3333333,\s+4500002\.0/);
  const regress = '{"signature_name":"regress_x_to_y","examples":[{"x":0.66666667}]}';
  assert.match((await send(gateway.url, "POST /v1/models/m:regress", regress)).body, /2\.33333325/);
  assert.match((await send(shortest.url, "POST /v1/models/m:regress", regress)).body, /2\.3333333]/);
});

test("rest: one connection, bodies of all sizes, targets and formats in turn: each gets its own answer", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 40; i++) {
    const values = Array.from({ length: i % 8 === 7 ? 30_000 : 1 + (i % 5) * 7 }, (_, k) => (k * i) / 8);
    const body = JSON.stringify(i % 2 === 0 ? { instances: values } : { inputs: { x: values } });
    const call = i % 3 === 0 ? predict : "POST /v1/models/m/versions/123:predict";
    const { status, body: text } = await send(gateway.url, call, body, {}, agent);
    assert.equal(status, 200, text);
    const want = values.map((v) => Math.fround(v / 2 + 2));
    assert.deepEqual(JSON.parse(text), i % 2 === 0 ? { predictions: want } : { outputs: want });
  }
  agent.destroy();
});

test("rest: over HTTP/2 the answer is the same", async () => {
  const { connect } = await import("node:http2");
  const session = connect(gateway.url);
  const stream = session.request({ ":method": "POST", ":path": "/v1/models/m:predict" });
  stream.end(one);
  assert.deepEqual(JSON.parse(Buffer.concat((await stream.toArray()) as Buffer[]).toString()), { predictions: [2.5] });
  session.destroy();
});
