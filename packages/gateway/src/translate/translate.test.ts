import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { brotliCompressSync, gunzipSync, gzipSync } from "node:zlib";
import { frameMessage } from "@tfs/rpc";
import { echo, reply, type Serve, startBackend } from "@tfs/rpc/testing";
import { exchange, type Started, startGateway, turn, untilReady } from "../testing/index.ts";

/** withGateway runs `use` with a gateway that has one ready backend. */
async function withGateway(serve: Serve, use: (gateway: Started) => Promise<void>, config: Parameters<typeof startGateway>[1] = {}): Promise<void> {
  await using backend = await startBackend(serve);
  await using gateway = await startGateway([backend.address], config);
  await untilReady(gateway);
  await use(gateway);
}

interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const path = "/a.B/C";

/** ask makes one call over either HTTP. */
async function ask(gateway: Started, version: "1.1" | "2", headers: Record<string, string>, body: Uint8Array = new Uint8Array(), target = path): Promise<Said> {
  if (version === "2") {
    const { headers: got, body: bytes } = await exchange(gateway.address, { ":method": "POST", ":path": target, ...headers }, body);
    return { status: Number(got[":status"]), headers: got as Record<string, string>, body: bytes };
  }
  const response = await fetch(gateway.url + target, { method: "POST", headers, body: Buffer.from(body) });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: Buffer.from(await response.arrayBuffer()) };
}

const bytes = Buffer.from("some bytes");
const framed = Buffer.from(frameMessage(bytes));
const webTail = (lines: string): Buffer => Buffer.concat([Buffer.of(0x80, 0, 0, lines.length >> 8, lines.length & 0xff), Buffer.from(lines)]);
const connectTail = (json: string): Buffer => Buffer.concat([Buffer.of(2, 0, 0, 0, Buffer.byteLength(json)), Buffer.from(json)]);
const base64 = (plain: Buffer): Buffer => Buffer.from(plain.toString("base64"));

/** Details with one Any: type.googleapis.com/a.Detail, value 1 2 3. */
const any = Buffer.concat([Buffer.of(0x0a, 28), Buffer.from("type.googleapis.com/a.Detail"), Buffer.of(0x12, 3, 1, 2, 3)]);
const status = Buffer.concat([Buffer.of(8, 5, 0x12, 1, 0x21, 0x1a, any.length), any]).toString("base64");

const protocols: readonly {
  readonly name: string;
  readonly type: string;
  readonly request: Buffer;
  readonly answer: Buffer;
  /** What a failure looks like: NotFound, "!", one detail, the trailer x of value 1. */
  readonly failure: { readonly status: number; readonly body: Buffer };
  /** What a failure of ours looks like, by code in gRPC's number and Connect's name and HTTP status. */
  readonly fails: (number: number, name: string, httpStatus: number) => { readonly status: number; readonly says: RegExp };
}[] = [
  {
    name: "gRPC-Web",
    type: "application/grpc-web+proto",
    request: framed,
    answer: Buffer.concat([framed, webTail("grpc-status: 0\r\nx: 1\r\n")]),
    failure: { status: 200, body: webTail(`grpc-status: 5\r\ngrpc-message: !\r\ngrpc-status-details-bin: ${status}\r\nx: 1\r\n`) },
    fails: (number) => ({ status: 200, says: new RegExp(`^\\x80[^]{4}grpc-status: ${number}\r\n`) }),
  },
  {
    name: "gRPC-Web text",
    type: "application/grpc-web-text",
    request: base64(framed),
    answer: Buffer.concat([base64(framed), base64(webTail("grpc-status: 0\r\nx: 1\r\n"))]),
    failure: { status: 200, body: base64(webTail(`grpc-status: 5\r\ngrpc-message: !\r\ngrpc-status-details-bin: ${status}\r\nx: 1\r\n`)) },
    fails: () => ({ status: 200, says: /^gAAA/ }),
  },
  {
    name: "Connect's streams",
    type: "application/connect+proto",
    request: framed,
    answer: Buffer.concat([framed, connectTail('{"metadata":{"x":["1"]}}')]),
    failure: {
      status: 200,
      body: connectTail('{"error":{"code":"not_found","message":"!","details":[{"type":"a.Detail","value":"AQID"}]},"metadata":{"x":["1"]}}'),
    },
    fails: (_, name) => ({ status: 200, says: new RegExp(`^\\x02[^]{4}{"error":{"code":"${name}"`) }),
  },
  {
    name: "Connect's unary calls",
    type: "application/proto",
    request: bytes,
    answer: bytes,
    failure: { status: 404, body: Buffer.from('{"code":"not_found","message":"!","details":[{"type":"a.Detail","value":"AQID"}]}') },
    fails: (_, name, httpStatus) => ({ status: httpStatus, says: new RegExp(`^{"code":"${name}"`) }),
  },
];

