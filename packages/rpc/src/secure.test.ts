import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connect2 } from "node:http2";
import { type RequestOptions, request as request1 } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { test } from "node:test";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { background, type Clock, Code, discard, isFailure, systemClock } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { ignoreBody } from "./exchange.ts";
import { type Exchange, fieldsOf, type Listener, type ListenerLimits, newListener, newServerTls, type ServerTls, type ServerTlsOptions } from "./index.ts";
import { alternativeNames } from "./peer.ts";
import { certificate, clientPreface, encodeFrame, encodeHeaders, frameFlag, frameType, newFrameReader, serveBody } from "./testing/index.ts";

const ca = certificate("ca").cert;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Setup {
  readonly clock?: Clock;
  readonly limits?: Partial<ListenerLimits>;
  readonly tls?: Partial<ServerTlsOptions>;
  readonly onExchange?: (exchange: Exchange) => void;
}

interface Served {
  readonly port: number;
  readonly listener: Listener;
  readonly tls: ServerTls;
}

/** serve starts a TLS listener that answers with the protocol, the scheme, and the body it got; it is closed when the test function ends. */
async function serve(setup: Setup, use: (served: Served) => Promise<void>): Promise<void> {
  const tls = newServerTls({ ...certificate("server"), ...setup.tls });
  const listener = newListener({
    clock: setup.clock ?? systemClock(),
    logger: discard(),
    tls,
    limits: setup.limits ?? {},
    onExchange: setup.onExchange ?? say,
  });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  try {
    await use({ port: address.port, listener, tls });
  } finally {
    await listener.close();
  }
}

function say(exchange: Exchange): void {
  const { fields, peer, wire } = exchange;
  const head = `${wire} ${fields.get(":scheme")} ${peer.encrypted} ${peer.address} `;
  serveBody(exchange, (body) => Buffer.concat([Buffer.from(head), body]));
}

function echo(exchange: Exchange): void {
  serveBody(exchange, (body) => Uint8Array.from(body));
}

/** dialled is a client's connection after its handshake. */
async function dialled(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ port, host: "127.0.0.1", ca, ...options });
  await once(socket, "secureConnect");
  socket.on("error", () => {}); // a cut connection is what tests are about
  return socket;
}

/** ended gives all that a peer sends until it closes. */
async function ended(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  await gone(socket);
  return Buffer.concat(parts);
}

/** gone resolves when a connection is closed, by whatever error. */
function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.on("close", () => resolve());
  });
}

/** get1 asks over HTTP/1.1. */
function get1(port: number, options: RequestOptions, body = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request1({ port, host: "127.0.0.1", method: "POST", ca, agent: false, ...options }, (res) => {
      let text = "";
      res.on("data", (part: Buffer) => (text += part.toString("latin1")));
      res.on("end", () => resolve(text));
      res.on("error", reject);
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** get2 asks over HTTP/2, on a connection of its own. */
function get2(port: number, options: ConnectionOptions = {}, body: Uint8Array = new Uint8Array()): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const session = connect2(`https://127.0.0.1:${port}`, { ca, ...options });
    session.on("error", reject);
    const stream = session.request({ ":path": "/", ":method": "POST" });
    const parts: Buffer[] = [];
    let answered = false;
    stream.on("response", () => (answered = true));
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => {
      session.destroy();
      if (answered) resolve(Buffer.concat(parts));
      else reject(new Error("no answer"));
    });
    stream.on("error", reject);
    stream.end(body);
  });
}

const http1 = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const http2 = Buffer.concat([
  Buffer.from(clientPreface),
  encodeFrame(frameType.settings, 0, 0),
  encodeFrame(
    frameType.headers,
    frameFlag.endHeaders | frameFlag.endStream,
    1,
    encodeHeaders({ ":method": "GET", ":scheme": "https", ":path": "/", ":authority": "h" }),
  ),
]);

