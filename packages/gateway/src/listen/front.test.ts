// What the gateway knows of a request before somebody answers it: whether it may pass, what it is called, which pages may read the answer, and what it counts as.
import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http2";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { DataType, GetModelMetadataResponseSchema, PredictResponseSchema, SignatureDefMapSchema } from "@tfs/proto";
import { frameMessage } from "@tfs/rpc";
import { echo, reply, type Serve, startBackend } from "@tfs/rpc/testing";
import { printPrometheus } from "@tfs/std/metrics";
import { exchange, grpcHeaders, type Started, startGateway, untilReady } from "../testing/index.ts";

async function withGateway(config: Parameters<typeof startGateway>[1], use: (gateway: Started) => Promise<void>, serve: Serve = echo): Promise<void> {
  await using backend = await startBackend(serve);
  await using gateway = await startGateway([backend.address], config);
  await untilReady(gateway);
  await use(gateway);
}

const predict = "/tensorflow.serving.PredictionService/Predict";
const hello = frameMessage(Uint8Array.of(0x0a, 3, 0x0a, 1, 0x6d));

test("unknown services: forwarded, if not told otherwise", () =>
  withGateway({}, async (gateway) => assert.equal((await exchange(gateway.address, grpcHeaders("/a.B/C"), hello)).trailers[1], "0")));

test("unknown services: refused by name where that is wanted, and known ones are not", () =>
  withGateway({ unknownServices: "refuse" }, async (gateway) => {
    for (const path of ["/a.B/C", "/tensorflow.serving.PredictionService/Predikt"]) {
      const { headers } = await exchange(gateway.address, grpcHeaders(path), hello);
      assert.deepEqual([headers["grpc-status"], headers["grpc-message"]], ["12", `unknown method ${path}`]);
    }
    assert.deepEqual((await exchange(gateway.address, grpcHeaders(predict), hello)).trailers, ["grpc-status", "0"]);
  }));

/** seen keeps the request's fields, and answers. */
function seen(): { readonly headers: IncomingHttpHeaders[]; readonly serve: Serve } {
  const headers: IncomingHttpHeaders[] = [];
  return {
    headers,
    serve(stream, fields) {
      headers.push(fields);
      stream.on("end", () => reply(stream, frameMessage(new Uint8Array()))).resume();
    },
  };
}

const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b" };
const grpcIds = [
  { name: "an id passes as it came, whatever it is", requestIds: "web", given: { "x-request-id": "a b" }, want: /^a b$/ },
  { name: "without one there is none, for the sake of what is remembered", requestIds: "web", given: {}, want: undefined },
  { name: "without one there is a new one where that is wanted", requestIds: "all", given: {}, want: /^iiiiiiiiii-\w+$/ },
  { name: "and one that came is kept there too", requestIds: "all", given: { "x-request-id": "mine" }, want: /^mine$/ },
] as const;
for (const tc of grpcIds) {
  test(`request ids: of gRPC, ${tc.name}`, async () => {
    const { headers, serve } = seen();
    await withGateway(
      { requestIds: tc.requestIds },
      async (gateway) => {
        await exchange(gateway.address, grpcHeaders(predict, { ...tc.given, ...trace }), hello);
        const { "x-request-id": id, traceparent, tracestate } = headers[0]!;
        if (tc.want === undefined) assert.equal(id, undefined);
        else assert.match(String(id), tc.want);
        assert.deepEqual({ traceparent, tracestate }, trace);
      },
      serve,
    );
  });
}

const restIds = [
  { name: "one that came is answered with", given: "mine-1", want: /^mine-1$/ },
  { name: "one that is malformed is replaced", given: 'x"y', want: /^iiiiiiiiii-\w+$/ },
  { name: "without one there is a new one", given: undefined, want: /^iiiiiiiiii-\w+$/ },
];
for (const tc of restIds) {
  test(`request ids: of REST, ${tc.name}, and the model server gets it, with what belongs to the trace`, async () => {
    const { headers, serve } = seen();
    await withGateway(
      {},
      async (gateway) => {
        const given = tc.given === undefined ? {} : { "x-request-id": tc.given };
        const response = await fetch(`${gateway.url}/v1/models/m`, { headers: { ...given, ...trace } });
        const id = response.headers.get("x-request-id")!;
        assert.match(id, tc.want);
        const { "x-request-id": passed, traceparent, tracestate } = headers[0]!;
        assert.deepEqual({ passed, traceparent, tracestate }, { passed: id, ...trace });
      },
      serve,
    );
  });
}