/** echoWith sends a call's bytes back, with metadata. */
const echoWith: Serve = (stream) => {
  const parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("end", () => reply(stream, Buffer.concat(parts), { "grpc-status": "0", x: "1" }, { "y-bin": "AAE" }));
};
/** respondWith answers by HTTP alone. */
function respondWith(stream: ServerHttp2Stream, type: string): void {
  stream.respond({ ":status": 200, "content-type": type });
  stream.end();
}
const failing = { "grpc-status": "5", "grpc-message": "!", "grpc-status-details-bin": status, x: "1" };

for (const version of ["1.1", "2"] as const) {
  for (const tc of protocols) {
    const name = `${tc.name} over HTTP/${version}`;
    const headers = { "content-type": tc.type };

    test(`${name}: messages, headers and trailers pass`, () =>
      withGateway(echoWith, async (gateway) => {
        const got = await ask(gateway, version, headers, tc.request);
        assert.deepEqual([got.status, got.headers["content-type"], got.headers["y-bin"], got.headers["grpc-status"]], [200, tc.type, "AAE", undefined]);
        assert.equal(got.body.toString("latin1"), tc.answer.toString("latin1"));
        assert.equal(got.headers["trailer-x"], tc.type === "application/proto" ? "1" : undefined);
      }));

    test(`${name}: what the backend gets is gRPC`, async () => {
      const seen: OutgoingHttpHeaders[] = [];
      await withGateway(
        (stream, headers) => {
          seen.push({ ...headers });
          echo(stream);
        },
        async (gateway) => {
          await ask(
            gateway,
            version,
            { ...headers, "x-a": "1", "x-bin": "AAE", accept: "*/*", "connect-protocol-version": "1", "x-grpc-web": "1" },
            tc.request,
          );
          const got = seen[0]!;
          assert.deepEqual(
            [
              ":method",
              ":path",
              "te",
              "content-type",
              "x-a",
              "x-bin",
              "accept",
              "connect-protocol-version",
              "x-grpc-web",
              "content-length",
              "grpc-timeout",
            ].map((n) => got[n]),
            ["POST", path, "trailers", "application/grpc+proto", "1", "AAE", undefined, undefined, undefined, undefined, undefined],
          );
        },
      );
    });

    for (const [how, serve] of [
      ["before any message", (stream) => stream.respond({ ":status": 200, "content-type": "application/grpc", ...failing }, { endStream: true })],
      ["behind headers", (stream) => reply(stream, Buffer.alloc(0), failing)],
    ] satisfies [string, Serve][]) {
      test(`${name}: a failure ${how} keeps code, text, details and trailers`, () =>
        withGateway(serve, async (gateway) => {
          const got = await ask(gateway, version, headers, tc.request);
          assert.deepEqual([got.status, got.body.toString("latin1")], [tc.failure.status, tc.failure.body.toString("latin1")]);
          if (tc.failure.status !== 200) assert.deepEqual([got.headers["content-type"], got.headers["trailer-x"]], ["application/json", "1"]);
        }));
    }

    const faults: readonly { readonly name: string; readonly serve: Serve; readonly code: readonly [number, string, number] }[] = [
      { name: "that is HTTP alone", serve: (stream) => stream.respond({ ":status": 503 }, { endStream: true }), code: [14, "unavailable", 503] },
      { name: "of another type", serve: (stream) => respondWith(stream, "text/html"), code: [2, "unknown", 500] },
      {
        name: "without a status",
        serve: (stream) => respondWith(stream, "application/grpc"),
        code: [2, "unknown", 500],
      },
      { name: "that is a reset", serve: (stream) => stream.close(7), code: [14, "unavailable", 503] },
    ];
    for (const fault of faults) {
      test(`${name}: an answer ${fault.name} is a failure in the caller's own form`, () =>
        withGateway(fault.serve, async (gateway) => {
          const got = await ask(gateway, version, headers, tc.request);
          const want = tc.fails(...fault.code);
          assert.equal(got.status, want.status);
          assert.match(got.body.toString("latin1"), want.says);
        }));
    }

    test(`${name}: a deadline that passes is told to both sides, and travels`, async () => {
      const held: [ServerHttp2Stream, string][] = [];
      await withGateway(
        (stream, got) => held.push([stream, String(got["grpc-timeout"])]),
        async (gateway) => {
          const timeout: Record<string, string> = tc.type.includes("grpc") ? { "grpc-timeout": "60m" } : { "connect-timeout-ms": "60" };
          const got = await ask(gateway, version, { ...headers, ...timeout }, tc.request);
          const want = tc.fails(4, "deadline_exceeded", 504);
          assert.equal(got.status, want.status);
          assert.match(got.body.toString("latin1"), want.says);
          const [stream, left] = held[0]!;
          assert.match(left, /^\d{1,5}u$/);
          if (!stream.closed) await once(stream, "close");
          assert.equal(stream.rstCode, 8);
        },
      );
    });

    test(`${name}: a client that goes away cancels`, async () => {
      const held: ServerHttp2Stream[] = [];
      await withGateway(
        (stream) => held.push(stream),
        async (gateway) => {
          let leave: () => void;
          if (version === "2") {
            const session = connect(gateway.url);
            session.request({ ":method": "POST", ":path": path, ...headers }).on("error", () => {});
            leave = () => session.destroy();
          } else {
            const req = request(gateway.url + path, { method: "POST", headers: { ...headers, "content-length": "1000" } }).on("error", () => {});
            req.write(tc.request.subarray(0, 4));
            leave = () => req.destroy();
          }
          while (held.length === 0) await turn();
          const closed = once(held[0]!, "close");
          leave();
          await closed;
          assert.equal(held[0]!.rstCode, 8);
        },
      );
    });

    test(`${name}: without a backend the failure names no address`, async () => {
      await using gateway = await startGateway(["127.0.0.1:1"]);
      const got = await ask(gateway, version, headers, tc.request);
      const want = tc.fails(14, "unavailable", 503);
      assert.equal(got.status, want.status);
      assert.match(got.body.toString("latin1"), want.says);
      assert.doesNotMatch(got.body.toString("latin1"), /127\.0\.0\.1/);
    });
  }
}