const answer1 = /^HTTP\/1\.1 200 [\s\S]*http1 https true 127\.0\.0\.1 $/;
const answer2 = /http2 https true 127\.0\.0\.1 /;
const alpn: readonly {
  readonly name: string;
  readonly offer?: readonly string[];
  readonly says: string | Buffer;
  readonly agreed: string | false;
  readonly want: RegExp;
}[] = [
  { name: "nothing agreed on, HTTP/2 bytes: the preface tells", says: http2, agreed: false, want: answer2 },
  { name: "nothing agreed on, HTTP/1.1 bytes: the preface tells", says: http1, agreed: false, want: answer1 },
  { name: "h2", offer: ["h2"], says: http2, agreed: "h2", want: answer2 },
  { name: "http/1.1", offer: ["http/1.1"], says: http1, agreed: "http/1.1", want: answer1 },
  { name: "both, h2 first", offer: ["h2", "http/1.1"], says: http2, agreed: "h2", want: answer2 },
  { name: "both, http/1.1 first: ours is the choice", offer: ["http/1.1", "h2"], says: http2, agreed: "h2", want: answer2 },
  { name: "one that we do not know beside one that we know", offer: ["spdy/3", "http/1.1"], says: http1, agreed: "http/1.1", want: answer1 },
  // A GOAWAY frame with PROTOCOL_ERROR ends the connection.
  { name: "h2, then HTTP/1.1 bytes", offer: ["h2"], says: http1, agreed: "h2", want: /\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01$/ },
  { name: "http/1.1, then HTTP/2 bytes", offer: ["http/1.1"], says: http2, agreed: "http/1.1", want: /^HTTP\/1\.1 (400|505) / },
  { name: "h2, then garbage", offer: ["h2"], says: Buffer.alloc(64, 0xff), agreed: "h2", want: /\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01$/ },
];
for (const tc of alpn) {
  test(`alpn: ${tc.name}`, () =>
    serve({}, async ({ port }) => {
      const socket = await dialled(port, tc.offer === undefined ? {} : { ALPNProtocols: [...tc.offer] });
      assert.equal(socket.alpnProtocol, tc.agreed);
      let heard = "";
      const seen = new Promise<void>((resolve) => {
        socket.on("data", (part: Buffer) => tc.want.test((heard += part.toString("latin1"))) && resolve());
        socket.on("close", resolve);
      });
      socket.write(tc.says);
      await seen;
      assert.match(heard, tc.want);
      if (tc.want !== answer2) await gone(socket);
      socket.destroy();
    }));
}

test("alpn: only protocols that we do not know end the handshake with the alert for it", () =>
  serve({}, async ({ port, listener }) => {
    await assert.rejects(dialled(port, { ALPNProtocols: ["spdy/3", "http/1.0"] }), /no application protocol/);
    while (listener.connections > 0) await turn();
  }));

test("tls: node's HTTP/1.1 and HTTP/2 clients are served on one port", () =>
  serve({}, async ({ port }) => {
    assert.equal(await get1(port, {}, "one"), "http1 https true 127.0.0.1 one");
    assert.equal(String(await get2(port, {}, Buffer.from("two"))), "http2 https true 127.0.0.1 two");
  }));

test("tls: bodies of many records pass unharmed both ways, on both protocols", () =>
  serve({ onExchange: echo }, async ({ port }) => {
    const body = Buffer.alloc(3_000_000, "a pattern that no record is a multiple of ");
    const [over2, again2] = await Promise.all([get2(port, {}, body), get2(port, {}, body)]);
    assert.ok(over2.equals(body) && again2.equals(body));
    const text = "0123456789abc".repeat(23_000);
    assert.equal(await get1(port, {}, text), text);
  }));

test("tls: what clients send comes in a buffer that their connection keeps, as over plaintext", async () => {
  const buffers = new Set<Buffer>();
  const onExchange = (exchange: Exchange): void => {
    serveBody(exchange, (body) => body);
    const { handler } = exchange;
    exchange.handler = {
      onEnd: (trailers) => handler.onEnd(trailers),
      onReset: (code) => handler.onReset(code),
      onDrain: () => handler.onDrain(),
      onData(buffer, start, end, last, inPlace) {
        buffers.add(buffer);
        handler.onData(buffer, start, end, last, inPlace);
      },
    };
  };
  await serve({ onExchange }, async ({ port }) => {
    const socket = await dialled(port, { ALPNProtocols: ["http/1.1"] });
    for (let i = 0; i < 3; i++) {
      socket.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
      await once(socket, "data");
    }
    assert.equal(buffers.size, 1);
    socket.destroy();
  });
});

