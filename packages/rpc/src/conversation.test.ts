import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { background, Code, type Ctx, deadlineExceeded, discard, newError, systemClock, withCancel } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { type Channel, type ChannelOptions, decodeBinary, encodeBinary, fieldsOf, frameMessage, newChannel, newDeframer } from "./index.ts";
import { encodeFrame, encodeHeaders, type Frame, frameFlag, frameType, rawServer, reply, type Serve, startBackend, uint32 } from "./testing/index.ts";

const bytes = (from: string): Uint8Array => Buffer.from(from);
const hello = bytes("hello");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const empty = fieldsOf([":method", "POST"], [":scheme", "http"], [":authority", "a"], [":path", "/s/N"]);
const deaf = { onHeaders() {}, onData() {}, onEnd() {}, onError() {}, onDrain() {} };
const never = (): Promise<never> => new Promise(() => {});

/** withChannel runs `use` with a channel to a backend, and takes both down. */
async function withChannel(serve: Serve, use: (channel: Channel) => Promise<void>, options: Partial<ChannelOptions> = {}, settings = {}): Promise<void> {
  await using backend = await startBackend(serve, { settings });
  const channel = newChannel({ address: backend.address, clock: systemClock(), logger: discard(), ...options });
  try {
    await use(channel);
  } finally {
    await channel.destroy();
  }
}

/** withRaw does it with a peer of raw frames. */
async function withRaw(
  serve: Parameters<typeof rawServer>[0],
  use: (channel: Channel, peers: readonly Parameters<typeof serve>[0][]) => Promise<void>,
  options: Partial<ChannelOptions> = {},
): Promise<void> {
  const peers: Parameters<typeof serve>[0][] = [];
  using raw = await rawServer(
    (peer) => {
      peers.push(peer);
      serve(peer);
    },
    Buffer.concat([Buffer.of(0, 4), uint32(1 << 20)]),
  ); // INITIAL_WINDOW_SIZE
  const channel = newChannel({ address: `127.0.0.1:${raw.port}`, clock: systemClock(), logger: discard(), ...options });
  try {
    await use(channel, peers);
  } finally {
    await channel.destroy();
  }
}

/** served answers a stream with 200 and gives the messages as they come to `onMessage`, and their end to `onEnd`. */
function served(stream: ServerHttp2Stream, onMessage: (message: Uint8Array) => void, onEnd: () => void, headers = {}): void {
  const deframer = newDeframer({ maxMessageBytes: 1 << 26 });
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "t-bin": [encodeBinary(Uint8Array.of(0, 255)), encodeBinary(Uint8Array.of(7))] }));
  stream.on("data", (chunk: Buffer) => {
    for (const message of deframer.push(chunk)) onMessage(message.bytes);
  });
  stream.on("end", () => {
    deframer.end();
    onEnd();
  });
}

/** echoing sends each message back as it comes. */
const echoing: Serve = (stream, headers) =>
  served(
    stream,
    (message) => stream.write(frameMessage(message)),
    () => stream.end(),
    { "x-got": String(headers["x-sent"]) },
  );

async function all(messages: AsyncIterable<Uint8Array>): Promise<string[]> {
  const got: string[] = [];
  for await (const message of messages) got.push(Buffer.from(message).toString());
  return got;
}

test("stream: messages and metadata go both ways, binary and repeated names included", () =>
  withChannel(echoing, async (channel) => {
    const call = channel.stream(background(), "/s/M", [hello, new Uint8Array(), bytes("world")], { metadata: { "x-sent": ["a", "b"] } });
    assert.deepEqual(await all(call.messages), ["hello", "", "world"]);
    assert.equal((await call.headers)["x-got"], "a, b");
    assert.deepEqual(
      [(await call.trailers)["t-bin"]].flat().map((one) => [...decodeBinary(one!)]),
      [[0, 255], [7]],
    );
    assert.equal(channel.inFlight, 0);
  }));

