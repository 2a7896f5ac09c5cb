import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, request } from "node:http";
import { connect, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { frameMessage } from "@tfs/rpc";
import { echo, type Serve, startBackend } from "@tfs/rpc/testing";
import { fakeClock } from "@tfs/std/testing";
import { exchange, freePort, grpcHeaders, type Started, startGateway, turn, untilReady } from "../testing/index.ts";

/** withGateway runs `use` with a gateway that has one ready backend. */
async function withGateway(use: (gateway: Started) => Promise<void>, serve: Serve = echo, config: Parameters<typeof startGateway>[1] = {}): Promise<void> {
  await using backend = await startBackend(serve);
  await using gateway = await startGateway([backend.address], config);
  await untilReady(gateway);
  await use(gateway);
}

test("health: alive always, ready only with a backend", async () => {
  const port = await freePort();
  const clock = fakeClock();
  await using gateway = await startGateway([`127.0.0.1:${port}`], {}, { clock });
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(gateway.url + path);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await get("/healthz"), [200, "ok\n"]);
  assert.deepEqual(await get("/readyz"), [503, "no model server is connected\n"]);
  assert.deepEqual(await get("/readyz?verbose"), [503, "no model server is connected\n"]);
  assert.deepEqual([...(await check(gateway.address)).body.subarray(5)], [8, 2]);
  await using _ = await startBackend(echo, { port });
  while ((await get("/readyz"))[0] !== 200) await clock.advance(200);
  assert.deepEqual([...(await check(gateway.address)).body.subarray(5)], [8, 1]);
});

const check = (address: string) => exchange(address, grpcHeaders("/grpc.health.v1.Health/Check"), frameMessage(new Uint8Array()));

const foreign: readonly { readonly name: string; readonly headers: Record<string, string>; readonly status: number; readonly says: RegExp }[] = [
  { name: "an image", headers: { "content-type": "image/jpeg" }, status: 415, says: /"image\/jpeg" is none of gRPC's, gRPC-Web's or Connect's/ },
  {
    name: "a codec nobody knows",
    headers: { "content-type": "application/foo", "connect-protocol-version": "1" },
    status: 415,
    says: /"application\/foo" is none/,
  },
  { name: "gRPC over HTTP/1.1", headers: { "content-type": "application/grpc" }, status: 415, says: /gRPC needs HTTP\/2/ },
];
for (const tc of foreign) {
  test(`protocol: ${tc.name} is answered with ${tc.status}`, () =>
    withGateway(async (gateway) => {
      const response = await fetch(`${gateway.url}/tensorflow.serving.PredictionService/Predict`, { method: "POST", headers: tc.headers, body: "x" });
      assert.equal(response.status, tc.status);
      assert.match(await response.text(), tc.says);
    }));
}
for (const type of ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"]) {
  test(`protocol: ${type} over HTTP/2 is forwarded`, () =>
    withGateway(async (gateway) =>
      assert.deepEqual((await exchange(gateway.address, grpcHeaders("/s/M", { "content-type": type }), frameMessage(Buffer.from("x")))).trailers, [
        "grpc-status",
        "0",
      ]),
    ));
}
test("protocol: a path that is no method is not found, whatever the content type", () =>
  withGateway(async (gateway) => {
    const response = await fetch(`${gateway.url}/a/b/c`, { method: "POST", headers: { "content-type": "image/jpeg" }, body: "x" });
    assert.deepEqual([response.status, response.headers.get("content-type")], [404, "text/html"]);
  }));

/** post sends a body over HTTP/1.1 and gives status and text; `write` sends it in its own way. */
function post(url: string, headers: OutgoingHttpHeaders, write: (req: ClientRequest) => void): Promise<[number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method: "POST", headers: headers as Record<string, string> }, (res) => {
      let text = "";
      res.on("data", (part: Buffer) => (text += part.toString()));
      res.on("end", () => {
        req.destroy();
        resolve([res.statusCode, text]);
      });
    });
    req.on("error", reject);
    write(req);
  });
}

