import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { ServerHttp2Stream } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { background, Code, deadlineExceeded, discard, newError, systemClock, withCancel, withTimeout } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import {
  type CallHandler,
  type Channel,
  type ChannelOptions,
  type Fields,
  fieldsOf,
  frameMessage,
  newChannel,
  newFields,
  newField,
  trailersFor,
  trailersOnly,
} from "./index.ts";
import {
  type Backend,
  echo,
  encodeFrame,
  encodeHeaders,
  frameFlag,
  frameType,
  nodeHeaders,
  rawServer,
  reply,
  type Serve,
  startBackend,
  uint32,
} from "./testing/index.ts";

function headersFrame(stream: number): Buffer {
  return encodeFrame(frameType.headers, frameFlag.endHeaders, stream, encodeHeaders({ ":status": "200", "content-type": "application/grpc" }));
}

/** grpcOk is a whole OK answer in raw frames. */
function grpcOk(stream: number): Buffer {
  return Buffer.concat([
    headersFrame(stream),
    encodeFrame(frameType.data, 0, stream, frameMessage(bytes("pong"))),
    encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, stream, encodeHeaders({ "grpc-status": "0" })),
  ]);
}

const text = (message: Uint8Array): string => new TextDecoder().decode(message);
const bytes = (from: string): Uint8Array => new TextEncoder().encode(from);
const hello = bytes("hello");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** withChannel runs `use` with a backend and a channel to it, and takes both down. */
async function withChannel(
  serve: Serve,
  use: (channel: Channel, backend: Backend) => Promise<void>,
  options: Partial<ChannelOptions> = {},
  settings = {},
): Promise<void> {
  const backend = await startBackend(serve, { settings });
  const channel = newChannel({ address: backend.address, clock: systemClock(), logger: discard(), ...options });
  await using _ = destroying(channel);
  try {
    await use(channel, backend);
  } finally {
    await channel.destroy();
    await backend.stop();
  }
}

test("unary: a message goes there and back, metadata travels both ways", () =>
  withChannel(
    (stream, headers) => {
      assert.equal(headers[":method"], "POST");
      assert.equal(headers[":path"], "/s/M");
      assert.equal(headers["content-type"], "application/grpc");
      assert.equal(headers.te, "trailers");
      assert.equal(headers["grpc-timeout"], undefined);
      stream.on("end", () =>
        reply(stream, frameMessage(bytes("pong")), { "grpc-status": "0", "x-trailer": ["1", "2"] }, { "x-got": String(headers["x-sent"]) }),
      );
      stream.resume();
    },
    async (channel, backend) => {
      assert.equal(channel.state, "idle");
      const answer = await channel.unary(background(), "/s/M", hello, { "x-sent": ["a", "b"] });
      assert.equal(text(answer.message), "pong");
      assert.equal(answer.headers["x-got"], "a, b");
      assert.deepEqual(answer.trailers["x-trailer"], ["1", "2"]);
      assert.deepEqual([channel.state, channel.inFlight, channel.address], ["ready", 0, backend.address]);
    },
  ));