test("stream: each answer is there before the next message is sent, and the end of the messages is the end of the request", () =>
  withChannel(echoing, async (channel) => {
    const log: string[] = [];
    let onAnswer = (): void => {};
    async function* ask(): AsyncGenerator<Uint8Array> {
      for (const text of ["1", "2", "3"]) {
        log.push(`ask ${text}`);
        const answered = new Promise<void>((resolve) => (onAnswer = resolve));
        yield bytes(text);
        await answered;
      }
    }
    for await (const message of channel.stream(background(), "/s/M", ask()).messages) {
      log.push(`got ${Buffer.from(message)}`);
      onAnswer();
    }
    assert.deepEqual(log, ["ask 1", "got 1", "ask 2", "got 2", "ask 3", "got 3"]);
  }));

test("stream: a peer that hears the end of the request before it answers", () => {
  let got = "";
  return withChannel(
    (stream) =>
      served(
        stream,
        (message) => (got += Buffer.from(message).toString()),
        () => stream.end(frameMessage(bytes(got))),
      ),
    async (channel) => assert.deepEqual(await all(channel.stream(background(), "/s/M", [bytes("a"), bytes("b")], { one: true }).messages), ["ab"]),
  );
});

const status = (code: number, more = {}) => ({ "grpc-status": String(code), ...more });
const answers: readonly {
  readonly name: string;
  readonly serve: Serve;
  readonly one?: true;
  readonly got: readonly string[];
  readonly err?: object;
  readonly trailer?: string;
}[] = [
  {
    name: "messages come before the status that follows them",
    serve: (stream) => reply(stream, Buffer.concat([frameMessage(hello), frameMessage(hello)]), status(9, { "grpc-message": "no %E2%82%AC", x: "1" })),
    got: ["hello", "hello"],
    err: { code: Code.FailedPrecondition, message: "no €" },
    trailer: "1",
  },
  {
    name: "the fields of a trailers-only answer are its trailers",
    serve: (stream) => stream.respond({ ":status": 200, "content-type": "application/grpc", ...status(5), x: "1" }, { endStream: true }),
    got: [],
    err: { code: Code.NotFound },
    trailer: "1",
  },
  {
    name: "a status in front of messages is none",
    serve: (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...status(9) });
      stream.end(frameMessage(hello));
    },
    got: ["hello"],
    err: { code: Code.Unknown, message: "response has no grpc-status" },
  },
  {
    name: "messages before one that is too large come",
    serve: (stream) => reply(stream, Buffer.concat([frameMessage(hello), frameMessage(new Uint8Array(1001))])),
    got: ["hello"],
    err: { code: Code.ResourceExhausted },
  },
  {
    name: "an answer of gRPC with other messages than protobuf is Internal",
    serve: (stream) => reply(stream, frameMessage(hello), status(0), { "content-type": "application/grpc+json" }),
    got: [],
    err: { code: Code.Internal, message: /application\/grpc\+json/ },
  },
  {
    name: "protobuf may be said",
    serve: (stream) => reply(stream, frameMessage(hello), status(0), { "content-type": "application/grpc+proto; x" }),
    got: ["hello"],
  },
  {
    name: "gRPC-Web is not gRPC",
    serve: (stream) => reply(stream, frameMessage(hello), status(0), { "content-type": "application/grpc-web" }),
    got: [],
    err: { code: Code.Unknown, message: /application\/grpc-web/ },
  },
  {
    name: "HTTP status 503 with gRPC's content type and no status is Unavailable",
    serve: (stream) => stream.respond({ ":status": 503, "content-type": "application/grpc" }, { endStream: true }),
    got: [],
    err: { code: Code.Unavailable },
  },
  {
    name: "half a message at the end is Internal",
    serve: (stream) => reply(stream, Buffer.concat([frameMessage(hello), Buffer.of(0, 0, 0)])),
    got: ["hello"],
    err: { code: Code.Internal, message: "the answer ended inside a message" },
  },
  {
    name: "a compressed message is read, and so is a plain one beside it",
    serve: (stream) => reply(stream, Buffer.concat([frameMessage(gzipSync(hello), true), frameMessage(hello)]), status(0), { "grpc-encoding": "gzip" }),
    got: ["hello", "hello"],
  },
  {
    name: "broken compression ends the call",
    serve: (stream) => reply(stream, Buffer.concat([frameMessage(hello), frameMessage(hello, true)]), status(0), { "grpc-encoding": "gzip" }),
    got: ["hello"],
    err: { code: Code.Internal, message: "message is not valid gzip" },
  },
  { name: "one message where one is wanted", serve: (stream) => reply(stream, frameMessage(hello)), one: true, got: ["hello"] },
  { name: "none where one is wanted", serve: (stream) => reply(stream, Buffer.of()), one: true, got: [], err: { code: Code.Unimplemented } },
  {
    name: "two where one is wanted",
    serve: (stream) => reply(stream, Buffer.concat([frameMessage(hello), frameMessage(hello)])),
    one: true,
    got: [],
    err: { code: Code.Unimplemented },
  },
  {
    name: "one where one is wanted, and a status after it",
    serve: (stream) => reply(stream, frameMessage(hello), status(9)),
    one: true,
    got: [],
    err: { code: Code.FailedPrecondition },
  },
];
for (const tc of answers) {
  test(`stream: ${tc.name}`, () =>
    withChannel(
      tc.serve,
      async (channel) => {
        const call = channel.stream(background(), "/s/M", [hello], { one: tc.one === true });
        const got: string[] = [];
        const read = async (): Promise<void> => {
          for await (const message of call.messages) got.push(Buffer.from(message).toString());
        };
        if (tc.err === undefined) await read();
        else await assert.rejects(read(), tc.err);
        assert.deepEqual(got, tc.got);
        assert.equal((await call.trailers)["x"], tc.trailer);
        assert.deepEqual(await call.messages.next(), { done: true, value: undefined }, "an error is thrown once");
        assert.equal(channel.inFlight, 0);
      },
      { limits: { maxMessageBytes: 1000 } },
    ));
}

