// What a server that has too much to do says, over every protocol, and what it goes on answering all the same.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { GetModelStatusResponseSchema, ModelService, PredictionService, PredictRequestSchema, PredictResponseSchema } from "@tfs/proto";
import { newBudget, newChannel, newListener } from "@tfs/rpc";
import { newUnary } from "@tfs/services";
import { background, Code, type Failure, isFailure, newError, systemClock, toFailure } from "@tfs/std";
import { DType, newTensor, toMessage } from "@tfs/tensor";
import { newGrpcHandler } from "./grpc/index.ts";
import { meter, models, serve, silent, wires } from "./testing/index.ts";

const clock = systemClock();
const logger = silent;
const refusal = newError(Code.Unavailable, "too much to do");

/** refusing serves two methods, of which one runs models and is refused to whom `refuse` says. */
async function refusing(refuse: (low: boolean) => Failure | undefined) {
  const predict = newUnary(PredictionService.method.predict, async () => create(PredictResponseSchema, {}));
  const status = newUnary(ModelService.method.getModelStatus, async () => create(GetModelStatusResponseSchema, {}));
  const admission = { refuse };
  const handler = newGrpcHandler({
    methods: new Map([predict, status]),
    runs: new Set([predict[0]]),
    admission,
    meter: meter(),
    messages: newBudget(1000),
    maxMessageBytes: 1 << 20,
    failureOf: toFailure,
  });
  const listener = newListener({ ...handler, clock, logger });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  return { url: `http://127.0.0.1:${address.port}`, [Symbol.asyncDispose]: () => listener.close() };
}

const codeOf = (call: Promise<unknown>): Promise<Code> =>
  call.then(
    () => Code.Ok,
    (err: { readonly code: Code }) => err.code,
  );

test("who is refused hears it over every protocol, before the request is read, and what runs no model is not", async () => {
  await using server = await refusing(() => refusal);
  for (const wire of wires(server.url)) {
    using _ = wire;
    const [prediction, model] = [createClient(PredictionService, wire.transport), createClient(ModelService, wire.transport)];
    const large = { modelSpec: { name: "x".repeat(100_000) } };
    for (const request of [{}, large]) await assert.rejects(prediction.predict(request), { code: Code.Unavailable, rawMessage: "too much to do" }, wire.name);
    assert.equal(await codeOf(model.getModelStatus({})), Code.Ok, wire.name);
  }
});

test("low priority is said by a header", async () => {
  await using server = await refusing((low) => (low ? refusal : undefined));
  for (const wire of wires(server.url)) {
    using _ = wire;
    const { predict } = createClient(PredictionService, wire.transport);
    for (const [priority, want] of [
      ["low", Code.Unavailable],
      ["high", Code.Ok],
    ] as const)
      assert.equal(await codeOf(predict({}, { headers: { "tfs-priority": priority } })), want, wire.name);
    assert.equal(await codeOf(predict({})), Code.Ok, wire.name);
  }
});

test("requests that are larger than what may be held are refused, and leave nothing behind", async () => {
  await using server = await refusing(() => undefined);
  for (const wire of wires(server.url)) {
    using _ = wire;
    const { predict } = createClient(PredictionService, wire.transport);
    for (let i = 0; i < 3; i++) {
      const large = predict({ modelSpec: { name: "x".repeat(1001) } });
      await assert.rejects(large, { code: Code.ResourceExhausted, rawMessage: "the requests in flight are larger than 1000 bytes together" }, wire.name);
      assert.equal(await codeOf(predict({ modelSpec: { name: "x".repeat(500) } })), Code.Ok, wire.name);
    }
  }
});

test("past --max_concurrent_requests REST says 429 with Retry-After, and status, health and readiness go on", async () => {
  await using served = await serve(["half_plus_two"], { maxCalls: 1 });
  const url = `${served.rest}/v1/models/half_plus_two`;
  const post = (priority: string) => fetch(`${url}:predict`, { method: "POST", body: '{"instances":[2]}', headers: { "tfs-priority": priority } });
  const low = await post("low");
  assert.deepEqual([low.status, await low.json()], [200, { predictions: [4] }]);
  // Each hears one or the other, as it finds the one place taken or not.
  const all = await Promise.all(Array.from({ length: 200 }, () => post("")));
  for (const answer of all) {
    assert.ok(answer.status === 200 || answer.status === 429, String(answer.status));
    assert.equal(answer.headers.get("retry-after"), answer.status === 429 ? "1" : null);
  }
  for (const path of [url, `${url}/metadata`, `${served.rest}/healthz`, `${served.rest}/readyz`]) assert.equal((await fetch(path)).status, 200, path);
});

test("ten thousand calls that come at once and wait long enough are all answered", async () => {
  await using served = await serve([{ name: "m", basePath: join(models, "half_plus_two") }]);
  const inputs = { x: toMessage(newTensor(DType.Float, [1], Float32Array.of(2)), "values") };
  const message = toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec: { name: "m" }, inputs }));
  const path = "/tensorflow.serving.PredictionService/Predict";
  const channels = Array.from({ length: 40 }, () => newChannel({ address: served.started.grpc[0]!, clock, logger }));
  try {
    const ctx = { ...background(), deadline: clock.now() + 100_000 };
    for (const channel of channels) await channel.unary(ctx, path, message); // connected before it begins
    const calls = channels.flatMap((channel) => Array.from({ length: 250 }, () => channel.unary(ctx, path, message)));
    const ends = await Promise.allSettled(calls);
    const failed = ends.filter((end) => end.status === "rejected").map(({ reason }) => (isFailure(reason) ? reason.message : String(reason)));
    assert.deepEqual([failed.length, failed[0]], [0, undefined]);
  } finally {
    for (const channel of channels) await channel[Symbol.asyncDispose]();
  }
});
