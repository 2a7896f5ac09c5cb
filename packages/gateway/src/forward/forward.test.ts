import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { frameMessage, newChannel, trailersFor, trailersOnly } from "@tfs/rpc";
import {
  type Backend,
  echo,
  encodeFrame,
  encodeHeaders,
  frameFlag,
  fieldsFrom,
  frameType,
  nodeHeaders,
  rawClient,
  rawServer,
  reply,
  type Serve,
  startBackend,
  uint32,
} from "@tfs/rpc/testing";
import { background, type Clock, Code, discard, newError, newLogger, systemClock, withCancel } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { exchange, grpcHeaders, type Started, startGateway, turn, untilReady } from "../testing/index.ts";

const hello = frameMessage(Buffer.from("hello"));

async function through(serve: Serve, use: (gateway: Started, backend: Backend) => Promise<void>, clock: Clock = systemClock()): Promise<void> {
  await using backend = await startBackend(serve);
  await using gateway = await startGateway([backend.address], {}, { clock });
  await use(gateway, backend);
}

const fixed = { date: "Tue, 24 Nov 2026 12:00:00 GMT" };

/** end answers without trailers. */
function end(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders, body: string | Uint8Array): void {
  stream.respond({ ...headers, ...fixed });
  stream.end(body);
}

const answers: readonly { readonly name: string; readonly serve: Serve }[] = [
  {
    name: "a message with metadata in front and behind, names sent twice",
    serve: (s) => reply(s, hello, { "grpc-status": "0", "x-t": ["1", "2"], "t-bin": "AAE" }, { ...fixed, "x-h": ["a", "b"], "h-bin": ["AA", "AQ"] }),
  },
  { name: "many messages", serve: (s) => reply(s, Buffer.concat([hello, hello, hello]), undefined, fixed) },
  { name: "no message at all", serve: (s) => reply(s, new Uint8Array(), undefined, fixed) },
  { name: "a message of 3 MiB", serve: (s) => reply(s, frameMessage(Buffer.alloc(3 << 20, "0123456789")), undefined, fixed) },
  { name: "bytes that are no gRPC frames", serve: (s) => reply(s, Buffer.from("not framed at all"), undefined, fixed) },
  {
    name: "a status with text and details behind a message",
    serve: (s) => reply(s, hello, nodeHeaders(trailersFor(newError(Code.DataLoss, "größe 100%\n", undefined, [Uint8Array.of(1, 2)]))), fixed),
  },
  {
    name: "a trailers-only answer",
    serve: (s) => s.respond({ ...nodeHeaders(trailersOnly(newError(Code.Unimplemented, "no such method"))), ...fixed }, { endStream: true }),
  },
  {
    name: "an HTTP error that is no gRPC",
    serve: (s) => end(s, { ":status": 503, "content-type": "text/html" }, "<p>down</p>"),
  },
  {
    name: "an answer that ends without trailers",
    serve: (s) => end(s, { ":status": 200, "content-type": "application/grpc" }, hello),
  },
  { name: "a status of a future protocol", serve: (s) => reply(s, hello, { "grpc-status": "99", "grpc-message": "?" }, fixed) },
];
for (const tc of answers) {
  test(`forward: ${tc.name} arrives exactly as without the gateway`, () =>
    through(
      (s, headers, raw) => {
        s.on("end", () => tc.serve(s, headers, raw));
        s.resume();
      },
      async (gateway, backend) => {
        const request = grpcHeaders("/any.Service/Method");
        const [direct, forwarded] = [await exchange(backend.address, request, hello), await exchange(gateway.address, request, hello)];
        assert.deepEqual(
          { ...forwarded, headers: undefined, raw: sorted(forwarded.raw), body: undefined },
          { ...direct, headers: undefined, raw: sorted(direct.raw), body: undefined },
        );
        assert.equal(Buffer.compare(forwarded.body, direct.body), 0);
      },
    ));
}

/** sorted makes a header list comparable: the order of names means nothing, that of a name's values does. */
function sorted(raw: readonly string[]): string[] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i]!, raw[i + 1]!]);
  return pairs
    .map(([name, value], i) => ({ name, value, i }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.i - b.i))
    .map(({ name, value }) => `${name}: ${value}`);
}

