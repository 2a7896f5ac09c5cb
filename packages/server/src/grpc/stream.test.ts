import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { type PredictRequest, PredictRequestSchema } from "@tfs/proto";
import { type PredictStreamResponse, PredictStreamResponseSchema, ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { frameMessage, newBudget, newDeframer, newListener } from "@tfs/rpc";
import { background, type Ctx, done, newError, systemClock, toFailure } from "@tfs/std";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { admitting, meter, models, serve, silent, wires } from "../testing/index.ts";
import { newGrpcHandler } from "./routes.ts";
import { newPredictStream, type PredictStream } from "./stream.ts";

const served = await serve(["half_plus_two", "matrix"]);
const all = wires(served.grpc);
after(async () => {
  for (const wire of all) wire[Symbol.dispose]();
  await served[Symbol.asyncDispose]();
});

const ask = (x: number, name = "half_plus_two"): PredictRequest =>
  create(PredictRequestSchema, { modelSpec: { name }, inputs: { x: toMessage(newTensor(DType.Float, [], Float32Array.of(x))) } });

/** said is an answer in short: the value of y, or a code and a text. */
function said({ answer }: PredictStreamResponse): unknown {
  if (answer.case === "response") return answer.value.outputs["y"]?.floatVal[0];
  return answer.case === "error" ? [answer.value.code, answer.value.message] : answer;
}

async function* each<T>(items: readonly T[]): AsyncIterable<T> {
  for (const item of items) yield item;
}

async function answersOf(answers: AsyncIterable<PredictStreamResponse>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const answer of answers) list.push(said(answer));
  return list;
}

const notFound = [Code.NotFound, "Servable not found for request: Latest(none)"];
for (const { name, transport, duplex } of all) {
  const client = createClient(ServingService, transport);
  test(`${name}: a hundred requests have a hundred answers, in order`, async () => {
    const xs = Array.from({ length: 100 }, (_, i) => i);
    // half_plus_two's greatest version computes x / 2 + 3.
    assert.deepEqual(
      await answersOf(client.predictStream(each(xs.map((x) => ask(x))))),
      xs.map((x) => x / 2 + 3),
    );
  });
  test(`${name}: an error of one message is its answer, and the stream goes on`, async () => {
    const noInputs = create(PredictRequestSchema, { modelSpec: { name: "half_plus_two" } });
    const [first, second, third, fourth] = await answersOf(client.predictStream(each([ask(2), ask(2, "none"), noInputs, ask(4)])));
    assert.deepEqual([first, second, fourth], [4, notFound, 5]);
    assert.deepEqual(third, [
      Code.InvalidArgument,
      "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
    ]);
  });
  test(`${name}: no requests have no answers`, async () => assert.deepEqual(await answersOf(client.predictStream(each([]))), []));
  if (!duplex) continue;
  test(`${name}: question and answer in turn`, async () => {
    let next: (x: number | undefined) => void = () => {};
    const questions = async function* (): AsyncIterable<PredictRequest> {
      yield ask(0);
      for (;;) {
        const x = await new Promise<number | undefined>((resolve) => (next = resolve));
        if (x === undefined) return;
        yield ask(x);
      }
    };
    const heard: unknown[] = [];
    for await (const answer of client.predictStream(questions())) {
      heard.push(said(answer));
      next(heard.length < 4 ? 2 * heard.length : undefined);
    }
    assert.deepEqual(heard, [3, 4, 5, 6]);
  });
}

const path = "/tfs.serving.v1.ServingService/PredictStream";
const headers = (more: Record<string, string> = {}) => ({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...more });

test("PredictStream: bytes that are no request are that message's error", async () => {
  const session = connect(served.grpc);
  const stream = session.request(headers());
  const good = frameMessage(toBinary(PredictRequestSchema, ask(2)));
  stream.end(Buffer.concat([frameMessage(Uint8Array.of(0x0a, 9)), good]));
  const answers = newDeframer({ maxMessageBytes: 1 << 20 }).push(Buffer.concat((await stream.toArray()) as Buffer[]));
  const [bad, next] = answers.map(({ bytes }) => said(fromBinary(PredictStreamResponseSchema, bytes)));
  assert.deepEqual([(bad as unknown[])[0], next], [Code.Internal, 4]);
  session.destroy();
});