const encodings = [
  {
    name: "gRPC-Web",
    headers: { "content-type": "application/grpc-web", "grpc-encoding": "gzip", "grpc-accept-encoding": "br,gzip" },
    bare: false,
    says: "grpc-encoding",
  },
  {
    name: "Connect's streams",
    headers: { "content-type": "application/connect+proto", "connect-content-encoding": "gzip", "connect-accept-encoding": "gzip" },
    bare: false,
    says: "connect-content-encoding",
  },
  {
    name: "Connect's unary calls",
    headers: { "content-type": "application/proto", "content-encoding": "gzip", "accept-encoding": "gzip;q=0.5, zstd, deflate;q=0" },
    bare: true,
    says: "content-encoding",
  },
];
for (const tc of encodings) {
  test(`${tc.name}: compressed messages pass as they are, both ways`, async () => {
    const seen: OutgoingHttpHeaders[] = [];
    await withGateway(
      (stream, headers) => {
        seen.push({ ...headers });
        const parts: Buffer[] = [];
        stream.on("data", (part: Buffer) => parts.push(part));
        stream.on("end", () => reply(stream, Buffer.concat(parts), { "grpc-status": "0" }, { "grpc-encoding": "gzip" }));
      },
      async (gateway) => {
        const zipped = gzipSync(bytes);
        const got = await ask(gateway, "2", tc.headers, tc.bare ? zipped : frameMessage(zipped, true));
        assert.deepEqual([seen[0]!["grpc-encoding"], seen[0]!["grpc-accept-encoding"]], ["gzip", "identity,gzip"]);
        assert.equal(got.headers[tc.says], "gzip");
        assert.deepEqual(gunzipSync(tc.bare ? got.body : got.body.subarray(5, 5 + got.body.readUInt32BE(1))), bytes);
      },
    );
  });
}

test("a compression that gRPC servers do not know is undone here", () =>
  withGateway(echo, async (gateway) => {
    for (const [type, field] of [
      ["application/proto", "content-encoding"],
      ["application/grpc-web", "grpc-encoding"],
    ] as const) {
      const zipped = brotliCompressSync(bytes);
      const body = field === "content-encoding" ? zipped : frameMessage(zipped, true);
      const got = await ask(gateway, "1.1", { "content-type": type, [field]: "br" }, body);
      assert.ok(got.body.includes(field === "content-encoding" ? bytes : framed));
    }
  }));