test("forward: the backend sees the request as the client sent it", async () => {
  const seen: { readonly headers: string[]; readonly body: Buffer }[] = [];
  await through(
    (stream, _headers, raw) => {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        seen.push({ headers: sorted(raw), body: Buffer.concat(parts) });
        reply(stream, hello);
      });
    },
    async (gateway, backend) => {
      const more = {
        ":authority": "models.example:8500",
        "user-agent": "grpc-python/1.60",
        "x-a": ["1", "2"],
        "trace-bin": "AAEC",
        "grpc-accept-encoding": "identity,gzip",
        "grpc-encoding": "gzip",
        authorization: "Bearer secret",
      };
      const body = Buffer.concat([hello, randomBytes(200_000)]);
      for (const address of [backend.address, gateway.address]) await exchange(address, grpcHeaders("/a.b.C/D", more), body);
      assert.deepEqual(seen[1]!.headers, seen[0]!.headers);
      assert.equal(Buffer.compare(seen[1]!.body, body), 0);
    },
  );
});

test("forward: headers of one hop end here", () =>
  through(
    (stream, headers) => reply(stream, Buffer.from(JSON.stringify(headers))),
    async (gateway) => {
      const peer = rawClient(Number(gateway.address.split(":")[1]));
      const block = encodeHeaders({
        ":method": "POST",
        ":scheme": "https",
        ":path": "/s/M",
        host: "h.example",
        te: "trailers",
        "content-type": "application/grpc",
        "content-length": "0",
        "http2-settings": "AAA",
      });
      peer.send(encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, 1, block));
      const seen = JSON.parse((await peer.until((f) => f.type === frameType.data)).payload.toString()) as Record<string, string>;
      assert.deepEqual(
        [seen[":scheme"], seen[":authority"], seen["content-length"], seen["http2-settings"], seen["te"]],
        ["http", "h.example", undefined, undefined, "trailers"],
      );
      peer.socket.destroy();
    },
  ));

test("forward: a conversation goes message by message in both directions", () =>
  through(
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.on("data", (part: Buffer) => stream.write(Buffer.concat([Buffer.from("re:"), part])));
      stream.on("end", () => stream.end("bye"));
    },
    async (gateway) => {
      const session = connect(gateway.url);
      const stream = session.request(grpcHeaders("/s/Chat"), { endStream: false });
      for (const word of ["one", "two", "three"]) {
        stream.write(word);
        const [part] = (await once(stream, "data")) as [Buffer];
        assert.equal(part.toString(), `re:${word}`);
      }
      const trailers = once(stream, "trailers");
      stream.end();
      assert.equal(String((await once(stream, "data"))[0]), "bye");
      assert.equal((await trailers)[0]["grpc-status"], "0");
      session.destroy();
    },
  ));

test("forward: a server may speak first, before the client has said anything", () =>
  through(
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write("first");
      stream.on("error", () => {});
    },
    async (gateway) => {
      const session = connect(gateway.url);
      const stream = session.request(grpcHeaders("/s/Speak"), { endStream: false });
      assert.equal(String((await once(stream, "data"))[0]), "first");
      session.destroy();
    },
  ));

test("forward: 64 calls at a time on one connection, 1 MiB each, come back byte for byte", () =>
  through(echo, async (gateway) => {
    await using channel = newChannel({ address: gateway.address, clock: systemClock(), logger: discard() });
    const bodies = Array.from({ length: 64 }, () => randomBytes(1 << 20));
    const replies = await Promise.all(bodies.map((body) => channel.unary(background(), "/s/Echo", body)));
    for (const [i, { message }] of replies.entries()) assert.equal(Buffer.compare(message, bodies[i]!), 0, `call ${i}`);
  }));

test("forward: 64 MiB go there and back byte for byte", () =>
  through(echo, async (gateway) => {
    const body = Buffer.alloc(64 << 20);
    for (let at = 0; at < body.length; at += 4) body.writeUInt32LE((at * 2654435761) >>> 0, at);
    const { body: back, trailers } = await exchange(gateway.address, grpcHeaders("/s/Echo"), body);
    assert.equal(Buffer.compare(back, body), 0);
    assert.deepEqual(trailers, ["grpc-status", "0"]);
  }));

/** flood writes until `total` bytes or the reader stops, and tells how far it came. */
function flood(stream: ServerHttp2Stream, total: number): { readonly written: () => number } {
  let written = 0;
  const chunk = Buffer.alloc(64 << 10);
  const fill = (): void => {
    while (written < total && !stream.destroyed) {
      written += chunk.length;
      if (!stream.write(chunk)) return void stream.once("drain", fill);
    }
    stream.end();
  };
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  fill();
  return { written: () => written };
}

/** settled resolves when a number has stood still for a while of event-loop turns. */
async function settled(read: () => number): Promise<number> {
  let before = Number.NaN;
  for (let still = 0; still < 200; ) {
    await turn();
    still = read() === before ? still + 1 : 0;
    before = read();
  }
  return before;
}