const broken: readonly { readonly name: string; readonly pieces: readonly Uint8Array[]; readonly want: readonly [string, RegExp] }[] = [
  { name: "in the same piece", pieces: [Buffer.concat([frameMessage(asked(2)), Uint8Array.of(9, 0, 0, 0, 0)])], want: ["13", /invalid message flags 9/] },
  { name: "in the next one", pieces: [frameMessage(asked(2)), Uint8Array.of(9, 0, 0, 0, 0)], want: ["13", /invalid message flags 9/] },
  { name: "that is cut", pieces: [frameMessage(asked(2)), Uint8Array.of(0, 0, 0, 0, 9, 1)], want: ["13", /ended inside a message/] },
];
for (const tc of broken) {
  test(`PredictStream: a frame that cannot be read, ${tc.name}, ends the stream behind the answers to what came before`, async () => {
    const session = connect(served.grpc);
    const stream = session.request(headers());
    const trailers = once(stream, "trailers") as Promise<[IncomingHttpHeaders]>;
    for (const piece of tc.pieces) stream.write(piece);
    stream.end();
    const answers = newDeframer({ maxMessageBytes: 1 << 20 }).push(Buffer.concat((await stream.toArray()) as Buffer[]));
    assert.deepEqual(
      answers.map(({ bytes }) => said(fromBinary(PredictStreamResponseSchema, bytes))),
      [4],
    );
    const [fields] = await trailers;
    assert.equal(fields["grpc-status"], tc.want[0]);
    assert.match(decodeURIComponent(String(fields["grpc-message"])), tc.want[1]);
    session.destroy();
  });
}
function asked(x: number): Uint8Array {
  return toBinary(PredictRequestSchema, ask(x));
}

test("PredictStream: the deadline is the stream's", async () => {
  const session = connect(served.grpc);
  const stream = session.request(headers({ "grpc-timeout": "50m" })).resume();
  const [fields] = (await once(stream, "response")) as [IncomingHttpHeaders];
  assert.deepEqual([fields["grpc-status"], fields["grpc-message"]], ["4", "Timed out waiting for notification"]);
  session.destroy();
});

test("PredictStream: a drain answers what was read, ends the stream, and is not held up by it", async () => {
  await using own = await serve([{ name: "m", basePath: join(models, "half_plus_two") }]);
  using wire = wires(own.grpc)[0]!;
  const heard: unknown[] = [];
  const talk = async (): Promise<void> => {
    const open = async function* (): AsyncIterable<PredictRequest> {
      yield ask(2, "m");
      await new Promise(() => {}); // says no more, and does not end
    };
    for await (const answer of createClient(ServingService, wire.transport).predictStream(open())) {
      heard.push(said(answer));
      void own.server.drain(60_000);
    }
  };
  await assert.rejects(talk(), (err) => {
    assert.ok(err instanceof ConnectError);
    assert.deepEqual([err.code, err.rawMessage], [Code.Unavailable, "the server is shutting down"]);
    return true;
  });
  assert.deepEqual(heard, [4]);
});

test("PredictStream: who does not read answers is asked for no more, and loses none when it reads", async () => {
  // An answer is as large as its request: far more than both sides' windows together.
  const rows = 20_000;
  const count = 300;
  const request = create(PredictRequestSchema, {
    modelSpec: { name: "half_plus_two" },
    inputs: { x: toMessage(newTensor(DType.Float, [rows], new Float32Array(rows).fill(2)), "content") },
  });
  const message = frameMessage(toBinary(PredictRequestSchema, request));
  const session = connect(served.grpc, { settings: { initialWindowSize: 0 }, maxSessionMemory: 1000 });
  await once(session, "remoteSettings");
  const stream = session.request(headers());
  for (let i = 0; i < count; i++) stream.write(message);
  stream.end();
  await once(stream, "response");
  // So long as the other side takes something, less waits here from one answer to a ping to the next.
  for (let before = Number.POSITIVE_INFINITY, quiet = 0; quiet < 20; ) {
    await new Promise<void>((resolve, reject) => session.ping((err) => (err === null ? resolve() : reject(err))));
    quiet = stream.writableLength < before ? 0 : quiet + 1;
    before = stream.writableLength;
  }
  assert.ok(stream.writableLength > (count / 2) * message.length, `${stream.writableLength} bytes of ${count * message.length} still wait here`);
  session.settings({ initialWindowSize: 1 << 24 });
  session.setLocalWindowSize(1 << 24);
  const deframer = newDeframer({ maxMessageBytes: 1 << 24 });
  let answers = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    for (const { bytes } of deframer.push(part)) {
      assert.equal(said(fromBinary(PredictStreamResponseSchema, bytes)), 4);
      answers++;
    }
  }
  assert.equal(answers, count);
  session.destroy();
});

