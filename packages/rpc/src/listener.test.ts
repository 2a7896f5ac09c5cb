import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as request1 } from "node:http";
import { type ClientHttp2Session, connect as connect2 } from "node:http2";
import { createServer, connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { background, type Clock, Code, codeOf, discard, systemClock } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { ignoreBody } from "./exchange.ts";
import { type Exchange, fieldsOf, formatAddress, type Listener, type ListenerLimits, newChannel, newListener } from "./index.ts";
import { clientPreface, encodeFrame, encodeHeaders, frameFlag, frameType, type Raw, rawClient, serveBody, uint32 } from "./testing/index.ts";

interface Setup {
  readonly clock?: Clock;
  readonly limits?: Partial<ListenerLimits>;
  readonly onExchange?: (exchange: Exchange) => void;
}

/** serve starts a listener that answers with the protocol and the body it got; it is closed when the test function ends. */
async function serve(setup: Setup, use: (port: number, listener: Listener) => Promise<void>): Promise<void> {
  const listener = newListener({
    clock: setup.clock ?? systemClock(),
    logger: discard(),
    ...(setup.limits === undefined ? {} : { limits: setup.limits }),
    onExchange:
      setup.onExchange ??
      ((exchange) => {
        const version = exchange.wire === "http2" ? "2.0" : "1.1";
        serveBody(exchange, (body) => Buffer.from(`${version} ${exchange.fields.get(":path")} ${Buffer.from(body).toString("latin1")}`, "latin1"));
      }),
  });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  try {
    await use(address.port, listener);
  } finally {
    await listener.close();
  }
}

/** exchange writes the pieces, each in a turn of its own, and gives back all that came until the peer closed. */
async function exchange(port: number, pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.setNoDelay(true);
  const received: Buffer[] = [];
  socket.on("data", (part: Buffer) => received.push(part));
  socket.on("error", () => {});
  await once(socket, "connect");
  const closed = once(socket, "close");
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, () => setImmediate(resolve)));
  await closed;
  return Buffer.concat(received).toString("latin1");
}

function get2(session: ClientHttp2Session, path: string, body?: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path, ":method": body === undefined ? "GET" : "POST" });
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => resolve(Buffer.concat(parts).toString("latin1")));
    stream.on("error", reject);
    stream.end(body);
  });
}

const post1 = (body: string): string => `POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

test("listener: one port answers both protocols", () =>
  serve({}, async (port) => {
    const session = connect2(`http://127.0.0.1:${port}`);
    assert.equal(await get2(session, "/two"), "2.0 /two ");
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/one`)).text(), "1.1 /one ");
    session.destroy();
  }));

test("listener: who writes over HTTP/2 what leaves at once is told of no room: he would say the next thing in the midst of this one", async () => {
  let drains = 0;
  const wrote: boolean[] = [];
  const onExchange = (asked: Exchange): void => {
    ignoreBody(asked);
    asked.handler = { ...asked.handler, onDrain: () => drains++ };
    asked.respond(fieldsOf([":status", "200"]));
    for (const size of [1, 20_000]) wrote.push(asked.write(Buffer.alloc(size, "x")));
    asked.end();
  };
  await serve({ onExchange }, async (port) => {
    const session = connect2(`http://127.0.0.1:${port}`);
    assert.equal((await get2(session, "/")).length, 20_001);
    session.destroy();
  });
  assert.deepEqual([wrote, drains], [[true, true], 0]);
});

test("listener: an HTTP/1.1 request may come byte by byte", () =>
  serve({}, async (port) => assert.match(await exchange(port, [...post1("body")]), /^HTTP\/1\.1 200 [\s\S]*1\.1 \/a body$/)));