const statuses: readonly { readonly name: string; readonly serve: Serve; readonly code: Code; readonly message: string | RegExp }[] = [
  {
    name: "a status in trailers is thrown with its code and text",
    serve: (stream) => reply(stream, new Uint8Array(), nodeHeaders(trailersFor(newError(Code.NotFound, "größe 100% weg")))),
    code: Code.NotFound,
    message: "größe 100% weg",
  },
  {
    name: "a status after a message is thrown all the same",
    serve: (stream) => reply(stream, frameMessage(hello), nodeHeaders(trailersFor(newError(Code.DataLoss, "late")))),
    code: Code.DataLoss,
    message: "late",
  },
  {
    name: "a trailers-only answer is a status",
    serve: (stream) => stream.respond(nodeHeaders(trailersOnly(newError(Code.Unimplemented, "no such method"))), { endStream: true }),
    code: Code.Unimplemented,
    message: "no such method",
  },
  {
    name: "a deadline that the peer noticed is a status like any other",
    serve: (stream) => reply(stream, new Uint8Array(), { "grpc-status": "4", "grpc-message": "too slow" }),
    code: Code.DeadlineExceeded,
    message: "too slow",
  },
  {
    name: "HTTP 404 without a status is Unimplemented",
    serve: (stream) => stream.respond({ ":status": 404 }, { endStream: true }),
    code: Code.Unimplemented,
    message: "HTTP status 404 without grpc-status",
  },
  {
    name: "HTTP 503 with a page is Unavailable",
    serve: (stream) => {
      stream.respond({ ":status": 503, "content-type": "text/html" });
      stream.end("<p>down</p>");
    },
    code: Code.Unavailable,
    message: "HTTP status 503 without grpc-status",
  },
  {
    name: "an answer that is not gRPC is Unknown and named",
    serve: (stream) => {
      stream.respond({ ":status": 200, "content-type": "text/html" });
      stream.end("<p>hi</p>");
    },
    code: Code.Unknown,
    message: 'response is not gRPC: content-type "text/html"',
  },
  {
    name: "an answer that ends without trailers is Unknown",
    serve: (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end(frameMessage(hello));
    },
    code: Code.Unknown,
    message: "response has no grpc-status",
  },
  { name: "OK without a message is Internal", serve: (stream) => reply(stream, new Uint8Array()), code: Code.Internal, message: /without a message/ },
  {
    name: "two messages are Internal",
    serve: (stream) => reply(stream, Buffer.concat([frameMessage(hello), frameMessage(hello)])),
    code: Code.Internal,
    message: /more than one message/,
  },
  {
    name: "half a message is Internal",
    serve: (stream) => reply(stream, frameMessage(hello).subarray(0, 7)),
    code: Code.Internal,
    message: /inside a message/,
  },
  {
    name: "a reset with CANCEL is Canceled",
    serve: (stream) => stream.close(8),
    code: Code.Canceled,
    message: "stream reset by the peer: CANCEL",
  },
  {
    name: "a reset with ENHANCE_YOUR_CALM is ResourceExhausted",
    serve: (stream) => stream.close(11),
    code: Code.ResourceExhausted,
    message: "stream reset by the peer: ENHANCE_YOUR_CALM",
  },
];
for (const tc of statuses) {
  test(`unary: ${tc.name}`, () =>
    withChannel(tc.serve, async (channel) => {
      await assert.rejects(channel.unary(background(), "/s/M", hello), { name: "Failure", code: tc.code, message: tc.message });
      assert.equal(channel.inFlight, 0);
      assert.equal(channel.state, "ready");
    }));
}

test("unary: details of a status arrive", () =>
  withChannel(
    (stream) => reply(stream, new Uint8Array(), nodeHeaders(trailersFor(newError(Code.Aborted, "x", undefined, [Uint8Array.of(1, 2)])))),
    async (channel) => {
      const err = await channel.unary(background(), "/s/M", hello).then(
        () => assert.fail(),
        (err: unknown) => err as { details: Uint8Array[] },
      );
      assert.deepEqual([...err.details[0]!], [1, 2]);
    },
  ));

const cuts = [
  {
    name: "an answer that is reset after its headers is Internal",
    frames: (id: number) => [headersFrame(id), encodeFrame(frameType.rstStream, 0, id, uint32(2))],
    want: { code: Code.Internal, message: "stream reset by the peer: INTERNAL_ERROR" },
  },
  {
    name: "an answer that is reset after a whole message is Canceled",
    frames: (id: number) => [headersFrame(id), encodeFrame(frameType.data, 0, id, frameMessage(hello)), encodeFrame(frameType.rstStream, 0, id, uint32(8))],
    want: { code: Code.Canceled, message: "stream reset by the peer: CANCEL" },
  },
  {
    name: "an answer reset without an error before its end has no status: Unknown",
    frames: (id: number) => [headersFrame(id), encodeFrame(frameType.rstStream, 0, id, uint32(0))],
    want: { code: Code.Unknown, message: "response has no grpc-status" },
  },
  {
    name: "a whole answer counts though the peer has not read the request",
    frames: (id: number) => [grpcOk(id), encodeFrame(frameType.rstStream, 0, id, uint32(0))],
    want: undefined,
  },
];
for (const tc of cuts) {
  test(`unary: ${tc.name}`, async () => {
    using raw = await rawServer((peer) => {
      void peer
        .until((f) => f.type === frameType.headers)
        .then(
          () => peer.send(...tc.frames(1)),
          () => {},
        );
    });
    const channel = newChannel({ address: `127.0.0.1:${raw.port}`, clock: systemClock(), logger: discard() });
    await using _ = destroying(channel);
    const call = channel.unary(background(), "/s/M", new Uint8Array(1 << 20));
    if (tc.want === undefined) assert.equal(text((await call).message), "pong");
    else await assert.rejects(call, tc.want);
    assert.equal(channel.inFlight, 0);
  });
}