const status12 = /grpc-status: 12\r\n/;
const refusals: readonly {
  readonly name: string;
  readonly headers: Record<string, string>;
  readonly target?: string;
  readonly body?: Uint8Array;
  readonly status: number;
  readonly says: RegExp;
}[] = [
  {
    name: "JSON for a method that no descriptor names",
    headers: { "content-type": "application/json" },
    status: 415,
    says: /"code":"unimplemented","message":"\/a\.B\/C is in no descriptors/,
  },
  { name: "the same as a stream", headers: { "content-type": "application/connect+json" }, status: 200, says: /"code":"unimplemented"/ },
  { name: "the same by gRPC-Web", headers: { "content-type": "application/grpc-web+json" }, status: 200, says: status12 },
  { name: "a codec that nobody knows", headers: { "content-type": "application/grpc-web+thrift" }, status: 200, says: status12 },
  {
    name: "a unary method as a stream",
    headers: { "content-type": "application/connect+proto" },
    target: "/tensorflow.serving.PredictionService/Predict",
    status: 200,
    says: /content-type is application\/proto/,
  },
  {
    name: "a compression that nobody knows",
    headers: { "content-type": "application/proto", "content-encoding": "lzma" },
    status: 501,
    says: /supported: identity,gzip/,
  },
  {
    name: "a body past the limit",
    headers: { "content-type": "application/proto" },
    body: Buffer.alloc(1001),
    status: 429,
    says: /"resource_exhausted".*limit of 1000 bytes/,
  },
  {
    name: "a bomb",
    headers: { "content-type": "application/proto", "content-encoding": "br" },
    body: brotliCompressSync(Buffer.alloc(1001)),
    status: 429,
    says: /"resource_exhausted".*limit of 1000 bytes/,
  },
  {
    name: "JSON that is none",
    headers: { "content-type": "application/json" },
    target: "/tensorflow.serving.ModelService/GetModelStatus",
    body: Buffer.from("{"),
    status: 400,
    says: /"invalid_argument","message":"the request is no tensorflow\.serving\.GetModelStatusRequest/,
  },
  {
    name: "a field of the wrong type",
    headers: { "content-type": "application/json" },
    target: "/tensorflow.serving.ModelService/GetModelStatus",
    body: Buffer.from('{"modelSpec":1}'),
    status: 400,
    says: /"invalid_argument"/,
  },
  { name: "base64 that is none", headers: { "content-type": "application/grpc-web-text" }, body: Buffer.from("!!!!"), status: 200, says: /^gAAA/ },
];
for (const tc of refusals) {
  for (const version of ["1.1", "2"] as const) {
    test(`refused over HTTP/${version}: ${tc.name}`, () =>
      withGateway(
        echo,
        async (gateway) => {
          const got = await ask(gateway, version, tc.headers, tc.body ?? new Uint8Array(), tc.target);
          assert.equal(got.status, tc.status, got.body.toString());
          assert.match(got.body.toString("latin1"), tc.says);
        },
        { maxRequestBytes: 1000 },
      ));
  }
}

for (const [method, target] of [
  ["GET", "/tensorflow.serving.PredictionService/Predict?connect=v1&encoding=json&message=%7B%7D"],
  ["PUT", path],
] as const) {
  test(`refused: ${method} for a method with side effects is 405 and says what is allowed`, () =>
    withGateway(echo, async (gateway) => {
      const init = method === "GET" ? {} : { body: "x", headers: { "content-type": "application/proto" } };
      const response = await fetch(gateway.url + target, { method, ...init });
      assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST"]);
      assert.equal(((await response.json()) as { code: string }).code, "unknown");
    }));
}

const unknown: readonly { readonly name: string; readonly serve: Serve; readonly says: string }[] = [
  {
    name: "says so",
    serve: (stream) => reply(stream, Buffer.alloc(0), { "grpc-status": "12", "grpc-message": "unknown service a.B" }),
    says: "unknown service a.B",
  },
  {
    name: "says so before any headers",
    serve: (stream) => stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "12", "grpc-message": "no" }, { endStream: true }),
    says: "no",
  },
  { name: "answers by HTTP alone", serve: (stream) => stream.respond({ ":status": 404 }, { endStream: true }), says: "HTTP status 404 without grpc-status" },
];
for (const tc of unknown) {
  test(`a method that no descriptor names is 404 to Connect if the backend lacks it and ${tc.name}`, () =>
    withGateway(tc.serve, async (gateway) => {
      const got = await ask(gateway, "1.1", { "content-type": "application/proto" }, bytes);
      assert.deepEqual([got.status, JSON.parse(got.body.toString())], [404, { code: "unimplemented", message: tc.says }]);
    }));
}

