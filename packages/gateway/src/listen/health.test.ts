import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { HealthListResponseSchema } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { frameMessage, newDeframer } from "@tfs/rpc";
import { type Backend, echo, startBackend } from "@tfs/rpc/testing";
import { fakeClock } from "@tfs/std/testing";
import { type Exchanged, exchange, freePort, grpcHeaders, type Started, startGateway, turn, untilReady } from "../testing/index.ts";

const predictionService = "tensorflow.serving.PredictionService";

/** ask is a HealthCheckRequest. */
function ask(service: string): Buffer {
  return service === "" ? Buffer.alloc(0) : Buffer.concat([Uint8Array.of(0x0a, service.length), Buffer.from(service)]);
}

function call(address: string, method: string, request: Uint8Array, headers: Record<string, string> = {}, compressed = false): Promise<Exchanged> {
  return exchange(address, grpcHeaders(`/grpc.health.v1.Health/${method}`, headers), frameMessage(request, compressed));
}

async function withGateway(use: (gateway: Started, backend: Backend) => Promise<void>): Promise<void> {
  await using backend = await startBackend(echo);
  await using gateway = await startGateway([backend.address]);
  await untilReady(gateway);
  await use(gateway, backend);
}

const [serving, notServing, serviceUnknown] = [Uint8Array.of(8, 1), Uint8Array.of(8, 2), Uint8Array.of(8, 3)];

const checks = [
  { name: "the gateway as a whole", request: ask("") },
  { name: "the empty name, spelled out", request: Uint8Array.of(0x0a, 0) },
  { name: "a service of TensorFlow Serving", request: ask(predictionService) },
  { name: "a service, in a field after one that is unknown", request: Buffer.concat([Uint8Array.of(0x78, 5), ask("tensorflow.serving.ModelService")]) },
];
for (const tc of checks) {
  test(`health: Check of ${tc.name} is answered here, with a status of its own`, () =>
    withGateway(async (gateway) => {
      const { headers, body, trailers } = await call(gateway.address, "Check", tc.request);
      assert.equal(headers["content-type"], "application/grpc");
      assert.deepEqual([body, trailers], [Buffer.from(frameMessage(serving)), ["grpc-status", "0"]]);
    }));
}

test("health: a compressed question is read", () =>
  withGateway(async (gateway) => {
    const { body } = await call(gateway.address, "Check", gzipSync(ask(predictionService)), { "grpc-encoding": "gzip" }, true);
    assert.deepEqual(body, Buffer.from(frameMessage(serving)));
  }));

const refused = [
  { name: "Check of a service that nobody knows is NOT_FOUND", request: ask("a.B"), method: "Check", status: "5" },
  { name: "the gateway's own services have no health beside the gateway's", request: ask("grpc.health.v1.Health"), method: "Check", status: "5" },
  { name: "a method that there is not is UNIMPLEMENTED", request: ask(""), method: "Chek", status: "12" },
  { name: "a question of a megabyte is RESOURCE_EXHAUSTED", request: new Uint8Array(1 << 20), method: "Check", status: "8" },
  { name: "bytes that are no question are INTERNAL", request: Uint8Array.of(0x0a, 9, 1), method: "Watch", status: "13" },
];
for (const tc of refused) {
  test(`health: ${tc.name}`, () =>
    withGateway(async (gateway) => assert.equal((await call(gateway.address, tc.method, tc.request)).headers["grpc-status"], tc.status)));
}

test("health: a call without a message is UNIMPLEMENTED", () =>
  withGateway(async (gateway) => assert.equal((await exchange(gateway.address, grpcHeaders("/grpc.health.v1.Health/Check"))).headers["grpc-status"], "12")));