const big = [
  { name: "as large as the limit is taken", body: frameMessage(new Uint8Array(1000)), headers: {}, want: 1000 },
  { name: "one byte past the limit is refused", body: frameMessage(new Uint8Array(1001)), headers: {}, code: Code.ResourceExhausted },
  {
    name: "compressed, as large as the limit when plain, is taken",
    body: frameMessage(gzipSync(new Uint8Array(1000)), true),
    headers: { "grpc-encoding": "gzip" },
    want: 1000,
  },
  {
    name: "compressed, one past the limit when plain, is refused",
    body: frameMessage(gzipSync(new Uint8Array(1001)), true),
    headers: { "grpc-encoding": "gzip" },
    code: Code.ResourceExhausted,
  },
  {
    name: "of an encoding we never offered is Unimplemented",
    body: frameMessage(hello, true),
    headers: { "grpc-encoding": "snappy" },
    code: Code.Unimplemented,
  },
];
for (const tc of big) {
  test(`unary: a message ${tc.name}`, () =>
    withChannel(
      (stream) => reply(stream, tc.body, undefined, tc.headers),
      async (channel) => {
        const answer = channel.unary(background(), "/s/M", hello);
        if (tc.code === undefined) assert.equal((await answer).message.length, tc.want);
        else await assert.rejects(answer, { code: tc.code });
      },
      { limits: { maxMessageBytes: 1000 } },
    ));
}

test("unary: 8 MiB go there and back whole, 16 at a time", () =>
  withChannel(echo, async (channel) => {
    const message = Uint8Array.from({ length: 8 << 20 }, (_, i) => (i * 31 + (i >> 11)) & 0xff);
    const answers = await Promise.all(Array.from({ length: 16 }, () => channel.unary(background(), "/s/M", message)));
    for (const answer of answers) assert.equal(Buffer.compare(answer.message, message), 0);
  }));

test("deadline: the peer is told the time left, and sees the call cancelled when it has passed", async () => {
  let seen: { readonly timeout: unknown; readonly closed: Promise<unknown> } | undefined;
  await withChannel(
    (stream, headers) => (seen = { timeout: headers["grpc-timeout"], closed: once(stream, "close").then(() => stream.rstCode) }),
    async (channel) => {
      let ms = 30;
      do {
        ms *= 2; // a busy machine may take longer than the deadline to connect
        using ctx = withTimeout(background(), ms);
        await assert.rejects(channel.unary(ctx, "/s/M", hello), deadlineExceeded);
      } while (seen === undefined);
      const micros = /^(\d+)u$/.exec(String(seen.timeout))?.[1];
      assert.ok(Number(micros) > 0 && Number(micros) <= ms * 1000, String(seen.timeout));
      assert.equal(await seen.closed, 8);
      assert.equal(channel.inFlight, 0);
    },
  );
});

test("deadline: one that has passed sends nothing", () =>
  withChannel(assert.fail as unknown as Serve, async (channel) => {
    using ctx = withTimeout(background(), 0);
    await assert.rejects(channel.unary(ctx, "/s/M", hello), { code: Code.DeadlineExceeded });
    assert.equal(channel.state, "idle");
  }));