test("JSON: a method of ours, without saying Connect", () =>
  withGateway(
    (stream) => {
      // GetModelStatusResponse with one status: version 7, state AVAILABLE.
      stream.on("data", () => {});
      stream.on("end", () => reply(stream, frameMessage(Buffer.of(0x0a, 4, 8, 7, 0x10, 30))));
    },
    async (gateway) => {
      const got = await ask(
        gateway,
        "1.1",
        { "content-type": "application/json" },
        Buffer.from('{"modelSpec":{"name":"m"},"unknown":1}'),
        "/tensorflow.serving.ModelService/GetModelStatus",
      );
      assert.deepEqual(JSON.parse(got.body.toString()), { model_version_status: [{ version: "7", state: "AVAILABLE" }] });
    },
  ));

for (const tc of protocols.filter(({ type }) => type !== "application/proto")) {
  test(`${tc.name}: an answer that ends within a message cannot be ended: the stream is reset`, () =>
    withGateway(
      (stream) => reply(stream, framed.subarray(0, 7)),
      async (gateway) => {
        const { reset, body } = await exchange(gateway.address, { ":method": "POST", ":path": path, "content-type": tc.type }, tc.request);
        assert.deepEqual([reset, body.includes("grpc-status")], [2, false]);
      },
    ));
}

for (const [how, trailers, status, says] of [
  ["and says why", { "grpc-status": "5", "grpc-message": "!" }, 404, /"code":"not_found","message":"!"/],
  ["and claims success", { "grpc-status": "0" }, 500, /"code":"internal".*ended inside a message/],
] as const) {
  test(`Connect's unary calls: a backend that ends within its message ${how}`, () =>
    withGateway(
      (stream) => reply(stream, framed.subarray(0, 7), trailers),
      async (gateway) => {
        const got = await ask(gateway, "1.1", { "content-type": "application/proto" }, bytes);
        assert.equal(got.status, status);
        assert.match(got.body.toString(), says);
      },
    ));
}

for (const tc of protocols) {
  for (const version of ["1.1", "2"] as const) {
    test(`${tc.name} over HTTP/${version}: a megabyte each way`, () =>
      withGateway(echoWith, async (gateway) => {
        const large = Buffer.alloc(1 << 20, "abc");
        const body =
          tc.type === "application/proto" ? large : tc.type.includes("text") ? base64(Buffer.from(frameMessage(large))) : Buffer.from(frameMessage(large));
        const got = await ask(gateway, version, { "content-type": tc.type }, body);
        const plain = tc.type.includes("text") ? decodePieces(got.body.toString("latin1")) : got.body;
        const at = tc.type === "application/proto" ? 0 : 5;
        assert.ok(plain.subarray(at, at + large.length).equals(large));
      }));
  }
}

/** decodePieces reads padded base64 pieces one behind the other. */
function decodePieces(text: string): Buffer {
  return Buffer.concat([...text.matchAll(/[^=]+={0,2}/g)].map(([piece]) => Buffer.from(piece, "base64")));
}

test("a client that does not read holds its backend back, and nobody else", async () => {
  let written = 0;
  let full = false;
  const chunk = Buffer.from(frameMessage(Buffer.alloc(64 * 1024)));
  const serve: Serve = (stream, headers) => {
    if (headers[":path"] === "/a.B/Echo") return echo(stream);
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    const more = (): void => {
      full = false;
      do written += chunk.length;
      while (!stream.destroyed && stream.write(chunk));
      full = true;
    };
    stream.on("drain", more);
    more();
  };
  await withGateway(serve, async (gateway) => {
    for (const type of ["application/grpc-web", "application/connect+proto"]) {
      for (const version of ["1.1", "2"] as const) {
        written = 0;
        full = false;
        let leave: () => void;
        if (version === "1.1") {
          const req = request(gateway.url + path, { method: "POST", headers: { "content-type": type } }, (res) => res.on("error", () => {}).pause());
          req.on("error", () => {});
          req.end(framed);
          leave = () => req.destroy();
        } else {
          const session = connect(gateway.url, { settings: { initialWindowSize: 65_535 } });
          const stream = session.request({ ":method": "POST", ":path": path, "content-type": type });
          stream.on("error", () => {}).pause();
          stream.end(framed);
          leave = () => session.destroy();
        }
        // It stands still when many turns pass in which nothing moves.
        for (let still = 0, before = -1; still < 200; await turn()) {
          still = full && written > 0 && written === before ? still + 1 : 0;
          before = written;
        }
        assert.ok(written > 0 && written < 16 << 20, `${written} bytes left the backend for a reader that reads nothing`);
        const other = await ask(gateway, version, { "content-type": type }, framed, "/a.B/Echo");
        assert.deepEqual(other.body.subarray(0, framed.length), framed);
        leave();
      }
    }
  });
});