test("stream: messages go compressed if asked, flagged and named", () =>
  withChannel(
    (stream, headers) => {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        const messages = newDeframer({ maxMessageBytes: 1 << 20 }).push(Buffer.concat(parts));
        reply(
          stream,
          Buffer.concat(messages.map((m) => frameMessage(m.compressed && headers["grpc-encoding"] === "gzip" ? gunzipSync(m.bytes) : Buffer.of()))),
        );
      });
    },
    async (channel) => {
      assert.deepEqual(await all(channel.stream(background(), "/s/M", [hello, bytes("")], { compression: "gzip" }).messages), ["hello", ""]);
      assert.equal(Buffer.from((await channel.unary(background(), "/s/M", hello, { compression: "gzip" })).message).toString(), "hello");
    },
  ));

test("unary: one cancelled while its message is compressed is not sent", () =>
  withChannel(assert.fail as unknown as Serve, async (channel) => {
    using ctx = withCancel(background());
    const call = channel.unary(ctx, "/s/M", new Uint8Array(1 << 20), { compression: "gzip" });
    ctx.cancel();
    await assert.rejects(call, { code: Code.Canceled });
    assert.equal(channel.state, "idle");
  }));

test("stream: a status that comes while messages are being sent ends the call, and the source is left", async () => {
  let onLeft = (): void => {};
  const left = new Promise<void>((resolve) => (onLeft = resolve));
  await withChannel(
    (stream) => stream.respond({ ":status": 200, "content-type": "application/grpc", ...status(8) }, { endStream: true }),
    async (channel) => {
      let asked = 0;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) {
            asked++;
            yield new Uint8Array(100 << 10);
          }
        } finally {
          onLeft();
        }
      }
      const call = channel.stream(background(), "/s/M", endless());
      await assert.rejects(all(call.messages), { code: Code.ResourceExhausted });
      await left;
      assert.ok(asked < 100, `${asked} messages were asked for`);
    },
  );
});

test("stream: a source that ends with an error cancels the call, and its text reaches the reader", async () => {
  const cause = new Error("disk full");
  await withRaw(
    () => {},
    async (channel, peers) => {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield hello;
        throw cause;
      }
      const call = channel.stream(background(), "/s/M", broken());
      await assert.rejects(call.messages.next(), { code: Code.Unknown, message: "the messages to send ended with an error: disk full", cause });
      const reset = await peers[0]!.until((f) => f.type === frameType.rstStream);
      assert.deepEqual(reset.payload, uint32(8));
    },
  );
});