test("cancel: the peer sees it, the reason is thrown, no listener is left on the signal", async () => {
  let arrived: ((stream: ServerHttp2Stream) => void) | undefined;
  const stream = new Promise<ServerHttp2Stream>((resolve) => (arrived = resolve));
  await withChannel(
    (s) => arrived?.(s),
    async (channel) => {
      using ctx = withCancel(background());
      const reason = newError(Code.Canceled, "client gone");
      const call = assert.rejects(channel.unary(ctx, "/s/M", hello), reason);
      const closed = once(await stream, "close");
      assert.equal(getEventListeners(ctx.signal, "abort").length, 1);
      ctx.cancel(reason);
      await call;
      await closed;
      assert.equal((await stream).rstCode, 8);
      assert.equal(getEventListeners(ctx.signal, "abort").length, 0);
    },
  );
});

test("cancel: a hundred finished calls leave no listener on their common signal", () =>
  withChannel(echo, async (channel) => {
    using ctx = withTimeout(background(), 60_000);
    await Promise.all(Array.from({ length: 100 }, () => channel.unary(ctx, "/s/M", hello)));
    assert.equal(getEventListeners(ctx.signal, "abort").length, 0);
  }));

test("cancel: a call that waits for a connection is taken from the queue", async () => {
  using silent = await rawServer(() => {}, false);
  const channel = newChannel({ address: `127.0.0.1:${silent.port}`, clock: fakeClock(), logger: discard() });
  await using _ = destroying(channel);
  using ctx = withCancel(background());
  const call = assert.rejects(channel.unary(ctx, "/s/M", hello), { code: Code.Canceled });
  assert.deepEqual([channel.state, channel.inFlight], ["connecting", 1]);
  ctx.cancel();
  await call;
  assert.equal(channel.inFlight, 0);
});

test("metadata: what gRPC forbids is refused before anything is sent", () =>
  withChannel(assert.fail as unknown as Serve, async (channel) => {
    await assert.rejects(channel.unary(background(), "/s/M", hello, { "grpc-timeout": "1S" }), { code: Code.InvalidArgument });
    assert.equal(channel.state, "idle");
  }));

/** destroying takes a channel down at the end of a test, also of one that failed. */
function destroying(channel: Channel): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => channel.destroy() };
}

/** stateOf reads the state anew: the compiler takes a getter for a constant. */
function stateOf(channel: Channel): string {
  return channel.state;
}