/** What a model server says of a model with an input x and an output y, and what it predicts. */
const predicted = toBinary(
  PredictResponseSchema,
  create(PredictResponseSchema, { outputs: { y: { dtype: DataType.DT_FLOAT, tensorShape: { dim: [{ size: 1n }] }, floatVal: [2.5] } } }),
);
const signature = { inputs: { x: { name: "x:0", dtype: DataType.DT_FLOAT } }, outputs: { y: { name: "y:0", dtype: DataType.DT_FLOAT } } };
const described = create(GetModelMetadataResponseSchema, {
  metadata: { signature_def: anyPack(SignatureDefMapSchema, create(SignatureDefMapSchema, { signatureDef: { serving_default: signature } })) },
});

test("request ids: of a REST prediction, the model server gets it too; what the gateway asks for its own sake has none", async () => {
  const asked = new Map<unknown, IncomingHttpHeaders>();
  await withGateway(
    {},
    async (gateway) => {
      const headers = { "x-request-id": "mine-2", ...trace };
      const response = await fetch(`${gateway.url}/v1/models/m:predict`, { method: "POST", body: '{"instances":[1]}', headers });
      assert.deepEqual([response.status, response.headers.get("x-request-id")], [200, "mine-2"]);
      const { "x-request-id": id, traceparent, tracestate } = asked.get(predict)!;
      assert.deepEqual({ id, traceparent, tracestate }, { id: "mine-2", ...trace });
      assert.equal(asked.get("/tensorflow.serving.PredictionService/GetModelMetadata")!["x-request-id"], undefined);
    },
    (stream, headers) => {
      asked.set(headers[":path"], headers);
      const answer = headers[":path"] === predict ? predicted : toBinary(GetModelMetadataResponseSchema, described);
      stream.on("end", () => reply(stream, frameMessage(answer))).resume();
    },
  );
});

const app = "https://app.example";
const asks = { origin: app, "access-control-request-method": "POST", "access-control-request-headers": "content-type,x-grpc-web" };

for (const path of ["/v1/models/m:predict", predict]) {
  test(`cors: a browser that asks whether it may POST ${path} is answered, if its page may`, () =>
    withGateway({ corsOrigins: [app] }, async (gateway) => {
      const ask = (origin: string) => fetch(gateway.url + path, { method: "OPTIONS", headers: { ...asks, origin } });
      const may = await ask(app);
      assert.deepEqual([may.status, may.headers.get("access-control-allow-origin"), may.headers.get("access-control-max-age")], [204, app, "7200"]);
      const mayNot = await ask("https://evil.example");
      assert.deepEqual([mayNot.headers.get("access-control-allow-origin"), mayNot.headers.get("vary")], [null, "origin"]);
    }));
}

test("cors: an answer may be read by the page that asked, request id and all", () =>
  withGateway({ corsOrigins: [app] }, async (gateway) => {
    const response = await fetch(`${gateway.url}/v1/models/m/nothing`, { headers: { origin: app } });
    assert.equal(response.status, 400);
    assert.deepEqual(
      ["access-control-allow-origin", "access-control-expose-headers", "vary", "access-control-allow-credentials"].map((name) => response.headers.get(name)),
      [app, "x-request-id", "origin", null],
    );
  }));

test("cors: off, OPTIONS is TensorFlow Serving's own, and answers say nothing of pages", () =>
  withGateway({}, async (gateway) => {
    const response = await fetch(`${gateway.url}/v1/models/m:predict`, { method: "OPTIONS", headers: asks });
    assert.deepEqual([response.status, response.headers.get("access-control-allow-origin"), response.headers.get("vary")], [200, null, null]);
  }));

test("metrics: REST calls count by what their HTTP status says, and what is no call does not", () =>
  withGateway(
    {},
    async (gateway) => {
      for (const path of ["/healthz", "/nothing", "/v1/models/m/nothing", "/v1/models/m"]) await (await fetch(gateway.url + path)).text();
      const lines = printPrometheus(gateway.gateway.report().families).split("\n");
      assert.deepEqual(
        lines.filter((line) => /^tfs_gateway_requests_(total|in_flight).*rest/.test(line)),
        [
          'tfs_gateway_requests_in_flight{protocol="rest"} 0',
          'tfs_gateway_requests_total{protocol="rest",model="",code="INVALID_ARGUMENT"} 1',
          'tfs_gateway_requests_total{protocol="rest",model="m",code="OK"} 1',
        ],
      );
      assert.ok(lines.some((line) => /^tfs_gateway_connections [1-9]/.test(line)));
    },
    seen().serve,
  ));