test("tls: grpc-js calls over TLS", () =>
  serve({ onExchange: echo }, async ({ port }) => {
    const client = new grpc.Client(`localhost:${port}`, grpc.credentials.createSsl(ca));
    const same = (bytes: Buffer): Buffer => bytes;
    const got = await new Promise<Buffer | undefined>((resolve, reject) =>
      client.makeUnaryRequest("/s/M", same, same, Buffer.from("hello"), (err, value) => (err === null ? resolve(value) : reject(err))),
    );
    assert.equal(String(got), "hello");
    client.close();
  }));

for (const [version, want] of [
  ["TLSv1.1", undefined],
  ["TLSv1.2", "TLSv1.2"],
  ["TLSv1.3", "TLSv1.3"],
] as const) {
  test(`tls: a client of ${version} is ${want === undefined ? "refused" : "served"}`, () =>
    serve({}, async ({ port }) => {
      const dialling = dialled(port, { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" });
      if (want === undefined) return void (await assert.rejects(dialling));
      const socket = await dialling;
      assert.equal(socket.getProtocol(), want);
      socket.destroy();
    }));
}
test("tls: minVersion 1.3 refuses TLS 1.2", () =>
  serve({ tls: { minVersion: "TLSv1.3" } }, async ({ port }) => {
    await assert.rejects(dialled(port, { maxVersion: "TLSv1.2" }), /alert protocol version/);
  }));
test("tls: a suite that HTTP/2 forbids is not spoken", () =>
  serve({}, async ({ port }) => {
    await assert.rejects(dialled(port, { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" }), /alert handshake failure/);
  }));

const certificates = {
  subject: "O=tfs,CN=client",
  names: ["DNS:client.test", "URI:spiffe://test/client"],
};
const mutual: readonly {
  readonly name: string;
  readonly clientCerts: "none" | "request" | "require";
  readonly shows: "client" | "stranger" | undefined;
  readonly want: "served" | "named" | "refused";
}[] = [
  { name: "none asked, one there: it is not sent", clientCerts: "none", shows: "client", want: "served" },
  { name: "requested, and none shown", clientCerts: "request", shows: undefined, want: "served" },
  { name: "requested, and shown", clientCerts: "request", shows: "client", want: "named" },
  { name: "requested, and one of a stranger shown", clientCerts: "request", shows: "stranger", want: "refused" },
  { name: "required, and none shown", clientCerts: "require", shows: undefined, want: "refused" },
  { name: "required, and shown", clientCerts: "require", shows: "client", want: "named" },
  { name: "required, and one of a stranger shown", clientCerts: "require", shows: "stranger", want: "refused" },
];
for (const tc of mutual) {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`client certificates over ${maxVersion}: ${tc.name}`, async () => {
      const peers: Exchange["peer"][] = [];
      const onExchange = (exchange: Exchange): void => {
        peers.push(exchange.peer);
        say(exchange);
      };
      await serve({ tls: { clientCa: ca, clientCerts: tc.clientCerts }, onExchange }, async ({ port, listener }) => {
        const own = { ...(tc.shows === undefined ? {} : certificate(tc.shows)), maxVersion };
        const calls = [get1(port, own), get2(port, { ...own, ALPNProtocols: ["h2"] })];
        if (tc.want === "refused") {
          for (const call of calls) await assert.rejects(call);
          assert.equal(peers.length, 0);
        } else {
          await Promise.all(calls);
          assert.equal(peers.length, 2);
          for (const { certificate: shown } of peers) {
            if (tc.want === "served") assert.equal(shown, undefined);
            else {
              assert.match(shown?.fingerprint ?? "", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
              assert.deepEqual({ subject: shown?.subject, names: shown?.names }, certificates);
            }
          }
        }
        while (listener.connections > 0) await turn();
      });
    });
  }
}

const nameLines = [
  { line: "", want: [] },
  { line: "DNS:a.test, IP Address:127.0.0.1", want: ["DNS:a.test", "IP Address:127.0.0.1"] },
  { line: "URI:spiffe://x/y, DNS:b", want: ["URI:spiffe://x/y", "DNS:b"] },
  { line: 'DNS:"a, DNS:admin.test", DNS:b', want: ["DNS:a, DNS:admin.test", "DNS:b"] },
  { line: 'URI:"http://x/\\"y\\", DNS:z"', want: ['URI:http://x/"y", DNS:z'] },
];
for (const tc of nameLines) test(`alternative names: ${tc.line || "none"}`, () => assert.deepEqual(alternativeNames(tc.line), tc.want));

const { cert, key } = certificate("server");
const faults: readonly { readonly name: string; readonly options: ServerTlsOptions; readonly want: string }[] = [
  { name: "a certificate that is none", options: { cert: "garbage", key }, want: "certificate: not a PEM certificate" },
  { name: "an empty certificate", options: { cert: "", key }, want: "certificate: not a PEM certificate" },
  { name: "a key that is none", options: { cert, key: "garbage" }, want: "key: not a PEM private key without passphrase" },
  { name: "an empty key", options: { cert, key: "" }, want: "key: not a PEM private key without passphrase" },
  { name: "another certificate's key", options: { cert, key: certificate("renewed").key }, want: "certificate and key do not belong together" },
  { name: "authorities that are none", options: { cert, key, clientCa: "garbage" }, want: "client authorities: not a PEM certificate" },
  {
    name: "client certificates without authorities",
    options: { cert, key, clientCerts: "request" },
    want: "client certificates need authorities that sign them",
  },
];
for (const tc of faults) {
  const saysWhy = (err: unknown): boolean => isFailure(err) && err.code === Code.InvalidArgument && err.message === tc.want;
  test(`newServerTls: ${tc.name} is refused`, () => assert.throws(() => newServerTls(tc.options), saysWhy));
  if (tc.options.clientCerts !== undefined) continue;
  test(`reload: ${tc.name} is refused, and the old pair goes on`, () =>
    serve({}, async ({ port, tls }) => {
      assert.throws(() => tls.reload(tc.options), saysWhy);
      const socket = await dialled(port);
      assert.equal(socket.getPeerCertificate().subject.CN, "server");
      socket.destroy();
    }));
}

test("reload: new connections get the new pair, those that are there go on", () =>
  serve({}, async ({ port, tls }) => {
    const before = await dialled(port, { ALPNProtocols: ["h2"] });
    tls.reload(certificate("renewed"));
    const after = await dialled(port);
    assert.deepEqual(
      [before, after].map((socket) => socket.getPeerCertificate().subject.CN),
      ["server", "renewed"],
    );
    before.write(http2);
    while (!String(await once(before, "data")).includes("http2 https")) {}
    before.destroy();
    after.destroy();
  }));

test("reload: authorities are exchanged too: a resumed session does not get round that", () =>
  serve({ tls: { clientCa: ca } }, async ({ port, tls }) => {
    const own = { ...certificate("client"), maxVersion: "TLSv1.2" as const };
    const first = await dialled(port, own);
    const session = first.getSession();
    first.destroy();
    tls.reload({ ...certificate("server"), clientCa: certificate("stranger-ca").cert });
    await assert.rejects(get1(port, { ...own, ...(session === undefined ? {} : { session }) }));
    assert.match(await get1(port, certificate("stranger")), /^http1/);
  }));

test("reload: not one call is lost while the pair changes under load", () =>
  serve({}, async ({ port, tls }) => {
    let changes = 0;
    let over = false;
    const changing = (async () => {
      while (!over) {
        tls.reload(certificate(changes++ % 2 === 0 ? "renewed" : "server"));
        await turn();
      }
    })();
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 10; i++) assert.match(String(await get2(port, {}, Buffer.from("x"))), /^http2 https true 127\.0\.0\.1 x$/);
      }),
    ).finally(() => (over = true));
    await changing;
    assert.equal(answers.length, 8);
    assert.ok(changes > 10, `${changes} changes`);
  }));