test("listener: a method that begins like the HTTP/2 preface is HTTP/1.1", () =>
  serve({}, async (port) => assert.match(await exchange(port, ["PR", "OPFIND /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]), /^HTTP\/1\.1 200 /)));

test("listener: an HTTP/2 connection may come byte by byte", () =>
  serve({}, async (port) => {
    const socket = connectTcp(port, "127.0.0.1");
    socket.setNoDelay(true);
    const hello = Buffer.concat([Buffer.from(clientPreface), encodeFrame(frameType.settings, 0, 0), requestFrame(1, "/bytes")]);
    const received = new Promise<void>((resolve) => socket.on("data", (part: Buffer) => part.includes("2.0 /bytes") && resolve()));
    for (const byte of hello) await new Promise((resolve) => socket.write(Buffer.of(byte), () => setImmediate(resolve)));
    await received;
    socket.destroy();
  }));

function requestFrame(stream: number, path: string, flags: number = frameFlag.endHeaders | frameFlag.endStream, more: Record<string, string> = {}): Buffer {
  return encodeFrame(frameType.headers, flags, stream, encodeHeaders({ ":method": "POST", ":scheme": "http", ":path": path, ":authority": "h", ...more }));
}

for (let cut = 1; cut < clientPreface.length; cut += 5) {
  test(`listener: a preface cut after ${cut} bytes is put together again`, () =>
    serve({}, async (port) => {
      const socket = connectTcp(port, "127.0.0.1");
      socket.write(clientPreface.slice(0, cut));
      await once(socket, "connect");
      await new Promise((resolve) => setImmediate(resolve));
      const received = new Promise<void>((resolve) => socket.on("data", (part: Buffer) => part.includes("2.0 /cut") && resolve()));
      socket.write(Buffer.concat([Buffer.from(clientPreface.slice(cut)), encodeFrame(frameType.settings, 0, 0), requestFrame(1, "/cut")]));
      await received;
      socket.destroy();
    }));
}

const garbage: readonly { readonly name: string; readonly bytes: Uint8Array | string }[] = [
  { name: "noise", bytes: Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff) },
  { name: "a TLS hello", bytes: Uint8Array.of(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0) },
  { name: "a preface with one byte wrong", bytes: Buffer.from(clientPreface.replace("SM", "SN")) },
  { name: "both lengths of a body at once", bytes: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  { name: "two different content lengths", bytes: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" },
  { name: "a bare line feed in the headers", bytes: "GET / HTTP/1.1\nHost: h\n\n" },
  { name: "no host", bytes: "GET / HTTP/1.1\r\n\r\n" },
];
for (const tc of garbage) {
  test(`listener: ${tc.name} is answered with 400 and closed`, () =>
    serve({}, async (port) => assert.match(await exchange(port, [tc.bytes]), /^HTTP\/1\.1 400 /)));
}

test("listener: a preface followed by garbage closes the connection", () =>
  serve({}, async (port) => {
    const peer = rawClient(port);
    peer.send(Buffer.alloc(64, 0xff));
    await peer.closed;
  }));

test("listener: a silent connection is closed when its time is up, and leaves no timer", async () => {
  const clock = fakeClock();
  await serve({ clock, limits: { firstBytesMs: 500 } }, async (port, listener) => {
    const idle = clock.pending;
    const socket = await connected(port, listener, 1);
    await clock.advance(499);
    assert.equal(listener.connections, 1);
    const closed = once(socket, "close");
    await clock.advance(1);
    await closed;
    assert.equal(clock.pending, idle);
  });
});

test("listener: a connection that ends before it has shown its protocol is closed, and leaves no timer", async () => {
  const clock = fakeClock();
  await serve({ clock }, async (port, listener) => {
    const idle = clock.pending;
    const socket = await connected(port, listener, 1);
    const closed = once(socket, "close");
    socket.end("PRI * ");
    await closed;
    assert.equal(clock.pending, idle);
  });
});

/** connected resolves when the listener has taken the connection in. */
async function connected(port: number, listener: Listener, count: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  while (listener.connections < count) await new Promise((resolve) => setImmediate(resolve));
  return socket;
}

test("listener: as many connections as the limit are served, one more is closed", () =>
  serve({ limits: { connections: 2 } }, async (port, listener) => {
    await connected(port, listener, 1);
    await connected(port, listener, 2);
    const third = connectTcp(port, "127.0.0.1");
    third.on("error", () => {});
    await once(third, "close");
    assert.equal(listener.connections, 2);
  }));

test("listener: HTTP/1.1 headers up to the limit are taken, past it the answer is 431", () =>
  serve({ limits: { headerBytes: 1000 } }, async (port) => {
    const head = (n: number): string => `GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: ${"x".repeat(n)}\r\n\r\n`;
    assert.match(await exchange(port, [head(900)]), /^HTTP\/1\.1 200 /);
    assert.match(await exchange(port, [head(1100)]), /^HTTP\/1\.1 431 /);
  }));

test("listener: HTTP/2 headers up to the limit are taken, past it the stream is reset and the next one works", () =>
  serve({ limits: { headerBytes: 1000 } }, async (port) => {
    const peer = rawClient(port);
    const fill = (n: number): Record<string, string> => Object.fromEntries(Array.from({ length: n }, (_, i) => [`x-${i}`, "x".repeat(160)]));
    await peer.until((f) => f.type === frameType.settings && f.flags === frameFlag.ack);
    peer.send(requestFrame(1, "/", undefined, fill(4)), requestFrame(3, "/", undefined, fill(8)), requestFrame(5, "/", undefined, fill(1)));
    assert.equal((await peer.until((f) => f.stream === 1)).type, frameType.headers);
    assert.equal((await peer.until((f) => f.stream === 3)).type, frameType.rstStream);
    assert.equal((await peer.until((f) => f.stream === 5)).type, frameType.headers);
    peer.socket.destroy();
  }));

test("listener: a client that heeds the stream limit gets all its streams served, never more than that at once", async () => {
  let [open, peak] = [0, 0];
  const onExchange = (exchange: Exchange): void => {
    peak = Math.max(peak, ++open);
    exchange.handler = {
      onData: (_buffer, start, end) => exchange.consumed(end - start),
      onEnd: () =>
        void setImmediate(() => {
          open--;
          exchange.respond(fieldsOf([":status", "200"]));
          exchange.write(Buffer.from("x"));
          exchange.end();
        }),
      onReset() {},
      onDrain() {},
    };
  };
  await serve({ limits: { streams: 2 }, onExchange }, async (port) => {
    const session = connect2(`http://127.0.0.1:${port}`);
    await once(session, "remoteSettings");
    assert.deepEqual(await Promise.all(["/1", "/2", "/3", "/4", "/5"].map((path) => get2(session, path))), ["x", "x", "x", "x", "x"]);
    assert.equal(peak, 2);
    session.destroy();
  });
});

test("listener: a client that ignores the stream limit has its surplus refused, and the rest served", () =>
  serve({ limits: { streams: 2 }, onExchange: (exchange) => ignoreBody(exchange) }, async (port) => {
    const peer = rawClient(port);
    await peer.until((f) => f.type === frameType.settings && f.flags === frameFlag.ack);
    peer.send(...[1, 3, 5].map((id) => requestFrame(id, "/", frameFlag.endHeaders)));
    const reset = await peer.until((f) => f.type === frameType.rstStream);
    assert.deepEqual([reset.stream, reset.payload.readUInt32BE()], [5, 7]);
    await pong(peer);
    assert.equal(peer.frames.filter((f) => f.type === frameType.rstStream).length, 1);
    peer.socket.destroy();
  }));

test("listener: request headers that come too slowly over HTTP/1.1 are answered with 408", () =>
  serve({ limits: { headerMs: 20 } }, async (port) => assert.match(await exchange(port, ["GET / HTTP/1.1\r\nHost: h\r\n"]), /^HTTP\/1\.1 408 /)));

test("listener: a body that comes too slowly over HTTP/1.1 is cut off", () =>
  serve({ limits: { headerMs: 20, requestMs: 20 } }, async (port) =>
    assert.match(await exchange(port, ["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"]), /^HTTP\/1\.1 408 /),
  ));

test("listener: an HTTP/2 connection without streams gets GOAWAY after its idle time, one with a stream does not", async () => {
  const clock = fakeClock();
  const streams: Exchange[] = [];
  await serve({ clock, limits: { idleMs: 1000 }, onExchange: (stream) => void streams.push(stream) }, async (port) => {
    const [idle, busy] = [rawClient(port), rawClient(port)];
    busy.send(requestFrame(1, "/"));
    for (const peer of [idle, busy]) await peer.until((f) => f.type === frameType.settings && f.flags === frameFlag.ack);
    while (streams.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1500);
    assert.equal((await idle.until((f) => f.type === frameType.goaway)).payload.readUInt32BE(4), 0);
    await idle.closed;
    streams[0]!.respond(fieldsOf([":status", "204"]), true);
    await busy.until((f) => f.type === frameType.headers);
    assert.equal(
      busy.frames.some((f) => f.type === frameType.goaway),
      false,
    );
    busy.socket.destroy();
  });
});

const floods = [
  {
    name: "streams opened and reset at once",
    frames: (id: number) => [requestFrame(id, "/", frameFlag.endHeaders), encodeFrame(frameType.rstStream, 0, id, uint32(8))],
  },
  {
    name: "streams that we must reset (a window update of zero)",
    frames: (id: number) => [requestFrame(id, "/", frameFlag.endHeaders), encodeFrame(frameType.windowUpdate, 0, id, uint32(0))],
  },
];
for (const tc of floods) {
  test(`listener: ${tc.name} cut the connection after the burst, and another client is served`, async () => {
    let started = 0;
    await serve(
      { clock: fakeClock(), limits: { resetBurst: 50, resetsPerSecond: 1 }, onExchange: (exchange) => void (++started && ignoreBody(exchange)) },
      async (port, listener) => {
        const peer = rawClient(port);
        for (let i = 0; i < 1000; i++) peer.send(...tc.frames(2 * i + 1));
        await peer.closed;
        assert.ok(started <= 400, `${started} streams reached the handler`);
        while (listener.connections > 0) await new Promise((resolve) => setImmediate(resolve));
        const other = rawClient(port);
        await other.until((f) => f.type === frameType.settings && f.flags === frameFlag.ack);
        other.socket.destroy();
      },
    );
  });
}

test("listener: as many resets as the burst are forgiven", () =>
  serve({ clock: fakeClock(), limits: { resetBurst: 50 }, onExchange: (exchange) => ignoreBody(exchange) }, async (port) => {
    const peer = rawClient(port);
    for (let i = 0; i < 50; i++) peer.send(...floods[0]!.frames(2 * i + 1));
    await pong(peer);
    peer.socket.destroy();
  }));

/** pong proves that the other side has dealt with everything sent so far. */
async function pong(peer: Raw): Promise<void> {
  peer.send(encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8, 7)));
  await peer.until((f) => f.type === frameType.ping && f.flags === frameFlag.ack);
}

for (const version of ["1.1", "2.0"]) {
  test(`listener: 8 MiB go in and come out whole over HTTP/${version}`, () =>
    serve({ onExchange: (exchange) => serveBody(exchange, (body) => body) }, async (port) => {
      const body = Buffer.from(Uint8Array.from({ length: 8 << 20 }, (_, i) => (i * 31 + (i >> 11)) & 0xff));
      let back: Buffer;
      if (version === "1.1") back = Buffer.from(await (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body })).arrayBuffer());
      else {
        const session = connect2(`http://127.0.0.1:${port}`);
        back = Buffer.from(await get2(session, "/", body), "latin1");
        session.destroy();
      }
      assert.equal(Buffer.compare(back, body), 0);
    }));
}

for (const kind of ["port", "unix socket"]) {
  test(`listener: over a ${kind}, channel and listener with much under way in both directions do not wait for each other`, async () => {
    const dir = mkdtempSync(join(tmpdir(), "tfs-rpc-"));
    const listener = newListener({ clock: systemClock(), logger: discard(), onExchange: (exchange) => serveBody(exchange, (body) => body) });
    try {
      const address = formatAddress(await listener.listen(background(), kind === "port" ? { host: "127.0.0.1", port: 0 } : { path: join(dir, "s.sock") }));
      await using channel = newChannel({ address, clock: systemClock(), logger: discard() });
      const message = Buffer.alloc(1 << 20, "0123456789");
      for (let round = 0; round < 2; round++) {
        const replies = await Promise.all(Array.from({ length: 16 }, () => channel.unary(background(), "/s/Echo", message)));
        for (const reply of replies) assert.equal(Buffer.compare(reply.message, message), 0);
      }
    } finally {
      await listener.close();
      rmSync(dir, { recursive: true });
    }
  });
}

test("drain: a stream in flight finishes after GOAWAY, idle connections close, new ones are refused", async () => {
  const streams: Exchange[] = [];
  await serve({ onExchange: (stream) => void streams.push(stream) }, async (port, listener) => {
    const [busy, idle] = [rawClient(port), rawClient(port)];
    busy.send(requestFrame(1, "/"));
    await pong(busy);
    await pong(idle);
    const silent = await connected(port, listener, 3);
    const silentClosed = once(silent, "close");
    const drained = listener.drain(60_000);
    // Two steps: first every stream is still welcome, then none after those that had come when the client had heard of it (RFC 9113, section 6.8).
    assert.equal((await busy.until((f) => f.type === frameType.goaway)).payload.readUInt32BE(0), 0x7fffffff);
    busy.send(encodeFrame(frameType.ping, frameFlag.ack, 0, (await busy.until((f) => f.type === frameType.ping && f.flags === 0)).payload));
    await busy.until((f) => f.type === frameType.goaway && f.payload.readUInt32BE(0) === 1);
    await idle.closed;
    await silentClosed;
    const late = connectTcp(port, "127.0.0.1");
    await assert.rejects(once(late, "connect"), { code: "ECONNREFUSED" });
    streams[0]!.respond(fieldsOf([":status", "200"]));
    streams[0]!.write(Buffer.from("done"));
    streams[0]!.end();
    await busy.until((f) => f.type === frameType.data && f.payload.toString() === "done");
    await busy.closed;
    await drained;
  });
});

test("drain: an HTTP/1.1 request in flight is answered with Connection: close, an idle kept-alive connection is closed", async () => {
  let answer: (() => void) | undefined;
  await serve(
    { onExchange: (exchange) => (exchange.fields.get(":path") === "/slow" ? (answer = () => say(exchange, "slow")) : say(exchange, "fast")) },
    async (port, listener) => {
      const agent = new Agent({ keepAlive: true });
      const idle = await send(port, "/fast", agent);
      assert.equal(idle.headers.connection, "keep-alive");
      const slow = send(port, "/slow");
      while (answer === undefined) await new Promise((resolve) => setImmediate(resolve));
      const drained = listener.drain(60_000);
      while (listener.connections > 1) await new Promise((resolve) => setImmediate(resolve));
      answer();
      assert.equal((await slow).headers.connection, "close");
      await drained;
      agent.destroy();
    },
  );
});

test("drain: an HTTP/1.1 answer whose headers are out is finished, then the connection closes", async () => {
  let finish: (() => void) | undefined;
  await serve(
    {
      onExchange: (exchange) => {
        ignoreBody(exchange);
        exchange.respond(fieldsOf([":status", "200"]));
        exchange.write(Buffer.from("half "));
        finish = () => {
          exchange.write(Buffer.from("whole"));
          exchange.end();
        };
      },
    },
    async (port, listener) => {
      const agent = new Agent({ keepAlive: true });
      const response = new Promise<string>((resolve) =>
        request1({ port, host: "127.0.0.1", agent }, (res) => {
          let text = "";
          res.on("data", (part: Buffer) => (text += part.toString()));
          res.on("end", () => resolve(text));
        }).end(),
      );
      while (finish === undefined) await new Promise((resolve) => setImmediate(resolve));
      const drained = listener.drain(60_000);
      finish();
      assert.equal(await response, "half whole");
      await drained;
      agent.destroy();
    },
  );
});

/** say answers with a text, whatever the request's body. */
function say(exchange: Exchange, text: string): void {
  ignoreBody(exchange);
  exchange.respond(fieldsOf([":status", "200"], ["content-length", String(text.length)]));
  exchange.write(Buffer.from(text));
  exchange.end();
}

async function send(port: number, path: string, agent?: Agent): Promise<{ readonly headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const req = request1({ port, path, host: "127.0.0.1", ...(agent === undefined ? {} : { agent }) }, (res) => {
      res.on("end", () => resolve({ headers: res.headers }));
      res.resume();
    });
    req.on("error", reject);
    req.end();
  });
}