/** Late is a method like Predict whose answers the test gives, when it wants. */
interface Late {
  readonly waiting: { readonly ctx: Ctx; readonly request: number; readonly settle: (failure?: Error) => void }[];
  /** came resolves when so many wait. */
  came(count: number): Promise<void>;
}

async function withLate(use: (url: string, late: Late, stream: PredictStream) => Promise<void>): Promise<void> {
  const waiting: Late["waiting"] = [];
  let wake = (): void => {};
  const answer = (ctx: Ctx, bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      waiting.push({ ctx, request: bytes[0]!, settle: (failure) => (failure === undefined ? resolve(Uint8Array.of(0x0a, 2, 0x1a, 0)) : reject(failure)) });
      wake();
    });
  const came = async (count: number): Promise<void> => {
    while (waiting.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  const predictStream = newPredictStream({ predict: { kind: "unary", name: "Predict", proto: answer, json: answer }, failureOf: toFailure });
  const handler = newGrpcHandler({
    methods: new Map([[path, predictStream.method]]),
    runs: new Set(),
    admission: admitting,
    meter: meter(),
    messages: newBudget(1 << 30),
    maxMessageBytes: 1 << 20,
    failureOf: toFailure,
  });
  const listener = newListener({ ...handler, clock: systemClock(), logger: silent });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  try {
    await use(`http://127.0.0.1:${address.port}`, { waiting, came }, predictStream);
  } finally {
    await listener.close();
  }
}

test("PredictStream: sixteen messages are worked on at a time, and answered in their order whichever is done first", () =>
  withLate(async (url, { waiting, came }) => {
    const session = connect(url);
    const stream = session.request(headers());
    stream.end(Buffer.concat(Array.from({ length: 40 }, (_, i) => frameMessage(Uint8Array.of(i)))));
    await came(16);
    await new Promise<void>((resolve, reject) => session.ping((err) => (err === null ? resolve() : reject(err))));
    assert.equal(waiting.length, 16);
    for (let done = 0; done < 40; ) {
      const now = waiting.slice(done);
      done = waiting.length;
      for (const { request, settle } of now.reverse()) settle(request % 2 === 1 ? newError(9, `${request} is odd`) : undefined);
      await came(Math.min(40, done + 16));
      assert.ok(waiting.length <= done + 16);
    }
    const answers = newDeframer({ maxMessageBytes: 100 }).push(Buffer.concat((await stream.toArray()) as Buffer[]));
    const want = Array.from({ length: 40 }, (_, i) => (i % 2 === 1 ? [9, `${i} is odd`] : undefined));
    assert.deepEqual(
      answers.map(({ bytes }) => said(fromBinary(PredictStreamResponseSchema, bytes))),
      want,
    );
    session.destroy();
  }));

test("PredictStream: what is worked on for a client that goes away is wanted no longer", () =>
  withLate(async (url, { waiting, came }) => {
    const session = connect(url);
    const stream = session.request(headers());
    stream.on("error", () => {});
    stream.write(frameMessage(Uint8Array.of(1)));
    await came(1);
    const { ctx } = waiting[0]!;
    assert.equal(ctx.signal.aborted, false);
    stream.close(8);
    await done(ctx);
    session.destroy();
  }));

test("PredictStream: a drain waits for what is worked on, and takes no stream that comes later", () =>
  withLate(async (url, { waiting, came }, { drain }) => {
    const session = connect(url);
    const early = session.request(headers());
    early.write(Buffer.concat([frameMessage(Uint8Array.of(1)), frameMessage(Uint8Array.of(2))]));
    await came(2);
    drain();
    const late = session.request(headers()).resume();
    const [fields] = (await once(late, "response")) as [IncomingHttpHeaders];
    assert.deepEqual([fields["grpc-status"], fields["grpc-message"]], ["14", "the server is shutting down"]);
    early.write(frameMessage(Uint8Array.of(3)));
    for (const { settle } of waiting) settle();
    const trailers = once(early, "trailers") as Promise<[IncomingHttpHeaders]>;
    assert.equal(newDeframer({ maxMessageBytes: 100 }).push(Buffer.concat((await early.toArray()) as Buffer[])).length, 2);
    assert.equal((await trailers)[0]["grpc-status"], "14");
    session.destroy();
  }));