test("forward: a client that does not read holds its backend back, not the other calls, and then gets everything", async () => {
  const total = 64 << 20;
  let source: ReturnType<typeof flood> | undefined;
  await through(
    (stream, headers) => (headers[":path"] === "/s/Flood" ? void (source = flood(stream, total)) : echo(stream)),
    async (gateway) => {
      const session = connect(gateway.url);
      const slow = session.request(grpcHeaders("/s/Flood"));
      slow.pause();
      await once(slow, "response");
      const written = await settled(() => source?.written() ?? 0);
      assert.ok(written < 16 << 20, `${written} bytes were taken for a client that reads none`);
      const other = session.request(grpcHeaders("/s/Echo"));
      other.end(hello);
      assert.equal(Buffer.compare(Buffer.concat((await other.toArray()) as Buffer[]), hello), 0);
      let got = 0;
      slow.on("data", (part: Buffer) => (got += part.length));
      slow.resume();
      await once(slow, "end");
      assert.equal(got, total);
      session.destroy();
    },
  );
});

test("forward: a backend that does not read holds its client back, not the other calls, and then gets everything", async () => {
  const total = 64 << 20;
  let sink: ServerHttp2Stream | undefined;
  await through(
    (stream, headers) => (headers[":path"] === "/s/Sink" ? void (sink = stream) : echo(stream)),
    async (gateway) => {
      const session = connect(gateway.url);
      const stream = session.request(grpcHeaders("/s/Sink"), { endStream: false });
      let sent = 0;
      const chunk = Buffer.alloc(64 << 10);
      const fill = (): void => {
        while (sent < total) {
          sent += chunk.length;
          if (!stream.write(chunk)) return void stream.once("drain", fill);
        }
        stream.end();
      };
      fill();
      const before = await settled(() => sent);
      assert.ok(before < 16 << 20, `${before} bytes were taken for a backend that reads none`);
      const other = session.request(grpcHeaders("/s/Echo"));
      other.end(hello);
      assert.equal(Buffer.compare(Buffer.concat((await other.toArray()) as Buffer[]), hello), 0);
      let got = 0;
      sink!.on("data", (part: Buffer) => (got += part.length));
      await once(sink!, "end");
      assert.equal(got, total);
      reply(sink!, hello);
      await stream.toArray();
      session.destroy();
    },
  );
});

test("deadline: the backend is told the time left; when it has passed the client gets DeadlineExceeded and the backend a cancel", async () => {
  const clock = fakeClock();
  const held: { readonly stream: ServerHttp2Stream; readonly timeout: string }[] = [];
  await through(
    (stream, headers) => void held.push({ stream, timeout: String(headers["grpc-timeout"]) }),
    async (gateway) => {
      const call = exchange(gateway.address, grpcHeaders("/s/Wait", { "grpc-timeout": "5S" }), hello);
      while (held.length === 0) await turn();
      assert.equal(held[0]!.timeout, "5000000u");
      const closed = once(held[0]!.stream, "close");
      await clock.advance(4999);
      assert.equal(held[0]!.stream.closed, false);
      await clock.advance(17); // a deadline is noticed within two ticks of the wheel
      const { headers } = await call;
      assert.deepEqual([headers[":status"], headers["grpc-status"], headers["grpc-message"]], [200, "4", "deadline exceeded"]);
      await closed;
      assert.equal(held[0]!.stream.rstCode, 8);
    },
    clock,
  );
});

test("deadline: one that passes in the middle of an answer ends it with DeadlineExceeded", async () => {
  const clock = fakeClock();
  await through(
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(hello);
    },
    async (gateway) => {
      const session = connect(gateway.url);
      const stream = session.request(grpcHeaders("/s/Half", { "grpc-timeout": "100m" }));
      assert.equal(Buffer.compare((await once(stream, "data"))[0] as Buffer, hello), 0);
      stream.resume();
      const trailers = once(stream, "trailers");
      await clock.advance(116);
      assert.equal((await trailers)[0]["grpc-status"], "4");
      session.destroy();
    },
    clock,
  );
});

