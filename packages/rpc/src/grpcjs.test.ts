// @grpc/grpc-js is the peer here: an implementation of gRPC that shares nothing with ours but node:http2.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { background, Code, discard, newError, systemClock, withCancel, withTimeout } from "@tfs/std";
import {
  type Channel,
  collectBody,
  decodeBinary,
  decompress,
  encodeBinary,
  fieldsOf,
  frameMessage,
  grpcAnswer,
  newChannel,
  newDeframer,
  newField,
  newFields,
  newListener,
  parseTimeout,
  trailersFor,
  trailersOnly,
} from "./index.ts";
import { ignoreBody } from "./exchange.ts";

const same = (bytes: Buffer): Buffer => bytes;
const method = (path: string) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
type Handler = grpc.handleUnaryCall<Buffer, Buffer>;

async function withServer(handlers: Record<string, Handler>, use: (channel: Channel) => Promise<void>): Promise<void> {
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService(Object.fromEntries(Object.keys(handlers).map((name) => [name, method(`/s/${name}`)])), handlers);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (err, bound) => (err === null ? resolve(bound) : reject(err))),
  );
  const channel = newChannel({ address: `127.0.0.1:${port}`, clock: systemClock(), logger: discard() });
  try {
    await use(channel);
  } finally {
    await channel.close();
    await new Promise((resolve) => server.tryShutdown(resolve));
  }
}

test("grpc-js server: message and metadata go there and back", () =>
  withServer(
    {
      Echo(call, done) {
        const trailer = new grpc.Metadata();
        trailer.set("t-bin", Buffer.from([0, 255]));
        const header = new grpc.Metadata();
        header.set("got", String(call.metadata.get("sent")[0]));
        header.set("raw-bin", call.metadata.get("raw-bin")[0] as Buffer);
        call.sendMetadata(header);
        done(null, call.request, trailer);
      },
    },
    async (channel) => {
      const metadata = { sent: "value", "raw-bin": encodeBinary(Uint8Array.of(1, 2, 250)) };
      const reply = await channel.unary(background(), "/s/Echo", Buffer.from("hello"), { metadata });
      assert.equal(Buffer.from(reply.message).toString(), "hello");
      assert.equal(reply.headers["got"], "value");
      assert.deepEqual([...decodeBinary(String(reply.headers["raw-bin"]))], [1, 2, 250]);
      assert.deepEqual([...decodeBinary(String(reply.trailers["t-bin"]))], [0, 255]);
    },
  ));

test("grpc-js server: every status arrives with its text", () =>
  withServer({ Fail: (call, done) => done({ code: call.request[0] ?? 0, details: `größe ${call.request[0]}%` }) }, async (channel) => {
    for (let code = 1; code <= 16; code++) {
      await assert.rejects(channel.unary(background(), "/s/Fail", Uint8Array.of(code)), { code, message: `größe ${code}%` });
    }
    await assert.rejects(channel.unary(background(), "/s/None", Uint8Array.of(1)), { code: Code.Unimplemented });
  }));

test("grpc-js server: it knows our deadline and sees our cancel", async () => {
  let deadline = Number.NaN;
  let cancelled = (): void => {};
  const seen = new Promise<void>((resolve) => (cancelled = resolve));
  await withServer(
    {
      Wait(call) {
        deadline = Number(call.getDeadline());
        call.on("cancelled", cancelled);
      },
    },
    async (channel) => {
      const before = Date.now();
      using outer = withTimeout(background(), 30_000);
      using ctx = withCancel(outer);
      const call = assert.rejects(channel.unary(ctx, "/s/Wait", new Uint8Array()), { code: Code.Canceled });
      while (Number.isNaN(deadline)) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(deadline > before + 20_000 && deadline <= Date.now() + 30_001, `${deadline - before}`);
      ctx.cancel();
      await call;
      await seen;
    },
  );
});

test("grpc-js server: 64 calls at a time, 100 KiB each", () =>
  withServer({ Echo: (call, done) => done(null, call.request) }, async (channel) => {
    const message = Buffer.alloc(100 << 10, "0123456789");
    const replies = await Promise.all(Array.from({ length: 64 }, () => channel.unary(background(), "/s/Echo", message)));
    for (const reply of replies) assert.equal(Buffer.compare(reply.message, message), 0);
  }));