test("drain: what is still open when time is up is cut", async () => {
  const clock = fakeClock();
  await serve({ clock, onExchange: (exchange) => ignoreBody(exchange) }, async (port, listener) => {
    const peer = rawClient(port);
    peer.send(requestFrame(1, "/"));
    await pong(peer);
    const drained = listener.drain(5000);
    await clock.advance(4999);
    assert.equal(listener.connections, 1);
    await clock.advance(1);
    await drained;
    await peer.closed;
    assert.equal(clock.pending, 0);
  });
});

test("listener: no connection and no timer is left of a hundred clients", async () => {
  const clock = fakeClock();
  await serve({ clock }, async (port, listener) => {
    const idle = clock.pending;
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        await exchange(port, [post1("x")]);
        const session = connect2(`http://127.0.0.1:${port}`);
        await get2(session, "/");
        session.close();
        await once(session, "close");
      }),
    );
    while (listener.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(clock.pending, idle);
  });
});

test("listen: without a host IPv4 clients are served too", async () => {
  const listener = newListener({ clock: systemClock(), logger: discard(), onExchange: (exchange) => say(exchange, "any") });
  const address = await listener.listen(background(), { port: 0 });
  assert.ok("port" in address && ["::", "0.0.0.0"].includes(address.host));
  assert.equal(await (await fetch(`http://127.0.0.1:${address.port}`)).text(), "any");
  await listener.close();
});