/** freePort gives a port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("connection: refused is Unavailable and names the address; calls fail at once until the wait is over; then the next one connects", async () => {
  const clock = fakeClock();
  const port = await freePort();
  const channel = newChannel({ address: `127.0.0.1:${port}`, clock, logger: discard(), random: () => 0.5, limits: { backoffFirstMs: 100 } });
  await using _ = destroying(channel);
  const refused = { code: Code.Unavailable, message: `cannot connect to 127.0.0.1:${port}: connection refused` };
  await assert.rejects(channel.unary(background(), "/s/M", hello), refused);
  assert.equal(channel.state, "failed");
  const backend = await startBackend(echo, { port });
  await clock.advance(99);
  await assert.rejects(channel.unary(background(), "/s/M", hello), refused);
  assert.equal(backend.sessions.length, 0);
  await clock.advance(1);
  assert.equal(channel.state, "idle");
  assert.equal(text((await channel.unary(background(), "/s/M", hello)).message), "hello");
  await channel.close();
  assert.equal(clock.pending, 0);
  await backend.stop();
});

test("connection: the wait grows with each failure and starts over after a connection that lasted", async () => {
  const clock = fakeClock();
  const port = await freePort();
  const channel = newChannel({ address: `127.0.0.1:${port}`, clock, logger: discard(), random: () => 0.5, limits: { backoffFirstMs: 100 } });
  await using _ = destroying(channel);
  const fail = (): Promise<void> => assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable });
  for (const wait of [100, 160, 256]) {
    await fail();
    await clock.advance(wait - 1);
    assert.equal(channel.state, "failed");
    await clock.advance(1);
    assert.equal(channel.state, "idle");
  }
  const backend = await startBackend(echo, { port });
  await channel.unary(background(), "/s/M", hello);
  await clock.advance(1000);
  await backend.stop();
  while (channel.state !== "idle") await turn();
  await fail();
  await clock.advance(100);
  assert.equal(channel.state, "idle");
  await channel.close();
});

test("connection: connect keeps it up: made before any call, made again when lost and after failures", async () => {
  const clock = fakeClock();
  const backend = await startBackend(echo);
  const channel = newChannel({ address: backend.address, clock, logger: discard(), random: () => 0.5, limits: { backoffFirstMs: 100 } });
  await using _ = destroying(channel);
  channel.connect();
  channel.connect();
  while (channel.state !== "ready") await turn();
  assert.equal(backend.sessions.length, 1);
  await clock.advance(1000);
  await backend.stop();
  while (stateOf(channel) !== "failed") await turn();
  const again = await startBackend(echo, { port: backend.port });
  await clock.advance(100);
  while (stateOf(channel) !== "ready") await turn();
  assert.equal(again.sessions.length, 1);
  await channel.close();
  await again.stop();
});

test("connection: a host that does not exist is Unavailable", async () => {
  await using channel = newChannel({ address: "host.invalid:1", clock: systemClock(), logger: discard() });
  await assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable, message: "cannot connect to host.invalid:1: host not found" });
});

test("connection: a peer that speaks something else is Unavailable", async () => {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const channel = newChannel({ address: `127.0.0.1:${port}`, clock: systemClock(), logger: discard() });
  await using _ = destroying(channel);
  await assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable, message: new RegExp(`^cannot connect to 127.0.0.1:${port}: `) });
  await channel.destroy();
  server.close();
});

test("connection: a peer that accepts and says nothing is given up after connectMs", async () => {
  const clock = fakeClock();
  using silent = await rawServer(() => {}, false);
  const channel = newChannel({ address: `127.0.0.1:${silent.port}`, clock, logger: discard(), limits: { connectMs: 700 } });
  await using _ = destroying(channel);
  const call = assert.rejects(channel.unary(background(), "/s/M", hello), {
    code: Code.Unavailable,
    message: `cannot connect to 127.0.0.1:${silent.port}: no answer within 700 ms`,
  });
  await clock.advance(699);
  assert.equal(channel.state, "connecting");
  await clock.advance(1);
  await call;
  assert.equal(channel.state, "failed");
});

test("connection: lost in the middle of a call is Unavailable, and the next call has a new one", async () => {
  const clock = fakeClock();
  let arrived: (() => void) | undefined;
  const waiting = new Promise<void>((resolve) => (arrived = resolve));
  let first = true;
  const serve: Serve = (stream) => {
    if (!first) return echo(stream);
    first = false;
    arrived?.();
  };
  await withChannel(
    serve,
    async (channel, backend) => {
      const call = assert.rejects(channel.unary(background(), "/s/M", hello), {
        code: Code.Unavailable,
        message: `lost connection to ${backend.address}: connection closed`,
      });
      await waiting;
      await clock.advance(1000);
      backend.die();
      await call;
      assert.equal(text((await channel.unary(background(), "/s/M", hello)).message), "hello");
      assert.equal(backend.sessions.length, 2);
    },
    { clock },
  );
});

test("goaway: calls in flight finish on the old connection, new ones go to a new one", async () => {
  const clock = fakeClock();
  const held: ServerHttp2Stream[] = [];
  const serve: Serve = (stream, headers) => (headers[":path"] === "/s/Held" ? void held.push(stream) : echo(stream));
  await withChannel(
    serve,
    async (channel, backend) => {
      const call = channel.unary(background(), "/s/Held", hello);
      while (held.length === 0) await turn();
      await clock.advance(1000);
      backend.sessions[0]!.close();
      while (channel.state === "ready") await turn();
      assert.equal(text((await channel.unary(background(), "/s/M", bytes("new"))).message), "new");
      assert.equal(backend.sessions.length, 2);
      reply(held[0]!, frameMessage(bytes("old")));
      assert.equal(text((await call).message), "old");
    },
    { clock },
  );
});

test("goaway: a peer that says it on every new connection is backed off from, not dialled in a loop", async () => {
  const clock = fakeClock();
  let connections = 0;
  using raw = await rawServer((peer) => {
    connections++;
    void peer
      .until((f) => f.type === frameType.settings && f.flags === frameFlag.ack)
      .then(
        () => peer.send(encodeFrame(frameType.goaway, 0, 0, uint32(0, 0))),
        () => {},
      );
  });
  const channel = newChannel({ address: `127.0.0.1:${raw.port}`, clock, logger: discard() });
  await using _ = destroying(channel);
  channel.connect();
  while (channel.state !== "failed") await turn();
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(connections, 1);
});

const refusals = [
  { name: "refused once is sent again", refusals: 1, ok: true },
  { name: "refused twice is Unavailable", refusals: 2, ok: false },
];
for (const tc of refusals) {
  test(`unary: a call ${tc.name}`, async () => {
    let left = tc.refusals;
    using raw = await rawServer((peer) => {
      for (const id of [1, 3]) {
        void peer
          .until((f) => f.stream === id && f.flags % 2 === frameFlag.endStream)
          .then(
            () => peer.send(left-- > 0 ? encodeFrame(frameType.rstStream, 0, id, uint32(7)) : grpcOk(id)),
            () => {},
          );
      }
    });
    const channel = newChannel({ address: `127.0.0.1:${raw.port}`, clock: systemClock(), logger: discard() });
    await using _ = destroying(channel);
    const call = channel.unary(background(), "/s/M", hello);
    if (tc.ok) assert.equal(text((await call).message), "pong");
    else await assert.rejects(call, { code: Code.Unavailable, message: "stream reset by the peer: REFUSED_STREAM" });
  });
}

test("unary: a call that GOAWAY says was not seen is sent again on a new connection", async () => {
  const clock = fakeClock();
  let connections = 0;
  using raw = await rawServer((peer) => {
    const nth = ++connections;
    void peer
      .until((f) => f.stream === 1 && f.flags % 2 === frameFlag.endStream)
      .then(
        async () => {
          await clock.advance(1000);
          peer.send(nth === 1 ? encodeFrame(frameType.goaway, 0, 0, uint32(0, 0)) : grpcOk(1));
        },
        () => {},
      );
  });
  const channel = newChannel({ address: `127.0.0.1:${raw.port}`, clock, logger: discard() });
  await using _ = destroying(channel);
  assert.equal(text((await channel.unary(background(), "/s/M", hello)).message), "pong");
  assert.equal(connections, 2);
});

test("keep-alive: a peer that stops answering is given up, and its calls are Unavailable", async () => {
  const clock = fakeClock();
  using raw = await rawServer(() => {});
  const channel = newChannel({ address: `127.0.0.1:${raw.port}`, clock, logger: discard(), limits: { pingMs: 30_000, pingTimeoutMs: 10_000 } });
  await using _ = destroying(channel);
  const call = assert.rejects(channel.unary(background(), "/s/M", hello), {
    code: Code.Unavailable,
    message: `lost connection to 127.0.0.1:${raw.port}: no answer to a ping within 10000 ms`,
  });
  while (channel.state !== "ready") await turn();
  for (let i = 0; i < 5; i++) await turn(); // the settings' acknowledgement is the last thing that this peer sends
  await clock.advance(30_000);
  await turn();
  await clock.advance(30_000);
  await turn();
  await clock.advance(10_000);
  await call;
});

test("streams: the peer's limit is kept, waiting calls follow as streams end", async () => {
  let [open, peak] = [0, 0];
  const serve: Serve = (stream) => {
    peak = Math.max(peak, ++open);
    stream.on("end", () =>
      setImmediate(() => {
        open--;
        reply(stream, frameMessage(hello));
      }),
    );
    stream.resume();
  };
  await withChannel(
    serve,
    async (channel) => {
      await Promise.all(Array.from({ length: 20 }, () => channel.unary(background(), "/s/M", hello)));
      assert.equal(peak, 3);
    },
    {},
    { maxConcurrentStreams: 3 },
  );
});

test("streams: as many calls wait as the limit says, one more is ResourceExhausted", async () => {
  const held: ServerHttp2Stream[] = [];
  await withChannel(
    (stream) => held.push(stream),
    async (channel) => {
      const first = channel.unary(background(), "/s/M", hello);
      while (held.length === 0) await turn();
      const waiting = [1, 2].map(() => channel.unary(background(), "/s/M", hello));
      assert.equal(channel.inFlight, 3);
      await assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.ResourceExhausted, message: /the limit is 2$/ });
      for (let i = 0; i < 3; i++) {
        while (held.length === i) await turn();
        reply(held[i]!, frameMessage(hello));
      }
      await Promise.all([first, ...waiting]);
    },
    { limits: { pending: 2 } },
    { maxConcurrentStreams: 1 },
  );
});

test("close: calls in flight finish, new ones are Unavailable", async () => {
  const held: ServerHttp2Stream[] = [];
  await withChannel(
    (stream) => held.push(stream),
    async (channel) => {
      const call = channel.unary(background(), "/s/M", hello);
      while (held.length === 0) await turn();
      const closed = channel.close();
      assert.equal(channel.state, "closed");
      await assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable, message: /is closed$/ });
      reply(held[0]!, frameMessage(hello));
      assert.equal(text((await call).message), "hello");
      await closed;
    },
  );
});

test("close: destroy fails calls in flight", async () => {
  const held: ServerHttp2Stream[] = [];
  await withChannel(
    (stream) => held.push(stream),
    async (channel) => {
      const call = assert.rejects(channel.unary(background(), "/s/M", hello), { code: Code.Unavailable, message: /channel closed$/ });
      while (held.length === 0) await turn();
      await channel.destroy();
      await call;
    },
  );
});

test("address: a unix socket serves like a port", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tfs-rpc-"));
  const backend = await startBackend(echo, { path: join(dir, "s.sock") });
  const channel = newChannel({ address: backend.address, clock: systemClock(), logger: discard() });
  await using _ = destroying(channel);
  assert.equal(text((await channel.unary(background(), "/s/M", hello)).message), "hello");
  await channel.close();
  await backend.stop();
  rmSync(dir, { recursive: true });
});

test("address: a malformed one is refused when the channel is made", () => {
  assert.throws(() => newChannel({ address: "nowhere", clock: systemClock(), logger: discard() }), { code: Code.InvalidArgument });
});

/** Collected is what a handler heard, and a promise of the end. */
function collect(onData: (bytes: number) => void = () => {}) {
  const heard = { headers: undefined as Fields | undefined, trailers: undefined as Fields | undefined, received: 0, drains: 0 };
  let settle: { resolve(): void; reject(err: unknown): void };
  const ended = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  ended.catch(() => {}); // not every test looks at it
  const handler: CallHandler = {
    onHeaders: (headers) => void (heard.headers = headers),
    onData(_buffer, start, end) {
      heard.received += end - start;
      onData(end - start);
    },
    onEnd(trailers) {
      heard.trailers = trailers;
      settle.resolve();
    },
    onError: (failure, refused) => settle.reject(Object.assign(new Error(failure.message), { code: failure.code, refused })),
    onDrain: () => heard.drains++,
  };
  return { heard, handler, ended };
}

