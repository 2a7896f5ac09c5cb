import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { callUnary, frameMessage, newListener } from "@tfs/rpc";
import { type Backend, echo, encodeFrame, frameType, type Raw, rawServer, reply, serveBody, startBackend, uint32 } from "@tfs/rpc/testing";
import { background, Code, discard, systemClock } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { turn } from "../testing/index.ts";
import { newPool, type Pool } from "./index.ts";

const hello = Buffer.from("hello");

/** withPool runs `use` with a pool that reaches for its backends. */
async function withPool(addresses: readonly string[], use: (pool: Pool) => Promise<void>, clock = systemClock()): Promise<void> {
  const pool = newPool(addresses, { clock, logger: discard(), random: () => 0.5 });
  pool.connect();
  try {
    await use(pool);
  } finally {
    await pool.close();
  }
}

const call = async (pool: Pool, message: Uint8Array = hello): Promise<Uint8Array> =>
  (await callUnary(background(), pool, { path: "/s/M", message, clock: systemClock(), authority: "a", scheme: "http", maxMessageBytes: 64 << 20 })).message;

/** named starts a backend that answers with its name. */
const named = (name: string, port = 0) => startBackend((stream) => reply(stream, frameMessage(Buffer.from(name))), { port });

/** names calls n times in a row and tells who answered. */
async function names(pool: Pool, n: number): Promise<string> {
  let got = "";
  for (let i = 0; i < n; i++) got += Buffer.from(await call(pool)).toString();
  return got;
}

/** settled resolves when each backend has a connection, and its settings have had time to arrive. */
async function settled(...backends: readonly Backend[]): Promise<void> {
  while (backends.some((backend) => backend.sessions.length === 0)) await turn();
  for (let i = 0; i < 10; i++) await turn();
}

/** connected resolves when n backends have answered. */
async function connected(pool: Pool, n: number): Promise<void> {
  for (const seen = new Set<string>(); seen.size < n; ) seen.add(await names(pool, 1));
}

/** deadPort gives a port that nobody listens on. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("balance: idle backends take turns", async () => {
  await using a = await named("a");
  await using b = await named("b");
  await using c = await named("c");
  await withPool([a.address, b.address, c.address], async (pool) => {
    await connected(pool, 3);
    assert.match(await names(pool, 9), /^(abc|bca|cab)\1\1$/);
  });
});

test("balance: a backend that holds a call gets no other until the rest hold as many", async () => {
  const held = new Map<string, ServerHttp2Stream[]>([
    ["a", []],
    ["b", []],
    ["c", []],
  ]);
  const hold = (name: string) => startBackend((stream) => held.get(name)!.push(stream));
  const counts = (): number[] => [...held.values()].map((streams) => streams.length);
  await using a = await hold("a");
  await using b = await hold("b");
  await using c = await hold("c");
  await withPool([a.address, b.address, c.address], async (pool) => {
    await settled(a, b, c);
    const calls: Promise<Uint8Array>[] = [];
    for (let round = 1; round <= 3; round++) {
      for (let i = 0; i < 3; i++) calls.push(call(pool));
      while (counts().reduce((x, y) => x + y) < 3 * round) await turn();
      assert.deepEqual(counts(), [round, round, round]);
    }
    for (const streams of held.values()) for (const stream of streams) reply(stream, frameMessage(hello));
    await Promise.all(calls);
  });
});

test("balance: while a slow backend answers one call, a fast one answers twenty", async () => {
  const held: ServerHttp2Stream[] = [];
  await using slow = await startBackend((stream) => held.push(stream));
  await using fast = await named("f");
  await withPool([slow.address, fast.address], async (pool) => {
    await settled(slow, fast);
    const first = [call(pool), call(pool)];
    await Promise.race(first); // the fast one's is done, the slow one's is not
    assert.equal(await names(pool, 20), "f".repeat(20));
    assert.equal(held.length, 1);
    reply(held[0]!, frameMessage(hello));
    await Promise.all(first);
  });
});

test("down: a backend that is down from the start costs no call", async () => {
  await using up = await named("u");
  await withPool([`127.0.0.1:${await deadPort()}`, up.address, `127.0.0.1:${await deadPort()}`], async (pool) =>
    assert.equal(await names(pool, 10), "uuuuuuuuuu"),
  );
});

test("down: with every backend down a call fails at once", async () => {
  await withPool([`127.0.0.1:${await deadPort()}`, `127.0.0.1:${await deadPort()}`], async (pool) => {
    await assert.rejects(call(pool), { code: Code.Unavailable, message: "no model server is available" });
    assert.equal(pool.ready, false);
  });
});

test("down: a backend that goes is passed over, and used again when it is back", async () => {
  const clock = fakeClock();
  await using a = await named("a");
  const b = await named("b");
  await withPool(
    [a.address, b.address],
    async (pool) => {
      await connected(pool, 2);
      await clock.advance(1000);
      await b.stop();
      for (let row = 0; row < 4; ) row = (await names(pool, 1).catch(() => "lost")) === "a" ? row + 1 : 0;
      assert.equal(await names(pool, 4), "aaaa");
      await using _ = await named("b", b.port);
      while ((await names(pool, 1)) !== "b") await clock.advance(200);
      assert.match(await names(pool, 4), /^(ab|ba)\1$/);
    },
    clock,
  );
});

/** refusing starts a peer that refuses every stream when its first bytes have come, and counts them. */
async function refusing() {
  const seen = { streams: 0 };
  const refuse = (peer: Raw, id: number): void => {
    seen.streams++;
    peer.send(encodeFrame(frameType.rstStream, 0, id, uint32(7)));
  };
  const server = await rawServer((peer) => {
    for (let id = 1; id < 20; id += 2) {
      void peer
        .until((f) => f.stream === id && f.type === frameType.data)
        .then(
          () => refuse(peer, id),
          () => {}, // the connection ended first
        );
    }
  });
  return { address: `127.0.0.1:${server.port}`, seen, [Symbol.dispose]: () => server[Symbol.dispose]() };
}

