import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { test } from "node:test";
import { background, discard, systemClock } from "@tfs/std";
import { type Exchange, type Fields, newChannel, newListener } from "../index.ts";
import { encodeFrame, frameFlag, frameType, type Raw, rawClient, reply, type Serve, startBackend, uint32 } from "../testing/index.ts";
import { type Budget, newBudget } from "./budget.ts";
import { request } from "./testing/index.ts";

const MiB = 1 << 20;

const shares: readonly { readonly name: string; readonly limit: number; readonly held: number; readonly window: number }[] = [
  { name: "nothing is held", limit: 256 * MiB, held: 0, window: 4 * MiB },
  { name: "an eighth is held", limit: 256 * MiB, held: 32 * MiB, window: 4 * MiB },
  { name: "three eighths are held", limit: 256 * MiB, held: 96 * MiB + 1, window: MiB },
  { name: "half is held", limit: 256 * MiB, held: 128 * MiB, window: 16 << 10 },
  { name: "all is held", limit: 256 * MiB, held: 256 * MiB, window: 16 << 10 },
  { name: "the limit is small", limit: 16 * MiB, held: 0, window: 512 << 10 },
];
for (const tc of shares) {
  test(`budget: a stream's window when ${tc.name}`, () => {
    const budget = newBudget(tc.limit);
    budget.hold(tc.held);
    assert.equal(budget.streamWindow, tc.window);
    budget.release(tc.held);
    assert.ok(budget.streamWindow >= newBudget(tc.limit).streamWindow / 2, "grows again");
  });
}

test("budget: connections are lent equal shares, never more than half of it together, and what is used comes back", () => {
  const budget = newBudget(64 * MiB);
  const first = budget.lend(0, 32_768);
  assert.equal(first, 4 * MiB - 65_535);
  const lent = [first, ...Array.from({ length: 99 }, () => budget.lend(0, 32_768))];
  assert.ok(lent.reduce((sum, one) => sum + one, 0) <= 32 * MiB + lent.length);
  for (let round = 0; round < 200; round++) for (const [i, has] of lent.entries()) lent[i] = budget.lend(has, (65_535 + has) >> 1);
  for (const one of lent) assert.ok(Math.abs(one - (32 * MiB) / 100) < 40_000, `${lent}`);
  for (const one of lent) budget.giveBack(one);
  assert.equal(budget.lend(0, 0), first);
});

/** forwarding is a server that passes calls on, as a gateway does, with one budget on both sides. */
async function forwarding(backend: string, budget: Budget, use: (port: number) => Promise<void>): Promise<void> {
  const common = { clock: systemClock(), logger: discard(), budget };
  const channel = newChannel({ address: backend, ...common });
  const listener = newListener({ ...common, onExchange: (exchange) => pass(exchange, channel) });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  try {
    await use(address.port);
  } finally {
    await listener.close();
    await channel.destroy();
  }
}

function pass(exchange: Exchange, channel: ReturnType<typeof newChannel>): void {
  let owed = 0;
  const give = (waiting: number): void => {
    const done = Math.max(owed - waiting, 0);
    owed -= done;
    call.consumed(done);
  };
  const stream = exchange as Exchange & { readonly queued: number };
  const call = channel.open(
    exchange.fields,
    {
      onHeaders: (fields) => exchange.respond(fields),
      onData(buffer, start, end) {
        owed += end - start;
        exchange.write(Uint8Array.prototype.slice.call(buffer, start, end));
        give(stream.queued);
      },
      onEnd: (trailers: Fields | undefined) => exchange.end(trailers),
      onError: () => exchange.reset(2),
      onDrain() {},
    },
    { end: true },
  );
  exchange.handler = { onData() {}, onEnd() {}, onReset: () => call.cancel(), onDrain: () => give(stream.queued) };
}

test("budget: slow readers of a fast writer stay below it, and one who reads gets its answer meanwhile", async () => {
  const [connections, streams] = [8, 64];
  const budget = newBudget(32 * MiB);
  const answer = Buffer.alloc(4 * MiB);
  let asked = 0;
  // Without this, node:http2 refuses streams past 10 MiB of unsent answers.
  const server = createServer({ maxSessionMemory: 4096 });
  const serve: Serve = (stream, headers) => {
    asked++;
    reply(stream, headers[":path"] === "/small" ? answer.subarray(0, 100_000) : answer);
  };
  await using backend = await startBackend(serve, { server });
  await forwarding(backend.address, budget, async (port) => {
    const raws = Array.from({ length: connections }, () => rawClient(port));
    const reader = rawClient(port);
    try {
      for (const raw of raws) {
        raw.send(encodeFrame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(0)])));
        raw.send(...Array.from({ length: streams }, (_, i) => request(2 * i + 1, "/large")));
      }
      let [most, still, before] = [0, 0, -1];
      for (let id = 1; asked < connections * streams || still < 20; id += 2) {
        await ask(reader, id);
        most = Math.max(most, budget.heldBytes);
        still = budget.heldBytes === before ? still + 1 : 0;
        before = budget.heldBytes;
      }
      assert.ok(most < budget.limitBytes, `${most} bytes were held`);
      assert.ok(most > budget.limitBytes / 4, `only ${most} bytes were held: nothing was tested`);
    } finally {
      for (const raw of [...raws, reader]) raw.socket.destroy();
    }
    while (budget.heldBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

/** ask makes a call and reads its answer. */
async function ask(raw: Raw, stream: number): Promise<void> {
  raw.send(encodeFrame(frameType.windowUpdate, 0, 0, uint32(100_000)), request(stream, "/small"));
  raw.send(encodeFrame(frameType.windowUpdate, 0, stream, uint32(100_000)));
  await raw.until((frame) => frame.stream === stream && (frame.flags & frameFlag.endStream) !== 0 && frame.type !== frameType.settings);
}

test("budget: one reader who lets much wait counts for half of it, and what he reads is counted back", () => {
  const budget = newBudget(1000);
  budget.hold(300);
  budget.hold(400, 0);
  budget.hold(5000, 400);
  assert.deepEqual([budget.heldBytes, budget.exhausted], [5700, false]);
  budget.hold(199);
  assert.equal(budget.exhausted, false);
  budget.hold(1);
  assert.equal(budget.exhausted, true);
  budget.release(4800, 5400);
  assert.deepEqual([budget.heldBytes, budget.exhausted], [1100, true]);
  budget.release(200, 600);
  assert.deepEqual([budget.heldBytes, budget.exhausted], [900, false]);
  budget.release(400, 400);
  budget.release(500);
  assert.equal(budget.heldBytes, 0);
  budget.hold(999);
  assert.equal(budget.exhausted, false);
  budget.hold(1);
  assert.equal(budget.exhausted, true);
});