const request = fieldsOf(
  [":method", "POST"],
  [":scheme", "http"],
  [":authority", "a"],
  [":path", "/s/M"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
);

test("open: headers, bytes and trailers pass as they are, names sent twice included", () =>
  withChannel(
    (stream, headers) => {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => reply(stream, Buffer.concat(parts), { "grpc-status": "0", "x-bin": ["YQ", "Yg"] }, { "x-was": headers["x-a"] }));
    },
    async (channel) => {
      const { heard, handler, ended } = collect();
      const call = channel.open(newFields([...request.list, newField("x-a", "1"), newField("x-a", "2")]), handler);
      call.write(bytes("any bytes, "));
      call.write(bytes("not even framed"));
      call.end();
      await ended;
      assert.equal(heard.headers?.get("x-was"), "1, 2");
      assert.deepEqual(heard.trailers?.all("x-bin"), ["YQ", "Yg"]);
      assert.equal(heard.received, 26);
    },
  ));

test("open: a paused reader holds the peer back to the window, and gets everything after resume", () => {
  const total = 4 << 20;
  const window = 256 << 10;
  let written = 0;
  return withChannel(
    (stream) => {
      stream.respond({ ":status": 200 });
      const chunk = Buffer.alloc(16 << 10);
      const fill = (): void => {
        while (written < total) {
          written += chunk.length;
          if (!stream.write(chunk)) return void stream.once("drain", fill);
        }
        stream.end();
      };
      fill();
    },
    async (channel) => {
      let paused = true;
      let owed = 0;
      const { heard, handler, ended } = collect((bytes) => {
        if (paused) owed += bytes;
        else call.consumed(bytes);
      });
      const call = channel.open(request, handler);
      call.end();
      let before = -1;
      for (let still = 0; still < 50; still = before === written ? still + 1 : 0) {
        before = written;
        await turn();
      }
      assert.ok(written <= 2 * window + (64 << 10), `${written} bytes were taken from the peer`);
      paused = false;
      call.consumed(owed);
      await ended;
      assert.equal(heard.received, total);
    },
    { limits: { streamWindowBytes: window } },
  );
});