/** Ways to give up a call that goes on. */
const endings: readonly {
  readonly name: string;
  readonly end: (call: ReturnType<Channel["stream"]>, cancel: (reason?: unknown) => void) => Promise<void>;
}[] = [
  {
    name: "cancelled while the reader waits",
    async end(call, cancel) {
      const reason = newError(Code.Canceled, "enough");
      await call.messages.next();
      const next = assert.rejects(call.messages.next(), reason);
      cancel(reason);
      await next;
    },
  },
  {
    name: "cancelled while nobody reads: what came is not read any more",
    async end(call, cancel) {
      await call.headers;
      cancel();
      await assert.rejects(call.messages.next(), { code: Code.Canceled });
    },
  },
  {
    name: "left within the iteration",
    async end(call) {
      for await (const message of call.messages) {
        assert.deepEqual(message, Buffer.from("hello"));
        break;
      }
      assert.deepEqual(await call.messages.next(), { done: true, value: undefined });
    },
  },
  {
    name: "left while the reader waits",
    async end(call) {
      await call.messages.next();
      const next = call.messages.next();
      await call.messages.return?.();
      assert.deepEqual(await next, { done: true, value: undefined });
    },
  },
  {
    name: "disposed of, cancelled and left all in one",
    async end(call, cancel) {
      await call.messages.next();
      call[Symbol.dispose]();
      cancel();
      await call.messages.return?.();
      call[Symbol.dispose]();
    },
  },
];
for (const tc of endings) {
  test(`stream: ${tc.name}: the peer hears CANCEL once, and nothing is left on the signal`, () =>
    withRaw(
      (peer) => {
        void peer
          .until((f) => f.type === frameType.headers)
          .then(
            () => peer.send(answerHead(1), encodeFrame(frameType.data, 0, 1, frameMessage(hello))),
            () => {},
          );
      },
      async (channel, peers) => {
        using ctx = withCancel(background());
        const call = channel.stream(ctx, "/s/M", { [Symbol.asyncIterator]: () => ({ next: never }) });
        assert.equal(getEventListeners(ctx.signal, "abort").length, 1);
        await tc.end(call, (reason) => ctx.cancel(reason));
        assert.equal(getEventListeners(ctx.signal, "abort").length, 0);
        const [peer] = peers;
        await peer!.until((f) => f.type === frameType.rstStream);
        // Whatever was said before this answer has been heard.
        channel.open(empty, deaf, { end: true });
        await peer!.until((f) => f.type === frameType.headers && f.stream === 3);
        assert.deepEqual(
          peer!.frames.filter((f) => f.type === frameType.rstStream).map((f) => [f.stream, f.payload]),
          [[1, uint32(8)]],
        );
        assert.deepEqual({ ...(await call.trailers) }, {});
      },
    ));
}

test("stream: a call that is over says nothing more when it is disposed of", () =>
  withRaw(
    (peer) => {
      void peer
        .until((f) => f.stream === 1 && f.flags % 2 === frameFlag.endStream)
        .then(
          () => peer.send(answerHead(1), trailers(1)),
          () => {},
        );
    },
    async (channel, peers) => {
      {
        using call = channel.stream(background(), "/s/M", []);
        assert.deepEqual(await all(call.messages), []);
      }
      channel.open(empty, deaf, { end: true });
      await peers[0]!.until((f) => f.type === frameType.headers && f.stream === 3);
      assert.equal(peers[0]!.frames.filter((f: Frame) => f.type === frameType.rstStream).length, 0);
    },
  ));

/** until makes a ctx that knows its deadline and has no timer of its own. */
const until = (ms: number): Ctx => ({ ...background(), deadline: performance.now() + ms });