test("deadline: the time that a call waited for one backend is taken off when it moves to the next", async () => {
  const clock = fakeClock();
  using silent = await rawServer(() => {}, false); // accepts, and says nothing
  let timeout = "";
  const serve: Serve = (stream, headers) => {
    timeout = String(headers["grpc-timeout"]);
    echo(stream);
  };
  const { port } = await stopped(await startBackend(serve));
  let unreachable = 0;
  const logger = newLogger({ write: (line) => void (unreachable += Number(line.includes("cannot reach peer"))), clock });
  await using gateway = await startGateway([`127.0.0.1:${silent.port}`, `127.0.0.1:${port}`], {}, { clock, logger });
  while (unreachable === 0) await turn();
  const call = exchange(gateway.address, grpcHeaders("/s/Echo", { "grpc-timeout": "8S" }), hello);
  await using _ = await startBackend(serve, { port });
  for (let i = 0; i < 50; i++) await turn(); // the call has come in, and waits
  await clock.advance(5000);
  const { body } = await call;
  assert.equal(Buffer.compare(body, hello), 0);
  assert.equal(timeout, "3000000u");
});

async function stopped(backend: Backend): Promise<Backend> {
  await backend.stop();
  return backend;
}

for (const timeout of ["5", "5x", "-1S", "123456789S"]) {
  test(`deadline: ${timeout} is malformed, and no backend sees the call`, async () => {
    let calls = 0;
    await through(
      () => calls++,
      async (gateway) => {
        const { headers } = await exchange(gateway.address, grpcHeaders("/s/M", { "grpc-timeout": timeout }), hello);
        assert.deepEqual([headers[":status"], headers["grpc-status"]], [200, "13"]);
        assert.match(decodeURIComponent(String(headers["grpc-message"])), /malformed grpc-timeout/);
        assert.equal(calls, 0);
      },
    );
  });
}

test("deadline: one of eleven thousand years is no deadline", () =>
  through(echo, async (gateway) => {
    const { trailers } = await exchange(gateway.address, grpcHeaders("/s/Echo", { "grpc-timeout": "99999999H" }), hello);
    assert.deepEqual(trailers, ["grpc-status", "0"]);
  }));

const cancels = [
  { name: "before the backend has answered", serve: () => {}, until: (_: number) => true },
  {
    name: "while the answer is flowing and nobody reads it",
    serve: (stream: ServerHttp2Stream) => void flood(stream, 1 << 30),
    until: (responses: number) => responses > 0,
  },
];
for (const tc of cancels) {
  test(`cancel: a client that gives up ${tc.name} cancels at the backend`, async () => {
    const held: ServerHttp2Stream[] = [];
    await through(
      (stream) => {
        held.push(stream);
        tc.serve(stream);
      },
      async (gateway) => {
        const session = connect(gateway.url);
        const stream = session.request(grpcHeaders("/s/M"));
        let responses = 0;
        stream.on("response", () => responses++);
        stream.on("error", () => {});
        stream.pause();
        while (held.length === 0 || !tc.until(responses)) await turn();
        const closed = once(held[0]!, "close");
        stream.close(8);
        await closed;
        assert.equal(held[0]!.rstCode, 8);
        session.destroy();
      },
    );
  });
}

test("cancel: a client whose connection breaks cancels all its calls at the backend", async () => {
  const held: ServerHttp2Stream[] = [];
  await through(
    (stream) => held.push(stream),
    async (gateway) => {
      const session = connect(gateway.url);
      for (let i = 0; i < 5; i++) session.request(grpcHeaders("/s/M")).on("error", () => {});
      while (held.length < 5) await turn();
      const closed = held.map((stream) => once(stream, "close"));
      session.destroy();
      await Promise.all(closed);
      for (const stream of held) assert.equal(stream.rstCode, 8);
    },
  );
});

const resets = [
  { code: 8, status: "1" },
  { code: 2, status: "13" },
  { code: 11, status: "8" },
];
for (const tc of resets) {
  test(`reset: a backend's reset ${tc.code} is a status ${tc.status}, before an answer and in the middle of one`, async () => {
    using backend = await rawServer((peer) => {
      for (const id of [1, 3]) {
        void peer
          .until((f) => f.stream === id && f.type === frameType.headers)
          .then(() => peer.send(...(id === 1 ? [] : [headersFrame(id)]), encodeFrame(frameType.rstStream, 0, id, uint32(tc.code))));
      }
    });
    await using gateway = await startGateway([`127.0.0.1:${backend.port}`]);
    const early = await exchange(gateway.address, grpcHeaders("/s/Early"), hello);
    assert.deepEqual([early.headers[":status"], early.headers["grpc-status"]], [200, tc.status]);
    const late = await exchange(gateway.address, grpcHeaders("/s/Late"), hello);
    assert.deepEqual([late.headers[":status"], late.headers["grpc-status"], late.trailers.slice(0, 2)], [200, undefined, ["grpc-status", tc.status]]);
  });
}