test("listen: a port in use is Unavailable and named", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as { port: number };
  const listener = newListener({ clock: systemClock(), logger: discard(), onExchange: () => {} });
  await assert.rejects(listener.listen(background(), { host: "127.0.0.1", port }), {
    code: Code.Unavailable,
    message: `cannot listen on 127.0.0.1:${port}: address already in use`,
  });
  holder.close();
  await listener.close();
});

test("listen: a host that is not ours is InvalidArgument and named", async () => {
  const listener = newListener({ clock: systemClock(), logger: discard(), onExchange: () => {} });
  await assert.rejects(
    listener.listen(background(), { host: "192.0.2.1", port: 8500 }),
    (err) => codeOf(err) === Code.InvalidArgument && String(err).includes("192.0.2.1:8500"),
  );
  await listener.close();
});

test("listen: a unix socket left by a dead owner is replaced, a live one and any other file is not", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-rpc-"));
  const path = join(dir, "s.sock");
  try {
    const first = newListener({ clock: systemClock(), logger: discard(), onExchange: (exchange) => say(exchange, "first") });
    assert.deepEqual(await first.listen(background(), { path }), { path });
    const second = newListener({ clock: systemClock(), logger: discard(), onExchange: (exchange) => say(exchange, "second") });
    await assert.rejects(second.listen(background(), { path }), { code: Code.Unavailable, message: `cannot listen on unix:${path}: address already in use` });
    assert.equal(await viaUnix(path), "first");
    await first.close();
    leaveStale(path);
    const third = newListener({ clock: systemClock(), logger: discard(), onExchange: (exchange) => say(exchange, "third") });
    await third.listen(background(), { path });
    assert.equal(await viaUnix(path), "third");
    await third.close();
    const file = join(dir, "notes.txt");
    writeFileSync(file, "mine");
    const fourth = newListener({ clock: systemClock(), logger: discard(), onExchange: (exchange) => say(exchange, "fourth") });
    await assert.rejects(fourth.listen(background(), { path: file }), {
      code: Code.Unavailable,
      message: `cannot listen on unix:${file}: address already in use`,
    });
    assert.equal(readFileSync(file, "utf8"), "mine");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

function viaUnix(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request1({ socketPath, headers: { connection: "close" } }, (res) => {
      let text = "";
      res.on("data", (part: Buffer) => (text += part.toString()));
      res.on("end", () => resolve(text));
      res.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

/** leaveStale makes a socket file as a killed process leaves it: bound once, nobody behind it. */
function leaveStale(path: string): void {
  assert.throws(
    () =>
      execFileSync(process.execPath, ["-e", `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`], {
        stdio: "ignore",
      }),
    { signal: "SIGKILL" },
  );
}

test("listen: a unix socket in a folder that is missing is told so", async () => {
  const path = join(tmpdir(), "tfs-rpc-missing", "x.sock");
  const listener = newListener({ onExchange: () => {}, clock: systemClock(), logger: discard() });
  await assert.rejects(listener.listen(background(), { path }), { code: Code.NotFound, message: `cannot listen on unix:${path}: its folder does not exist` });
});