const slow: readonly { readonly name: string; readonly says: readonly number[] }[] = [
  { name: "nothing", says: [] },
  { name: "half of a hello", says: [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc] },
];
for (const tc of slow) {
  test(`handshake: a client that says ${tc.name} is cut when its time is up, counts until then, and leaves no timer`, async () => {
    const clock = fakeClock();
    await serve({ clock, limits: { handshakeMs: 500, connections: 1 } }, async ({ port, listener }) => {
      const idle = clock.pending;
      const socket = connectTcp(port, "127.0.0.1");
      socket.write(Uint8Array.from(tc.says));
      while (listener.connections < 1) await turn();
      const surplus = connectTcp(port, "127.0.0.1");
      surplus.on("error", () => {});
      await gone(surplus);
      await clock.advance(499);
      assert.equal(listener.connections, 1);
      const closed = gone(socket);
      await clock.advance(1);
      await closed;
      while (listener.connections > 0) await turn();
      assert.equal(clock.pending, idle);
    });
  });
}

test("handshake: who stays silent after it is cut when the time for the first bytes is up", async () => {
  const clock = fakeClock();
  await serve({ clock, limits: { firstBytesMs: 500 } }, async ({ port, listener }) => {
    const maxVersion = "TLSv1.2"; // of which the server has the last word
    const sockets = await Promise.all([["h2"], ["http/1.1"], []].map((ALPNProtocols) => dialled(port, { maxVersion, ALPNProtocols })));
    await clock.advance(499);
    assert.equal(listener.connections, 3);
    const closed = sockets.map(ended);
    await clock.advance(1);
    await Promise.all(closed);
  });
});