const limit = 1000;
const tooLarge = JSON.stringify({ error: `the body is larger than ${limit} bytes` });
const bodies: readonly {
  readonly name: string;
  readonly headers: OutgoingHttpHeaders;
  readonly write: (req: ClientRequest) => void;
  readonly refused: boolean;
}[] = [
  { name: "as large as the limit is read", headers: { "content-length": limit }, write: (req) => req.end(Buffer.alloc(limit)), refused: false },
  { name: "one byte larger is refused", headers: { "content-length": limit + 1 }, write: (req) => req.end(Buffer.alloc(limit + 1)), refused: true },
  { name: "announced as larger is refused before it comes", headers: { "content-length": 1 << 30 }, write: (req) => req.flushHeaders(), refused: true },
  {
    name: "in chunks up to the limit is read",
    headers: {},
    write: (req) => {
      req.write(Buffer.alloc(limit - 1));
      req.end("x");
    },
    refused: false,
  },
  { name: "in chunks past the limit is refused", headers: {}, write: (req) => void req.write(Buffer.alloc(limit + 1)), refused: true },
];
for (const tc of bodies) {
  test(`body: one ${tc.name}`, () =>
    withGateway(
      async (gateway) => {
        const [status, text] = await post(`${gateway.url}/v1/models/m:predict`, tc.headers, tc.write);
        assert.equal(status, tc.refused ? 429 : 400, text);
        if (tc.refused) assert.deepEqual(JSON.parse(text), JSON.parse(tooLarge));
        else assert.match(text, /JSON Parse error/);
      },
      echo,
      { maxRequestBytes: limit },
    ));
}

test("body: all that are in memory at a time have a bound; one more is 429, and the next is served when there is room", () =>
  withGateway(
    async (gateway) => {
      const url = `${gateway.url}/v1/models/m:predict`;
      const open = request(url, { method: "POST" });
      open.write(Buffer.alloc(limit, " "));
      const refused = JSON.stringify({ error: `the bodies of requests in flight are larger than ${limit} bytes together` });
      let status: number | undefined;
      let text = "";
      // Until what was written has been read.
      while (status !== 429) [status, text] = await post(url, {}, (req) => req.end("  "));
      assert.deepEqual(JSON.parse(text), JSON.parse(refused));
      open.on("error", () => {});
      open.destroy();
      while (status === 429) [status, text] = await post(url, {}, (req) => req.end("  "));
      assert.deepEqual([status, JSON.parse(text)], [400, { error: "JSON Parse error: The document is empty. at offset: 2" }]);
    },
    echo,
    { maxRequestBytes: limit, maxHeldRequestBytes: limit },
  ));

test("rest: without a backend the answer is 503 and names no address", async () => {
  await using gateway = await startGateway(["127.0.0.1:1"]);
  const response = await fetch(`${gateway.url}/v1/models/m`);
  assert.deepEqual([response.status, await response.json()], [503, { error: "no model server is available" }]);
});

test("rest: a backend that does not answer in time is 504, in TensorFlow Serving's words, and is told to stop", async () => {
  const held: ServerHttp2Stream[] = [];
  await withGateway(
    async (gateway) => {
      const response = await fetch(`${gateway.url}/v1/models/m`);
      assert.deepEqual([response.status, await response.json()], [504, { error: "Timed out waiting for notification" }]);
      if (!held[0]!.closed) await once(held[0]!, "close");
      assert.equal(held[0]!.rstCode, 8);
    },
    (stream) => held.push(stream),
    { restTimeoutMs: 50 },
  );
});

for (const version of ["1.1", "2"]) {
  test(`rest: a client that goes away over HTTP/${version} cancels at the backend`, async () => {
    const held: ServerHttp2Stream[] = [];
    await withGateway(
      async (gateway) => {
        let leave: () => void;
        if (version === "2") {
          const session = connect(gateway.url);
          session.request({ ":path": "/v1/models/m" }).on("error", () => {});
          leave = () => session.destroy();
        } else {
          const req = request(`${gateway.url}/v1/models/m`).on("error", () => {});
          req.end();
          leave = () => req.destroy();
        }
        while (held.length === 0) await turn();
        const closed = once(held[0]!, "close");
        leave();
        await closed;
        assert.equal(held[0]!.rstCode, 8);
      },
      (stream) => held.push(stream),
    );
  });
}

test("rest: an answer of the backend that is no message is 500 and says so", () =>
  withGateway(
    async (gateway) => {
      const response = await fetch(`${gateway.url}/v1/models/m`);
      assert.equal(response.status, 500);
      assert.match(((await response.json()) as { error: string }).error, /^the model server's answer is no GetModelStatusResponse: /);
    },
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(frameMessage(Uint8Array.of(0x0f, 0xff, 0xff)));
    },
  ));

test("drain: while it drains the gateway is not ready, and answers what came before", async () => {
  const held: ServerHttp2Stream[] = [];
  await withGateway(
    async (gateway) => {
      const session = connect(gateway.url);
      const call = session.request(grpcHeaders("/s/M"));
      call.end(frameMessage(Buffer.from("x")));
      while (held.length === 0) await turn();
      const drained = gateway.gateway.drain(60_000);
      await once(session, "goaway");
      await assert.rejects(fetch(`${gateway.url}/healthz`));
      echo(held[0]!);
      assert.equal(Buffer.compare(Buffer.concat((await call.toArray()) as Buffer[]), frameMessage(Buffer.from("x"))), 0);
      await drained;
    },
    (stream) => held.push(stream),
  );
});