test("stream: a deadline ends it, and the peer was told how long it has", async () => {
  const clock = fakeClock();
  let arrived: ((stream: ServerHttp2Stream) => void) | undefined;
  const stream = new Promise<ServerHttp2Stream>((resolve) => (arrived = resolve));
  let timeout: unknown;
  await withChannel(
    (s, headers) => {
      timeout = headers["grpc-timeout"];
      arrived?.(s);
    },
    async (channel) => {
      const read = assert.rejects(all(channel.stream(until(20_000), "/s/M", [hello]).messages), deadlineExceeded);
      const closed = once(await stream, "close");
      assert.match(String(timeout), /^(20|1\d)\d{6}u$/);
      await clock.advance(20_000);
      await read;
      await closed;
      assert.equal((await stream).rstCode, 8);
    },
    { clock },
  );
});

test("stream: a peer that gives up at the deadline, a moment before us, is DeadlineExceeded", async () => {
  let arrived: ((stream: ServerHttp2Stream) => void) | undefined;
  const stream = new Promise<ServerHttp2Stream>((resolve) => (arrived = resolve));
  await withChannel(
    (s) => arrived?.(s),
    async (channel) => {
      const clock = { deadline: performance.now() + 60_000 };
      const read = all(
        channel.stream(
          {
            ...background(),
            get deadline() {
              return clock.deadline;
            },
          },
          "/s/M",
          [hello],
        ).messages,
      );
      (await stream).close(8);
      clock.deadline = performance.now();
      await assert.rejects(read, deadlineExceeded);
    },
    { clock: fakeClock() },
  );
});

test("stream: what ctx and metadata forbid is thrown before anything is sent", () =>
  withChannel(assert.fail as unknown as Serve, async (channel) => {
    using ctx = withCancel(background());
    assert.throws(() => channel.stream(ctx, "/s/M", [], { metadata: { te: "x" } }), { code: Code.InvalidArgument });
    ctx.cancel();
    assert.throws(() => channel.stream(ctx, "/s/M", []), { code: Code.Canceled });
    assert.equal(channel.state, "idle");
  }));

test("stream: nobody reads, and the peer is held at the window; a message larger than that passes all the same", () => {
  const window = 64 << 10;
  const large = Buffer.alloc(1 << 20, "0123456789");
  let written = 0;
  return withChannel(
    (stream) => {
      stream.resume();
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers(status(0)));
      const fill = (): void => {
        while (written < 4) {
          written++;
          if (!stream.write(frameMessage(large))) return void stream.once("drain", fill);
        }
        stream.end();
      };
      fill();
    },
    async (channel) => {
      const { messages } = channel.stream(background(), "/s/M", []);
      let before = -1;
      for (let still = 0; still < 50; still = before === written ? still + 1 : 0) {
        before = written;
        await turn();
      }
      assert.ok(written <= 2, `${written} MiB were taken from the peer, and nobody reads`);
      let count = 0;
      for await (const message of messages) {
        count++;
        assert.equal(Buffer.compare(message, large), 0);
      }
      assert.equal(count, 4);
    },
    { limits: { streamWindowBytes: window } },
  );
});

test("stream: a peer that does not read holds the source back", async () => {
  let stream: ServerHttp2Stream | undefined;
  let asked = 0;
  await withChannel(
    (s) => void (stream = s),
    async (channel) => {
      function* source(): Generator<Uint8Array> {
        for (; asked < 200; asked++) yield new Uint8Array(24 << 10);
      }
      const call = channel.stream(background(), "/s/M", source());
      let before = -1;
      for (let still = 0; still < 50 || stream === undefined; still = before === asked ? still + 1 : 0) {
        before = asked;
        await turn();
      }
      assert.ok(asked > 1 && asked < 20, `${asked} messages of 24 KiB were taken without a reader`);
      let received = 0;
      stream!.on("data", (chunk: Buffer) => (received += chunk.length));
      stream!.on("end", () => reply(stream!, Buffer.of()));
      assert.deepEqual(await all(call.messages), []);
      assert.equal(received, 200 * ((24 << 10) + 5));
    },
    {},
    { initialWindowSize: 65_535 },
  );
});