const noise: readonly { readonly name: string; readonly bytes: Uint8Array | string }[] = [
  { name: "plain HTTP/1.1", bytes: http1 },
  { name: "plain HTTP/2", bytes: http2 },
  { name: "noise", bytes: Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff) },
  { name: "a record longer than any", bytes: Buffer.concat([Buffer.of(0x16, 3, 1, 0xff, 0xff), Buffer.alloc(70_000)]) },
  { name: "an alert", bytes: Uint8Array.of(0x15, 3, 1, 0, 2, 2, 40) },
];
for (const tc of noise) {
  test(`handshake: ${tc.name} instead of a hello is closed at once, and nothing of it is left`, async () => {
    const clock = fakeClock();
    await serve({ clock }, async ({ port, listener }) => {
      const idle = clock.pending;
      const socket = connectTcp(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(tc.bytes);
      assert.doesNotMatch((await ended(socket)).toString("latin1"), /HTTP/);
      while (listener.connections > 0) await turn();
      assert.equal(clock.pending, idle);
    });
  });
}

test("handshake: a client that leaves in the middle leaves nothing behind", async () => {
  const clock = fakeClock();
  await serve({ clock }, async ({ port, listener }) => {
    const idle = clock.pending;
    const sockets = Array.from({ length: 20 }, () => connectTcp(port, "127.0.0.1"));
    for (const socket of sockets) socket.write(Uint8Array.from(slow[1]!.says));
    while (listener.connections < sockets.length) await turn();
    for (const socket of sockets) socket.destroy();
    while (listener.connections > 0) await turn();
    assert.equal(clock.pending, idle);
  });
});

test("handshake: the same limits and refusals hold for a record after it: garbage ends the connection", () =>
  serve({ onExchange: (exchange) => ignoreBody(exchange) }, async ({ port, listener }) => {
    const raw = connectTcp(port, "127.0.0.1");
    const socket = connectTls({ socket: raw, ca, servername: "localhost", ALPNProtocols: ["h2"] });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    socket.write(http2);
    await once(socket, "data");
    raw.write(Buffer.alloc(64, 0xff));
    await gone(socket);
    while (listener.connections > 0) await turn();
  }));

test("drain: connections in the middle of a handshake are closed, calls in flight get their answer", async () => {
  const held: Exchange[] = [];
  await serve({ onExchange: (exchange) => void held.push(exchange) }, async ({ port, listener }) => {
    const half = connectTcp(port, "127.0.0.1");
    half.on("error", () => {});
    const socket = await dialled(port, { ALPNProtocols: ["h2"] });
    socket.write(http2);
    while (held.length === 0 || listener.connections < 2) await turn();
    const drained = listener.drain(60_000);
    await ended(half);
    const read = newFrameReader();
    const rest = (async () => {
      const frames = [];
      for await (const part of socket) {
        for (const frame of read(part as Buffer)) {
          frames.push(frame.type);
          // An answer to our PING is what a second GOAWAY waits for.
          if (frame.type === frameType.ping) socket.write(encodeFrame(frameType.ping, frameFlag.ack, 0, frame.payload));
        }
      }
      return frames;
    })();
    held[0]!.respond(fieldsOf([":status", "200"]));
    held[0]!.write(Buffer.from("late"));
    held[0]!.end();
    assert.ok((await rest).includes(frameType.data));
    await drained;
  });
});