test("health: List has the gateway as a whole and every service that it knows, and none of its own", () =>
  withGateway(async (gateway) => {
    const { body } = await call(gateway.address, "List", new Uint8Array());
    const { statuses } = fromBinary(HealthListResponseSchema, body.subarray(5));
    assert.deepEqual(Object.keys(statuses).sort(), [
      "",
      "tensorflow.serving.ModelService",
      "tensorflow.serving.PredictionService",
      "tensorflow.serving.SessionService",
      "tfs.serving.v1.ServingService",
    ]);
    for (const { status } of Object.values(statuses)) assert.equal(status, 1);
  }));

/** Watch is an open Watch call, and what it has heard. */
interface Watch {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  readonly heard: Uint8Array[];
  /** until resolves when so many statuses were heard. */
  until(count: number): Promise<void>;
}

function watch(address: string, service: string): Watch {
  const session = connect(`http://${address}`);
  const stream = session.request(grpcHeaders("/grpc.health.v1.Health/Watch"));
  stream.end(frameMessage(ask(service)));
  const heard: Uint8Array[] = [];
  const deframer = newDeframer({ maxMessageBytes: 100 });
  stream.on("data", (part: Buffer) => heard.push(...deframer.push(part).map(({ bytes }) => Uint8Array.from(bytes))));
  return {
    session,
    stream,
    heard,
    async until(count) {
      while (heard.length < count) await once(stream, "data");
    },
  };
}

test("health: a watcher hears the status at once, and each change of it", async () => {
  const clock = fakeClock();
  const port = await freePort();
  await using gateway = await startGateway([`127.0.0.1:${port}`], {}, { clock });
  const watcher = watch(gateway.address, predictionService);
  await watcher.until(1);
  await using backend = await startBackend(echo, { port });
  while (watcher.heard.length < 2) {
    await clock.advance(50);
    await turn();
  }
  await backend.stop();
  while (watcher.heard.length < 3) {
    await clock.advance(50);
    await turn();
  }
  assert.deepEqual(watcher.heard, [notServing, serving, notServing]);
  watcher.session.destroy();
});

test("health: a drain reaches watchers at once, ends their calls, and is not held up by them", () =>
  withGateway(async (gateway) => {
    const watchers = [watch(gateway.address, ""), watch(gateway.address, "a.B")];
    const trailers: IncomingHttpHeaders[] = [];
    for (const { stream } of watchers) stream.on("trailers", (fields: IncomingHttpHeaders) => trailers.push(fields));
    await Promise.all(watchers.map((watcher) => watcher.until(1)));
    const closed = Promise.all(watchers.map(({ session }) => once(session, "close")));
    await gateway.gateway.drain(60_000);
    await closed;
    assert.deepEqual(
      watchers.map(({ heard }) => heard),
      [[serving, notServing], [serviceUnknown]],
    );
    assert.deepEqual(
      trailers.map((fields) => [fields["grpc-status"], fields["grpc-message"]]),
      Array(2).fill(["14", "the gateway is shutting down"]),
    );
  }));

test("health: there may be a thousand watchers and no more; one that leaves makes room", () =>
  withGateway(async (gateway) => {
    const sessions = Array.from({ length: 5 }, () => connect(`http://${gateway.address}`));
    const open = async (session: ClientHttp2Session): Promise<[IncomingHttpHeaders, ClientHttp2Stream]> => {
      const stream = session.request(grpcHeaders("/grpc.health.v1.Health/Watch"));
      stream.on("error", () => {}).resume();
      stream.end(frameMessage(ask("")));
      const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
      return [headers, stream];
    };
    const opened = await Promise.all(Array.from({ length: 1000 }, (_, i) => open(sessions[i % 5]!)));
    for (const [headers] of opened) assert.equal(headers["grpc-status"], undefined);
    assert.equal((await open(sessions[0]!))[0]["grpc-status"], "8");
    opened[0]![1].close();
    let status: unknown = "8";
    while (status !== undefined) status = (await open(sessions[0]!))[0]["grpc-status"];
    for (const session of sessions) session.destroy();
  }));
