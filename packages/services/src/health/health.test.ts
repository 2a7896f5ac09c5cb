import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  HealthCheckRequestSchema,
  type HealthCheckResponse_ServingStatus,
  HealthCheckResponse_ServingStatus as Status,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
} from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { type Channel, type Conversation, dialectOf, formatAddress, newChannel, newListener, serveCall } from "@tfs/rpc";
import { background, Code, type Ctx, discard, systemClock, toFailure, withTimeout } from "@tfs/std";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import { serveMethod } from "../method/index.ts";
import { type Health, newHealth } from "./health.ts";

interface Known {
  readonly health: Health;
  readonly channel: Channel;
  readonly clock: FakeClock;
  /** serving is what is asked of; the test changes it. */
  readonly serving: Map<string, boolean>;
  /** looked counts how often each name was asked of. */
  readonly looked: Map<string, number>;
}

/** withHealth serves health on a real socket, with a clock that the test moves. */
async function withHealth(use: (known: Known) => Promise<void>): Promise<void> {
  const clock = fakeClock();
  const serving = new Map([["", true]]);
  const looked = new Map<string, number>();
  const health = newHealth({
    serving(name) {
      looked.set(name, (looked.get(name) ?? 0) + 1);
      return serving.get(name);
    },
    services: () => [...serving.keys()],
    owner: "the owner",
    clock,
  });
  const logger = discard();
  const listener = newListener({
    onExchange(exchange) {
      const dialect = dialectOf(exchange.fields)!;
      const call = serveCall(exchange, dialect, { maxMessageBytes: 1 << 20 });
      if (call !== undefined) serveMethod(call, health.methods.get(dialect.path)!, toFailure);
    },
    clock: systemClock(),
    logger,
  });
  const channel = newChannel({ address: formatAddress(await listener.listen(background(), { host: "127.0.0.1", port: 0 })), clock: systemClock(), logger });
  try {
    await use({ health, channel, clock, serving, looked });
  } finally {
    await channel.destroy();
    await listener.close();
  }
}

const asking = (service: string): Uint8Array => toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }));
const watching = (channel: Channel, service: string, ctx: Ctx = background(), times = 1): Conversation =>
  channel.stream(ctx, "/grpc.health.v1.Health/Watch", Array<Uint8Array>(times).fill(asking(service)));
const next = async ({ messages }: Conversation): Promise<HealthCheckResponse_ServingStatus> => {
  const { done, value } = await messages.next();
  assert.equal(done, false);
  return fromBinary(HealthCheckResponseSchema, value as Uint8Array).status;
};

test("health: a watcher hears each change within a quarter of a second, and what is the same not again", () =>
  withHealth(async ({ channel, clock, serving }) => {
    const watch = watching(channel, "m");
    const heard = [await next(watch)];
    for (const [change, isNew] of [
      [false, true],
      [true, true],
      [true, false],
      [false, true],
      [undefined, true],
    ]) {
      if (change === undefined) serving.delete("m");
      else serving.set("m", change);
      await clock.advance(250);
      if (isNew) heard.push(await next(watch));
    }
    assert.deepEqual(heard, [Status.SERVICE_UNKNOWN, Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING, Status.SERVICE_UNKNOWN]);
    watch[Symbol.dispose]();
  }));

test("health: a name is looked up once for all who watch it", () =>
  withHealth(async ({ channel, clock, looked }) => {
    const watchers = Array.from({ length: 20 }, () => watching(channel, ""));
    for (const watch of watchers) await next(watch);
    looked.clear();
    await clock.advance(250);
    assert.deepEqual([...looked], [["", 1]]);
    for (const watch of watchers) watch[Symbol.dispose]();
  }));

test("health: once the owner drains, who comes late hears how things stand, and is sent away too", () =>
  withHealth(async ({ health, channel, serving }) => {
    const early = watching(channel, "");
    assert.equal(await next(early), Status.SERVING);
    serving.set("", false);
    health.drain();
    for (const watch of [early, watching(channel, "")]) {
      assert.equal(await next(watch), Status.NOT_SERVING);
      await assert.rejects(watch.messages.next(), { code: Code.Unavailable, message: "the owner is shutting down" });
    }
  }));

const wrong = [
  { name: "no message", times: 0, text: "Watch takes one message, none came" },
  { name: "two messages", times: 2, text: "Watch takes one message, more came" },
];
for (const tc of wrong) {
  test(`health: a Watch of ${tc.name} is UNIMPLEMENTED`, () =>
    withHealth(({ channel }) => assert.rejects(watching(channel, "", background(), tc.times).messages.next(), { code: Code.Unimplemented, message: tc.text })));
}

test("health: a deadline ends a Watch", () =>
  withHealth(async ({ channel, clock }) => {
    using ctx = withTimeout(background(), 60_000); // the server's clock is ahead of it
    const watch = watching(channel, "", ctx);
    assert.equal(await next(watch), Status.SERVING);
    await clock.advance(59_000);
    const ended = assert.rejects(watch.messages.next(), { code: Code.DeadlineExceeded });
    await clock.advance(1000);
    await ended;
  }));

test("health: List tells a thousand names and no more", () =>
  withHealth(async ({ channel, serving }) => {
    for (let i = 1; i < 1000; i++) serving.set(`m${i}`, i % 2 === 0);
    const list = (): ReturnType<Channel["unary"]> => channel.unary(background(), "/grpc.health.v1.Health/List", new Uint8Array());
    const { statuses } = fromBinary(HealthListResponseSchema, (await list()).message);
    assert.deepEqual([Object.keys(statuses).length, statuses["m1"]?.status, statuses["m2"]?.status], [1000, Status.NOT_SERVING, Status.SERVING]);
    serving.set("one more", true);
    await assert.rejects(list(), { code: Code.ResourceExhausted, message: /there are 1001 services/ });
  }));