test("open: a peer that does not read makes write give false, and onDrain comes when it reads", () => {
  let stream: ServerHttp2Stream | undefined;
  return withChannel(
    (s) => void (stream = s),
    async (channel) => {
      const { heard, handler, ended } = collect();
      const call = channel.open(request, handler);
      const chunk = Buffer.alloc(24 << 10);
      let written = 0;
      assert.equal(call.write(chunk), false, "before there is a connection, nothing more is asked for");
      while (heard.drains === 0) await turn();
      let room = true;
      while (written < 100 << 20 && room) {
        room = call.write(chunk);
        written += chunk.length;
        await turn();
      }
      assert.ok(written < 2 << 20, `${written} bytes were taken without a reader`);
      const drains = heard.drains;
      stream!.resume();
      while (heard.drains === drains) await turn();
      call.end();
      stream!.respond({ ":status": 200 }, { endStream: true });
      await ended;
    },
    {},
    { initialWindowSize: 65_535 },
  );
});

test("open: cancel resets the stream, and the handler hears nothing more", async () => {
  let stream: ServerHttp2Stream | undefined;
  await withChannel(
    (s) => {
      stream = s;
      s.respond({ ":status": 200 });
      s.write("some");
    },
    async (channel) => {
      let heard = 0;
      const fail = (): never => assert.fail("heard after cancel");
      const call = channel.open(request, {
        onHeaders: () => heard++,
        onData: () => heard++,
        onEnd: fail,
        onError: fail,
        onDrain: fail,
      } as CallHandler);
      while (heard < 2) await turn();
      const closed = once(stream!, "close");
      call.cancel();
      call.cancel();
      assert.equal(call.write(hello), true);
      call.end();
      await closed;
      assert.equal(stream!.rstCode, 8);
      assert.equal(channel.inFlight, 0);
    },
  );
});

test("open: a failed call says whether the peer can have seen it", async () => {
  const port = await freePort();
  const channel = newChannel({ address: `127.0.0.1:${port}`, clock: systemClock(), logger: discard() });
  await using _ = destroying(channel);
  const unseen = collect();
  channel.open(request, unseen.handler).end();
  await assert.rejects(unseen.ended, { code: Code.Unavailable, refused: true });
  await channel.destroy();
  let arrived = (): void => {};
  const arrival = new Promise<void>((resolve) => (arrived = resolve));
  await withChannel(
    () => arrived(),
    async (reached, backend) => {
      const seen = collect();
      reached.open(request, seen.handler).end();
      await arrival;
      backend.die();
      await assert.rejects(seen.ended, { code: Code.Unavailable, refused: false });
    },
  );
});
