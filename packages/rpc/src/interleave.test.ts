// Streams with everything at random: sizes, compression, the cuts between the bytes, who waits for whom and when. What arrives is what was sent, at either end,
// with servers made of node:http2 and of @grpc/grpc-js.
import assert from "node:assert/strict";
import type { ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { background, discard, systemClock } from "@tfs/std";
import fc from "fast-check";
import { type Channel, decompress, frameMessage, newChannel, newDeframer } from "./index.ts";
import { startBackend } from "./testing/index.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** Part is a message, and how many turns its sender, or its reader, rests before it. */
interface Part {
  readonly bytes: number;
  readonly seed: number;
  readonly rest: number;
  readonly compressed: boolean;
}

const part: fc.Arbitrary<Part> = fc.record({
  bytes: fc.oneof(fc.nat(20), fc.nat(20_000), fc.nat(300_000)),
  seed: fc.nat(255),
  rest: fc.oneof(fc.constant(0), fc.nat(5)),
  compressed: fc.boolean(),
});
const parts = fc.array(part, { maxLength: 8 });

const script = fc.record({
  asks: parts,
  answers: parts,
  /** Before answer i the server waits until so many messages have come, as far as there are as many. */
  after: fc.array(fc.nat(8), { minLength: 8, maxLength: 8 }),
  /** The answers' bytes are cut so often, at shares of their length. */
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
  readerRests: fc.array(fc.nat(4), { minLength: 8, maxLength: 8 }),
  compression: fc.boolean(),
});
type Script = typeof script extends fc.Arbitrary<infer T> ? T : never;

/** messageOf makes a message that differs from place to place. */
function messageOf({ bytes, seed }: Part): Uint8Array {
  const message = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) message[i] = i * 31 + (i >> 8) + seed;
  return message;
}

/** Server plays a script, and says what it has received. */
interface Server extends AsyncDisposable {
  readonly address: string;
  play(script: Script): Promise<readonly Uint8Array[]>;
}

/** newInbox keeps what comes, and tells when so much has come. */
function newInbox() {
  const messages: Uint8Array[] = [];
  const looks: (() => void)[] = [];
  let ended = false;
  const look = (): void => {
    for (const one of looks.splice(0)) one();
  };
  return {
    messages,
    put(message: Uint8Array): void {
      messages.push(message);
      look();
    },
    end(): void {
      ended = true;
      look();
    },
    async until(count: number): Promise<void> {
      while (messages.length < count && !ended) await new Promise<void>((resolve) => looks.push(resolve));
    },
    async whole(): Promise<void> {
      while (!ended) await new Promise<void>((resolve) => looks.push(resolve));
    },
  };
}

async function http2Server(): Promise<Server> {
  let onStream = (_stream: ServerHttp2Stream, _encoding: unknown): void => {};
  const backend = await startBackend((stream, headers) => onStream(stream, headers["grpc-encoding"]));
  return {
    address: backend.address,
    play: (script) =>
      new Promise((resolve, reject) => {
        onStream = (stream, encoding) => void serve(script, stream, encoding === undefined ? undefined : String(encoding)).then(resolve, reject);
      }),
    [Symbol.asyncDispose]: () => backend.stop(),
  };

  async function serve({ answers, after, cuts }: Script, stream: ServerHttp2Stream, encoding: string | undefined): Promise<readonly Uint8Array[]> {
    const inbox = newInbox();
    const deframer = newDeframer({ maxMessageBytes: 1 << 20 });
    const plain: Promise<Uint8Array>[] = [];
    stream.on("data", (chunk: Buffer) => {
      for (const message of deframer.push(chunk)) {
        plain.push(decompress(message, encoding, 1 << 20));
        inbox.put(message.bytes);
      }
    });
    stream.on("end", () => inbox.end());
    stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-encoding": "gzip" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    const framed = answers.map((one) => frameMessage(one.compressed ? gzipSync(messageOf(one)) : messageOf(one), one.compressed));
    const total = Buffer.concat(framed).length;
    const edges = cuts.map((share) => Math.floor(share * total)).sort((a, b) => a - b);
    let at = 0;
    for (const [i, bytes] of framed.entries()) {
      await inbox.until(after[i]!);
      await turns(answers[i]!.rest);
      let from = 0;
      for (const edge of edges.filter((one) => one > at && one < at + bytes.length)) {
        stream.write(bytes.subarray(from, edge - at));
        from = edge - at;
        await turn();
      }
      stream.write(bytes.subarray(from));
      at += bytes.length;
    }
    await inbox.whole();
    stream.end();
    deframer.end();
    return await Promise.all(plain);
  }
}

async function grpcjsServer(): Promise<Server> {
  let onCall = (_: grpc.ServerDuplexStream<Buffer, Buffer>): void => {};
  const same = (bytes: Buffer): Buffer => bytes;
  const codec = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService(
    { M: { path: "/s/M", requestStream: true, responseStream: true, ...codec } },
    { M: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => onCall(call) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (err, bound) => (err === null ? resolve(bound) : reject(err))),
  );
  return {
    address: `127.0.0.1:${port}`,
    play: (script) => new Promise((resolve, reject) => (onCall = (call) => void serve(script, call).then(resolve, reject))),
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };

  async function serve({ answers, after }: Script, call: grpc.ServerDuplexStream<Buffer, Buffer>): Promise<readonly Uint8Array[]> {
    const inbox = newInbox();
    call.on("data", (message: Buffer) => inbox.put(message));
    call.on("end", () => inbox.end());
    for (const [i, answer] of answers.entries()) {
      await inbox.until(after[i]!);
      await turns(answer.rest);
      call.write(Buffer.from(messageOf(answer)));
    }
    await inbox.whole();
    call.end();
    return inbox.messages;
  }
}

/** converse sends a script's messages and gives the answers. */
async function converse(channel: Channel, { asks, readerRests, compression }: Script): Promise<readonly Uint8Array[]> {
  async function* messages(): AsyncGenerator<Uint8Array> {
    for (const ask of asks) {
      await turns(ask.rest);
      yield messageOf(ask);
    }
  }
  const got: Uint8Array[] = [];
  const call = channel.stream(background(), "/s/M", messages(), compression ? { compression: "gzip" } : {});
  for await (const message of call.messages) {
    got.push(message);
    await turns(readerRests[got.length - 1]!);
  }
  return got;
}

function same(got: readonly Uint8Array[], want: readonly Part[]): void {
  assert.deepEqual(
    got.map((message) => message.length),
    want.map(({ bytes }) => bytes),
  );
  for (const [i, message] of got.entries()) assert.equal(Buffer.compare(message, messageOf(want[i]!)), 0, `message ${i} of ${message.length} bytes differs`);
}

for (const [name, start] of [
  ["node:http2", http2Server],
  ["grpc-js", grpcjsServer],
] as const) {
  for (const streamWindowBytes of [16 << 10, 1 << 20]) {
    test(`streams at random against ${name}, windows of ${streamWindowBytes >> 10} KiB`, async () => {
      await using server = await start();
      const channel = newChannel({ address: server.address, clock: systemClock(), logger: discard(), limits: { streamWindowBytes, connectMs: 60_000 } });
      try {
        await fc.assert(
          fc.asyncProperty(script, async (script) => {
            const [received, got] = await Promise.all([server.play(script), converse(channel, script)]);
            same(received, script.asks);
            same(got, script.answers);
          }),
          { numRuns: 15 },
        );
        assert.equal(channel.inFlight, 0);
      } finally {
        await channel.destroy();
      }
    });
  }
}