/** withClient runs `use` with a grpc-js client of a listener of ours that echoes /s/Echo, fails /s/Fail, waits on /s/Wait and knows nothing else. */
async function withClient(
  use: (client: grpc.Client, seen: { compressed: number; timeoutMs: number; closedWith: Promise<number> }) => Promise<void>,
  options: grpc.ClientOptions = {},
): Promise<void> {
  let close = (_: number): void => {};
  const seen = { compressed: 0, timeoutMs: Number.NaN, closedWith: new Promise<number>((resolve) => (close = resolve)) };
  const listener = newListener({
    clock: systemClock(),
    logger: discard(),
    onExchange(stream) {
      const path = stream.fields.get(":path");
      if (path === "/s/Wait") {
        seen.timeoutMs = parseTimeout(stream.timeout ?? "");
        ignoreBody(stream, close);
        return;
      }
      const body = collectBody(stream, 1 << 26);
      if (path !== "/s/Echo" && path !== "/s/Fail") return stream.respond(trailersOnly(newError(Code.Unimplemented, `no method ${path}`)), true);
      body.whole().then(async (bytes) => {
        const deframer = newDeframer({ maxMessageBytes: 1 << 24 });
        const received = deframer.push(bytes);
        deframer.end();
        seen.compressed += received.filter((message) => message.compressed).length;
        const messages = await Promise.all(received.map((message) => decompress(message, stream.fields.get("grpc-encoding"), 1 << 24)));
        stream.respond(newFields([...grpcAnswer.list, newField("got", stream.fields.get("sent") ?? "undefined")]));
        for (const message of path === "/s/Fail" ? [] : messages) stream.write(frameMessage(message));
        stream.end(path === "/s/Fail" ? trailersFor(newError(Code.OutOfRange, "größe\n")) : fieldsOf(["grpc-status", "0"], ["last", "one"]));
      });
    },
  });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  const client = new grpc.Client(`127.0.0.1:${address.port}`, grpc.credentials.createInsecure(), options);
  try {
    await use(client, seen);
  } finally {
    client.close();
    await listener.drain(5000);
  }
}

function callUnary(
  client: grpc.Client,
  path: string,
  message: Buffer,
  options: grpc.CallOptions = {},
): Promise<{ readonly message: Buffer | undefined; readonly trailers: grpc.Metadata }> {
  return new Promise((resolve, reject) => {
    const metadata = new grpc.Metadata();
    metadata.set("sent", "value");
    let reply: Buffer | undefined;
    const call = client.makeUnaryRequest(path, same, same, message, metadata, options, (err, answer) => (err === null ? (reply = answer) : reject(err)));
    call.on("status", (status) => resolve({ message: reply, trailers: status.metadata }));
  });
}

test("grpc-js client: messages of 0 B to 3 MiB go there and back through our listener", () =>
  withClient(async (client) => {
    for (const size of [0, 1, 5, 16_384, 65_536, 3 << 20]) {
      const message = Buffer.alloc(size, "0123456789");
      const { message: back, trailers } = await callUnary(client, "/s/Echo", message);
      assert.equal(Buffer.compare(back ?? Buffer.of(9), message), 0, `${size} bytes`);
      assert.deepEqual(trailers.get("last"), ["one"]);
    }
  }));

for (const [algorithm, name] of [
  [1, "deflate"],
  [2, "gzip"],
] as const) {
  test(`grpc-js client: its ${name} messages are read`, () =>
    withClient(
      async (client, seen) => {
        const message = Buffer.alloc(100_000, "abc");
        assert.equal(Buffer.compare((await callUnary(client, "/s/Echo", message)).message ?? Buffer.of(), message), 0);
        assert.equal(seen.compressed, 1);
      },
      { "grpc.default_compression_algorithm": algorithm },
    ));
}

test("grpc-js client: it reads our failures, in trailers and trailers-only", () =>
  withClient(async (client) => {
    await assert.rejects(callUnary(client, "/s/Fail", Buffer.of(1)), { code: Code.OutOfRange, details: "größe\n" });
    await assert.rejects(callUnary(client, "/s/None", Buffer.of(1)), { code: Code.Unimplemented, details: "no method /s/None" });
  }));

test("grpc-js client: its deadline arrives, and so does the reset when it has passed", () =>
  withClient(async (client, seen) => {
    await assert.rejects(callUnary(client, "/s/Wait", Buffer.of(1), { deadline: Date.now() + 2000 }), { code: Code.DeadlineExceeded });
    assert.ok(seen.timeoutMs > 0 && seen.timeoutMs <= 2001, String(seen.timeoutMs));
    assert.equal(await seen.closedWith, 8);
  }));
