// What the REST API has beyond TensorFlow Serving's: health, readiness, the list of models, compressed answers.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ListModelsResponseSchema } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { scratch, send, serve } from "../testing/index.ts";

const dir = scratch();
const basePath = dir.copy("half_plus_two/1", "m/123");
dir.copy("half_plus_two/1", "m/7");
const labels = new Map([
  ["stable", 123n],
  ["old", 7n],
  ["lost", 9n],
]);
const m = { name: "m", basePath, labels, policy: { kind: "all" } } as const;
const broken = { name: "broken", basePath: dir.copy("half_plus_two/1/variables", "broken/1") };
const empty = { name: "empty", basePath: `${dir.path}/nowhere` };
const whole = await serve([m], { allowLabelsForUnavailable: true, restCompress: true });
const part = await serve([m, broken, empty], { allowLabelsForUnavailable: true, cors: true });
after(async () => {
  await whole[Symbol.asyncDispose]();
  await part[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

const noBundle = `Specified file path does not appear to contain a SavedModel bundle (should have a file called \`saved_model.pb\`)\nSpecified file path: …/1`;

test("/healthz says that the process is alive, whatever the models do", async () => {
  for (const { rest } of [whole, part]) {
    const got = await send("GET", `${rest}/healthz`);
    assert.deepEqual([got.status, got.headers["content-type"], got.body], [200, "text/plain", "ok\n"]);
  }
  const head = await send("HEAD", `${whole.rest}/healthz?probe=1`);
  assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", "3"]);
});

const ready = { ready: true, draining: false, unready: [] };
const unready = (name: string, error: string) => ({ ready: false, draining: false, unready: [{ name, error }] });
const readiness: readonly {
  readonly name: string;
  readonly server: { readonly rest: string };
  readonly query: string;
  readonly status: number;
  readonly want: unknown;
}[] = [
  { name: "all models are there", server: whole, query: "", status: 200, want: ready },
  {
    name: "one of three is there",
    server: part,
    query: "",
    status: 503,
    want: [
      ["broken", /^version 1: Specified file path/],
      ["empty", /^Could not find base path …/],
    ],
  },
  { name: "the one asked for is there", server: part, query: "?model=m", status: 200, want: ready },
  { name: "the one asked for is not", server: part, query: "?model=broken", status: 503, want: unready("broken", `version 1: ${noBundle}`) },
  { name: "nobody knows the model", server: part, query: "?model=none", status: 404, want: { error: "there is no model none" } },
  { name: "the label's version is there", server: part, query: "?model=m&label=old", status: 200, want: ready },
  { name: "the label's version is not", server: part, query: "?model=m&label=lost", status: 503, want: unready("m", "version 9: there is none") },
  { name: "there is no such label", server: part, query: "?label=x&model=m", status: 404, want: { error: "model m has no label x" } },
  { name: "the version is there", server: part, query: "?model=m&version=7", status: 200, want: ready },
  { name: "the version is not", server: part, query: "?model=m&version=8", status: 503, want: unready("m", "version 8: there is none") },
  { name: "the version failed", server: part, query: "?model=broken&version=1", status: 503, want: unready("broken", `version 1: ${noBundle}`) },
  {
    name: "a label without a model is no question",
    server: part,
    query: "?label=x",
    status: 400,
    want: { error: "a label or version is one of a model: name it with model=" },
  },
  {
    name: "label and version are no question",
    server: part,
    query: "?model=m&label=x&version=1",
    status: 400,
    want: { error: "label and version exclude each other" },
  },
  { name: "a version that is no number is no question", server: part, query: "?model=m&version=x", status: 400, want: { error: "version x is no number" } },
  { name: "two models", server: part, query: "?model=m&model=broken", status: 400, want: { error: "readyz asks for one model at a time: m or broken" } },
  {
    name: "two labels",
    server: part,
    query: "?model=m&label=old&label=old",
    status: 400,
    want: { error: "readyz asks for one label at a time: old or old" },
  },
  { name: "no model's name", server: part, query: "?model=", status: 400, want: { error: "model= is empty" } },
  { name: "no label's name", server: part, query: "?model=m&label", status: 400, want: { error: "label= is empty" } },
  { name: "no version", server: part, query: "?model=m&version=", status: 400, want: { error: "version= is empty" } },
  { name: "a question mark without a question asks for all", server: whole, query: "?", status: 200, want: ready },
  { name: "a mistyped key is no question", server: part, query: "?modle=m", status: 400, want: { error: "readyz knows model, label and version, not modle" } },
];
for (const { name, server, query, status, want } of readiness) {
  test(`/readyz${query} is ${status}: ${name}`, async () => {
    const got = await send("GET", `${server.rest}/readyz${query}`);
    assert.deepEqual([got.status, got.headers["content-type"]], [status, "application/json"], got.body);
    const parsed = JSON.parse(got.body) as { readonly unready: readonly { readonly name: string; readonly error: string }[] };
    if (!Array.isArray(want)) return assert.deepEqual(parsed, want);
    assert.deepEqual(
      parsed.unready.map((u) => u.name),
      want.map(([model]) => model),
    );
    for (const [i, [, pattern]] of (want as [string, RegExp][]).entries()) assert.match(parsed.unready[i]!.error, pattern);
  });
}

test("/readyz is 503 while the server drains, to a connection that is still open", async () => {
  const server = await serve([m], { allowLabelsForUnavailable: true });
  const { hostname, port } = new URL(server.rest);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: ");
  let text = "";
  socket.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  await once(socket, "data"); // the first answer; the second request has begun
  const drained = server.server.drain(5000);
  socket.write("x\r\n\r\n");
  await once(socket, "close");
  await drained;
  assert.deepEqual(text.match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 503"]);
  assert.match(text, /"draining": true/);
});

for (const [method, path] of [
  ["POST", "/healthz"],
  ["GET", "/readyz/"],
  ["DELETE", "/readyz"],
  ["POST", "/openapi.json"],
  ["GET", "/v2/models"],
] as const) {
  test(`${method} ${path} is the plain page that TensorFlow Serving has there`, async () => {
    const got = await send(method, part.rest + path);
    assert.deepEqual([got.status, got.headers["content-type"], got.headers["access-control-allow-origin"]], [404, "text/html", undefined]);
  });
}

test("GET /v1/models lists models with versions, states, errors and labels, in the form of ListModelsResponse", async () => {
  const got = await send("GET", `${part.rest}/v1/models`);
  assert.deepEqual([got.status, got.headers["content-type"]], [200, "application/json"]);
  const inState = (state: string, engines: readonly JsonValue[] = []) => ({ state, signatures: {}, servers: [{ state, servers: 1 }], engines });
  const available = inState("AVAILABLE", [{ engine: "embedded", reason: "as configured", servers: 1 }]);
  const parsed = JSON.parse(got.body) as JsonValue;
  assert.deepEqual(parsed, {
    models: [
      { name: "broken", versions: [{ version: "1", ...inState("END"), error: { code: 5, message: noBundle, details: [] } }], labels: [], servers: 1 },
      {
        name: "empty",
        versions: [],
        labels: [],
        error: { code: 3, message: "Could not find base path … for servable empty with error NOT_FOUND: … not found", details: [] },
        servers: 1,
      },
      {
        name: "m",
        versions: [
          { version: "123", ...available },
          { version: "7", ...available },
        ],
        labels: [
          { label: "lost", version: "9", servers: 1 },
          { label: "old", version: "7", servers: 1 },
          { label: "stable", version: "123", servers: 1 },
        ],
        servers: 1,
      },
    ],
    servers_asked: 1,
    servers_answered: 1,
  });
  assert.equal(fromJson(ListModelsResponseSchema, parsed).models[2]!.versions[0]!.version, 123n); // it is the message's own form
  assert.equal((await send("GET", `${part.rest}/V1/MODELS`)).status, 200);
  assert.equal((await send("POST", `${part.rest}/v1/models`)).status, 400);
});

const many = JSON.stringify({ instances: Array.from({ length: 5000 }, (_, i) => i / 3) });
const codings: readonly {
  readonly name: string;
  readonly accept?: string;
  readonly body: string;
  readonly server: { readonly rest: string };
  readonly coded: boolean;
}[] = [
  { name: "a long answer to who accepts it", accept: "gzip", body: many, server: whole, coded: true },
  { name: "a long answer to who prefers others", accept: "br;q=1.0, gzip;q=0.2", body: many, server: whole, coded: true },
  { name: "a long answer to who accepts all", accept: "*", body: many, server: whole, coded: true },
  { name: "not to who does not say so", body: many, server: whole, coded: false },
  { name: "not to who refuses it", accept: "gzip;q=0, *", body: many, server: whole, coded: false },
  { name: "not a short answer", accept: "gzip", body: '{"instances":[1]}', server: whole, coded: false },
  { name: "not without the flag", accept: "gzip", body: many, server: part, coded: false },
];
for (const { name, accept, body, server, coded } of codings) {
  test(`gzip: ${name}`, async () => {
    const url = `${server.rest}/v1/models/m:predict`;
    const got = await send("POST", url, body, accept === undefined ? {} : { "accept-encoding": accept });
    const plain = await send("POST", url, body);
    assert.deepEqual([got.status, got.headers["content-type"]], [200, "application/json"]);
    assert.equal(got.headers["content-encoding"], coded ? "gzip" : undefined);
    assert.equal(got.headers["vary"], server === whole ? "accept-encoding" : undefined);
    assert.equal(got.headers["content-length"], String(got.bytes.length));
    assert.equal((coded ? gunzipSync(got.bytes) : got.bytes).toString(), plain.body);
    if (coded) assert.ok(got.bytes.length < plain.bytes.length / 2);
  });
}
test("gzip: more answers at a time than are compressed go out as they are, and all are the same", async () => {
  const url = `${whole.rest}/v1/models/m:predict`;
  const got = await Promise.all(Array.from({ length: 40 }, () => send("POST", url, many, { "accept-encoding": "gzip" })));
  const texts = got.map((g) => (g.headers["content-encoding"] === "gzip" ? gunzipSync(g.bytes) : g.bytes).toString());
  assert.equal(new Set(texts).size, 1);
  assert.ok(got.every((g) => g.status === 200));
});