function headersFrame(stream: number): Buffer {
  return encodeFrame(frameType.headers, frameFlag.endHeaders, stream, encodeHeaders({ ":status": "200", "content-type": "application/grpc" }));
}

test("failure: a backend that dies before it has answered is Unavailable, and the call is not sent again", async () => {
  let [lost, answered, sent] = [0, 0, 0];
  await using dying = await startBackend(() => {
    lost++;
    dying.die();
  });
  await using other = await startBackend((stream) => {
    answered++;
    echo(stream);
  });
  await using gateway = await startGateway([dying.address, other.address]);
  let status: unknown;
  for (; lost === 0; sent++) {
    const { headers } = await exchange(gateway.address, grpcHeaders("/s/M"), hello);
    status = [headers["grpc-status"], headers["grpc-message"]];
  }
  assert.deepEqual(status, ["14", "the connection to the model server was lost"]);
  assert.equal(lost + answered, sent);
});

test("failure: a backend that dies in the middle of its answer ends it with Unavailable", async () => {
  await through(
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(hello);
    },
    async (gateway, backend) => {
      const session = connect(gateway.url);
      const stream = session.request(grpcHeaders("/s/Half"));
      await once(stream, "data");
      stream.resume();
      const trailers = once(stream, "trailers");
      backend.die();
      assert.deepEqual([(await trailers)[0]["grpc-status"], (await trailers)[0]["grpc-message"]], ["14", "the connection to the model server was lost"]);
      session.destroy();
    },
  );
});

test("failure: what strangers are told names no address", async () => {
  await using gateway = await startGateway(["127.0.0.1:1"]);
  const { headers } = await exchange(gateway.address, grpcHeaders("/s/M"), hello);
  assert.deepEqual([headers["grpc-status"], headers["grpc-message"]], ["14", "no model server is available"]);
});

test("early end: a client that still sends has its answer, and a second later is told to stop; the backend's stream is freed at once", async () => {
  const clock = fakeClock();
  let backendClosed: Promise<unknown> | undefined;
  await through(
    (stream) => {
      backendClosed = once(stream, "close");
      stream.respond({ ...nodeHeaders(trailersOnly(newError(Code.ResourceExhausted, "enough"))) }, { endStream: true });
      stream.resume();
    },
    async (gateway) => {
      const session = connect(gateway.url);
      const stream = session.request(grpcHeaders("/s/M"), { endStream: false });
      stream.write(hello);
      const [headers] = await once(stream, "response");
      assert.equal(headers["grpc-status"], "8");
      await backendClosed;
      stream.resume();
      const closed = once(stream, "close");
      await clock.advance(999);
      assert.equal(stream.closed, false);
      await clock.advance(1);
      await closed;
      assert.equal(stream.rstCode, 0);
      session.destroy();
    },
    clock,
  );
});

test("drain: calls in flight finish, none is lost but those that the client knows were not seen", async () => {
  const held: ServerHttp2Stream[] = [];
  await using backend = await startBackend((stream) => {
    stream.resume();
    stream.on("end", () => setImmediate(() => (held.length < 8 ? void held.push(stream) : reply(stream, hello))));
  });
  await using started = await startGateway([backend.address]);
  await untilReady(started);
  await using channel = newChannel({ address: started.address, clock: systemClock(), logger: discard() });
  using ctx = withCancel(background());
  const results = { ok: 0, refused: 0, lost: 0 };
  /** call goes through open: it sees whether a failed call was refused unseen. */
  const call = (): Promise<void> =>
    new Promise((resolve) => {
      const end = (result: keyof typeof results) => () => {
        results[result]++;
        resolve();
      };
      const opened = channel.open(fieldsFrom(grpcHeaders("/s/M", { ":scheme": "http", ":authority": "a" })), {
        onHeaders() {},
        onData() {},
        onEnd: end("ok"),
        onError: (_failure, refused) => end(refused ? "refused" : "lost")(),
        onDrain() {},
      });
      opened.write(hello);
      opened.end();
    });
  const load = Array.from({ length: 16 }, async () => {
    while (!ctx.signal.aborted && results.refused < 16) await call();
  });
  while (results.ok < 500) await turn();
  const drained = started.gateway.drain(60_000);
  for (let i = 0; i < 20; i++) await turn();
  for (const stream of held) reply(stream, hello);
  await drained;
  ctx.cancel();
  await Promise.all(load);
  assert.equal(results.lost, 0);
  assert.ok(results.ok >= 508, `${results.ok}`);
});