const webCalls = [
  { protocol: "connect", type: "application/proto", body: hello.subarray(5) },
  { protocol: "grpc_web", type: "application/grpc-web+proto", body: hello },
];
for (const tc of webCalls) {
  for (const version of ["1.1", "2"]) {
    test(`a call of ${tc.protocol} over HTTP/${version} has an id, may be read by the page that makes it, and counts by its model`, async () => {
      const { headers, serve } = seen();
      await withGateway(
        { corsOrigins: [app] },
        async (gateway) => {
          const request = { "content-type": tc.type, origin: app, "x-request-id": "not well", ...trace };
          let answer: IncomingHttpHeaders;
          if (version === "2") ({ headers: answer } = await exchange(gateway.address, { ":method": "POST", ":path": predict, ...request }, tc.body));
          else {
            const response = await fetch(gateway.url + predict, { method: "POST", headers: request, body: Uint8Array.from(tc.body) });
            await response.arrayBuffer();
            answer = Object.fromEntries(response.headers);
          }
          assert.match(String(answer["x-request-id"]), /^iiiiiiiiii-\w+$/);
          assert.equal(answer["access-control-allow-origin"], app);
          assert.match(String(answer["access-control-expose-headers"]), /(^|, )x-request-id(,|$)/);
          const { "x-request-id": passed, traceparent, tracestate } = headers[0]!;
          assert.deepEqual({ passed, traceparent, tracestate }, { passed: answer["x-request-id"], ...trace });
          const text = printPrometheus(gateway.gateway.report().families);
          assert.match(text, new RegExp(`^tfs_gateway_requests_total\\{protocol="${tc.protocol}",model="m",code="OK"\\} 1$`, "m"));
          assert.match(text, new RegExp(`^tfs_gateway_requests_in_flight\\{protocol="${tc.protocol}"\\} 0$`, "m"));
        },
        serve,
      );
    });
  }
}

test("unknown services: refused by Connect too, where that is wanted", () =>
  withGateway({ unknownServices: "refuse" }, async (gateway) => {
    const response = await fetch(`${gateway.url}/a.B/C`, { method: "POST", headers: { "content-type": "application/proto" }, body: "" });
    assert.deepEqual([response.status, await response.json()], [404, { code: "unimplemented", message: "unknown method /a.B/C" }]);
  }));

const ends: readonly { readonly name: string; readonly serve: Serve; readonly timeoutMs?: string; readonly code: string }[] = [
  { name: "the backend's status", serve: (s) => reply(s, new Uint8Array(), { "grpc-status": "5" }), code: "NOT_FOUND" },
  { name: "an answer without a status", serve: (s) => s.respond({ ":status": 200, "content-type": "application/grpc" }, { endStream: true }), code: "UNKNOWN" },
  { name: "a deadline that passes", serve: () => {}, timeoutMs: "20", code: "DEADLINE_EXCEEDED" },
];
for (const tc of ends) {
  test(`metrics: a call of Connect's counts as ${tc.name} says`, () =>
    withGateway(
      {},
      async (gateway) => {
        const headers = { "content-type": "application/proto", ...(tc.timeoutMs === undefined ? {} : { "connect-timeout-ms": tc.timeoutMs }) };
        await (await fetch(gateway.url + predict, { method: "POST", headers, body: "" })).text();
        assert.match(
          printPrometheus(gateway.gateway.report().families),
          new RegExp(`^tfs_gateway_requests_total\\{protocol="connect",model="",code="${tc.code}"\\} 1$`, "m"),
        );
      },
      tc.serve,
    ));
}

const pieces = [
  { name: "in one piece", cuts: [] },
  { name: "cut behind the prefix", cuts: [5] },
  { name: "cut inside the name's field", cuts: [3, 7] },
];
for (const tc of pieces) {
  test(`metrics: the model of a call is known when its first message comes ${tc.name}`, () =>
    withGateway({}, async (gateway) => {
      const { connect } = await import("node:http2");
      const session = connect(gateway.url);
      const stream = session.request(grpcHeaders(predict));
      let from = 0;
      for (const cut of [...tc.cuts, hello.length]) {
        await new Promise((resolve) => stream.write(hello.subarray(from, cut), resolve));
        from = cut;
      }
      stream.end();
      await stream.resume().toArray();
      session.destroy();
      const text = printPrometheus(gateway.gateway.report().families);
      assert.match(text, /^tfs_gateway_requests_total\{protocol="grpc",model="m",code="OK"\} 1$/m);
      assert.match(text, new RegExp(`^tfs_gateway_request_bytes_total\\{protocol="grpc",model="m"\\} ${hello.length}$`, "m"));
    }));
}