test("refused: a call that one backend refuses unseen goes to another, body and all", async () => {
  using a = await refusing();
  await using b = await startBackend(echo);
  await withPool([a.address, b.address], async (pool) => {
    const message = Buffer.alloc(60_000, "0123456789");
    while (a.seen.streams === 0) assert.equal(Buffer.compare(await call(pool, message), message), 0);
    assert.equal(a.seen.streams, 1);
  });
});

test("refused: a call that every backend refuses is tried once at each, and fails", async () => {
  using a = await refusing();
  using b = await refusing();
  await withPool([a.address, b.address], async (pool) => {
    await assert.rejects(call(pool), { code: Code.Unavailable, message: "no model server is available" });
    assert.deepEqual([a.seen.streams, b.seen.streams], [1, 1]);
  });
});

test("refused: a call too large to be kept fails rather than going on in part", async () => {
  using a = await refusing();
  using b = await refusing();
  await withPool([a.address, b.address], async (pool) => {
    await assert.rejects(call(pool, new Uint8Array(2 << 20)), { code: Code.Unavailable });
    assert.equal(a.seen.streams + b.seen.streams, 1);
  });
});

test("drain: backends that restart one after the other under load cost no call", async () => {
  const serve = () =>
    newListener({
      clock: systemClock(),
      logger: discard(),
      onExchange: (exchange) => serveBody(exchange, (body) => body),
    });
  const listeners = [serve(), serve()];
  const ports: number[] = [];
  for (const listener of listeners) {
    const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
    ports.push("port" in address ? address.port : 0);
  }
  await withPool(
    ports.map((port) => `127.0.0.1:${port}`),
    async (pool) => {
      let [done, stop] = [0, false];
      const load = Array.from({ length: 16 }, async () => {
        while (!stop) {
          assert.equal(Buffer.compare(await call(pool), hello), 0);
          done++;
        }
      });
      const more = async (n: number): Promise<void> => {
        for (const until = done + n; done < until; ) await Promise.race([turn(), ...load]);
      };
      await more(200);
      for (const i of [0, 1, 0]) {
        await listeners[i]!.drain(10_000);
        await more(200);
        listeners[i] = serve();
        await listeners[i]!.listen(background(), { host: "127.0.0.1", port: ports[i]! });
        // Until the pool has found it again: the other one goes next.
        while (listeners[i]!.connections === 0) await Promise.race([turn(), ...load]);
        await more(200);
      }
      stop = true;
      await Promise.all(load);
    },
  );
  await Promise.all(listeners.map((listener) => listener.close()));
});