test("stream: two readers at once are told so", () =>
  withChannel(echoing, async (channel) => {
    using call = channel.stream(background(), "/s/M", { [Symbol.asyncIterator]: () => ({ next: never }) });
    const first = call.messages.next();
    await assert.rejects(call.messages.next(), /two at a time/);
    call[Symbol.dispose]();
    await first;
  }));

const refusals = [
  { name: "is made again with all that was sent", refusals: 1, bytes: 100, ok: true },
  { name: "twice is Unavailable", refusals: 2, bytes: 100, ok: false },
  { name: "after more was sent than is kept is Unavailable", refusals: 1, bytes: 70_000, ok: false },
];
for (const tc of refusals) {
  test(`stream: one refused ${tc.name}`, () => {
    let left = tc.refusals;
    let onLast = (): void => {};
    const last = new Promise<void>((resolve) => (onLast = resolve));
    const sent = [new Uint8Array(tc.bytes), bytes("b"), bytes("c")];
    async function* source(): AsyncGenerator<Uint8Array> {
      yield* sent.slice(0, 2);
      await last; // the peer has refused as often as it will
      yield* sent.slice(2);
    }
    /** Each message ends a DATA frame. */
    const ends = (frame: Frame, text: string): boolean => frame.type === frameType.data && frame.payload.subarray(-1).toString() === text;
    return withRaw(
      (peer) => {
        peer.send(encodeFrame(frameType.windowUpdate, 0, 0, uint32(1 << 20)));
        for (const id of [1, 3]) {
          void peer
            .until((f) => f.stream === id && ends(f, left > 0 ? "b" : "c"))
            .then(
              () => {
                peer.send(...(left > 0 ? [encodeFrame(frameType.rstStream, 0, id, uint32(7))] : [answerHead(id), trailers(id)]));
                if (--left === 0) onLast();
              },
              () => {},
            );
        }
      },
      async (channel, peers) => {
        const read = all(channel.stream(background(), "/s/M", source()).messages);
        if (!tc.ok) return void (await assert.rejects(read, { code: Code.Unavailable, message: "stream reset by the peer: REFUSED_STREAM" }));
        assert.deepEqual(await read, []);
        const again = peers[0]!.frames.filter((f) => f.stream === 3 && f.type === frameType.data).map((f) => f.payload);
        assert.deepEqual(Buffer.concat(again), Buffer.concat(sent.map((message) => frameMessage(message))));
      },
    );
  });
}

test("stream: one that GOAWAY says was not seen is made again on a new connection", async () => {
  const clock = fakeClock();
  let connections = 0;
  await withRaw(
    (peer) => {
      const nth = ++connections;
      void peer
        .until((f) => f.stream === 1 && f.flags % 2 === frameFlag.endStream)
        .then(
          async () => {
            await clock.advance(1000);
            peer.send(
              ...(nth === 1
                ? [encodeFrame(frameType.goaway, 0, 0, uint32(0, 0))]
                : [answerHead(1), encodeFrame(frameType.data, 0, 1, frameMessage(hello)), trailers(1)]),
            );
          },
          () => {},
        );
    },
    async (channel) => {
      assert.deepEqual(await all(channel.stream(background(), "/s/M", [hello]).messages), ["hello"]);
      assert.equal(connections, 2);
    },
    { clock },
  );
});

test("stream: a connection lost in the middle is Unavailable, after what had come", () =>
  withChannel(
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(frameMessage(hello), () => stream.session?.destroy());
    },
    async (channel) => {
      const got: string[] = [];
      await assert.rejects(
        (async () => {
          for await (const message of channel.stream(background(), "/s/M", [hello]).messages) got.push(Buffer.from(message).toString());
        })(),
        { code: Code.Unavailable },
      );
      assert.deepEqual(got, ["hello"]);
    },
  ));

function answerHead(stream: number): Buffer {
  return encodeFrame(frameType.headers, frameFlag.endHeaders, stream, encodeHeaders({ ":status": "200", "content-type": "application/grpc" }));
}

function trailers(stream: number): Buffer {
  return encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, stream, encodeHeaders({ "grpc-status": "0" }));
}
