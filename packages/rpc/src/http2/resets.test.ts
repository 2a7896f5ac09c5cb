// Resets, as a server and as a client: what one client takes back reaches nobody more than it must, and a backend gets no more resets than it bears.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { discard } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { type CallHandler, type Exchange, fieldsOf, ignoreBody, newChannel } from "../index.ts";
import { encodeFrame, encodeHeaders, fieldsFrom, frameFlag, frameType, type Raw, rawServer, uint32 } from "../testing/index.ts";
import { reaction, request, withServer } from "./testing/index.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const cancel = (stream: number): Buffer => encodeFrame(frameType.rstStream, 0, stream, uint32(8));
const takenBack = (stream: number): Buffer => Buffer.concat([request(stream, "/back", frameFlag.endHeaders), cancel(stream)]);
const limits = { resetBurst: 50, resetsPerSecond: 1 };

test("resets: past a tenth of what is forgiven, a request that is taken back in the same breath reaches nobody", async () => {
  await withServer({ clock: fakeClock(), limits }, async ({ raw, heard }) => {
    for (let i = 0; i < 40; i++) raw.send(takenBack(2 * i + 1));
    assert.equal(await reaction(raw), "");
    assert.ok(heard.filter((what) => what === "/back").length <= 6, `${heard}`);
  });
});

test("resets: when time has passed, nothing is held any more", async () => {
  const clock = fakeClock();
  await withServer({ clock, limits }, async ({ raw, heard }) => {
    for (let i = 0; i < 40; i++) raw.send(takenBack(2 * i + 1));
    await reaction(raw);
    await clock.advance(60_000);
    const before = heard.length;
    raw.send(takenBack(101));
    await reaction(raw);
    assert.deepEqual(heard.slice(before), ["/back", "/back reset 8"]);
  });
});

test("resets: a client that has its whole answer may take back the rest of its request as often as it likes", async () => {
  const setup = { clock: fakeClock(), limits, onExchange: (exchange: Exchange) => exchange.respond(fieldsOf([":status", "204"]), true) };
  await withServer(setup, async ({ raw }) => {
    const ids = Array.from({ length: 200 }, (_, i) => 2 * i + 1);
    for (const id of ids) raw.send(request(id, "/refused", frameFlag.endHeaders));
    await raw.until((frame) => frame.type === frameType.headers && frame.stream === ids.at(-1));
    for (const id of ids) raw.send(cancel(id));
    assert.doesNotMatch(await reaction(raw), /connection/);
  });
});

test("resets: who has the whole answer gets a second for the rest of the request, each stream its own", async () => {
  const clock = fakeClock();
  const setup = { clock, limits, onExchange: (exchange: Exchange) => exchange.respond(fieldsOf([":status", "204"]), true) };
  await withServer(setup, async ({ raw }) => {
    const said = async (after: number): Promise<string> => {
      await clock.advance(after);
      return (await reaction(raw)).match(/\d+ NO_ERROR/g)?.join() ?? "";
    };
    for (const id of [1, 3]) raw.send(request(id, "/refused", frameFlag.endHeaders));
    assert.equal(await said(0), "");
    raw.send(encodeFrame(frameType.data, frameFlag.endStream, 3, Buffer.alloc(9))); // its request is complete in time
    assert.equal(await said(300), "");
    for (const id of [5, 7]) raw.send(request(id, "/refused", frameFlag.endHeaders));
    assert.equal(await said(0), "");
    assert.equal(await said(699), "");
    assert.equal(await said(1), "1 NO_ERROR");
    raw.send(cancel(7));
    assert.equal(await said(299), "1 NO_ERROR");
    assert.equal(await said(1), "1 NO_ERROR,5 NO_ERROR");
    raw.send(request(9, "/refused", frameFlag.endHeaders));
    assert.equal(await said(0), "1 NO_ERROR,5 NO_ERROR");
    assert.equal(await said(1000), "1 NO_ERROR,5 NO_ERROR,9 NO_ERROR");
  });
});

const patience: readonly { readonly name: string; readonly waitedMs: number; readonly cut: boolean }[] = [
  { name: "has waited half a second each time is forgiven all that it takes back", waitedMs: 500, cut: false },
  { name: "has waited less is cut off after the burst", waitedMs: 499, cut: true },
];
for (const { name, waitedMs, cut } of patience) {
  test(`resets: a client in debt that ${name}`, async () => {
    const clock = fakeClock();
    await withServer({ clock, limits, onExchange: (exchange: Exchange) => ignoreBody(exchange) }, async ({ raw }) => {
      for (let i = 0; i < 10; i++) raw.send(takenBack(2 * i + 1));
      const ids = Array.from({ length: 100 }, (_, i) => 2 * i + 101);
      for (const id of ids) raw.send(request(id, "/slow", frameFlag.endHeaders));
      await reaction(raw);
      await clock.advance(waitedMs);
      for (const id of ids) raw.send(cancel(id));
      assert.equal(/connection/.test(await reaction(raw)), cut);
    });
  });
}

const held: readonly { readonly name: string; readonly frames: readonly Buffer[]; readonly heard: readonly string[] }[] = [
  { name: "headers alone", frames: [request(101, "/a")], heard: ["/a", "/a end"] },
  {
    name: "headers and data",
    frames: [
      request(101, "/a", frameFlag.endHeaders),
      encodeFrame(frameType.data, 0, 101, Buffer.alloc(3)),
      encodeFrame(frameType.data, 1, 101, Buffer.alloc(4)),
    ],
    heard: ["/a", "/a 3 bytes", "/a 4 bytes", "/a end"],
  },
  {
    name: "headers, data and trailers",
    frames: [
      request(101, "/a", frameFlag.endHeaders),
      encodeFrame(frameType.data, 0, 101, Buffer.alloc(3)),
      encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, 101, encodeHeaders({ "x-t": "1" })),
    ],
    heard: ["/a", "/a 3 bytes", "/a end x-t"],
  },
  {
    name: "two requests, one without its end",
    frames: [request(101, "/a", frameFlag.endHeaders), request(103, "/b"), encodeFrame(frameType.data, 0, 101, Buffer.alloc(3))],
    heard: ["/a", "/a 3 bytes", "/b", "/b end"],
  },
];
for (const tc of held) {
  test(`resets: of a client in debt, ${tc.name} arrive as they would otherwise`, async () => {
    await withServer({ clock: fakeClock(), limits }, async ({ raw, heard }) => {
      for (let i = 0; i < 40; i++) raw.send(takenBack(2 * i + 1));
      await reaction(raw);
      const before = heard.length;
      raw.send(...tc.frames);
      await reaction(raw);
      assert.deepEqual(heard.slice(before), tc.heard);
    });
  });
}

const fields = fieldsFrom({ ":method": "POST", ":scheme": "http", ":path": "/s/M", ":authority": "a" });
const silent: CallHandler = { onHeaders() {}, onData() {}, onEnd() {}, onError() {}, onDrain() {} };
const count = (peer: Raw, type: number): number => peer.frames.filter((frame) => frame.type === type).length;

/** withPeer is a channel to a server that does what the test says. */
async function withPeer(
  use: (channel: ReturnType<typeof newChannel>, peer: Raw, clock: ReturnType<typeof fakeClock>) => Promise<void>,
  streams = 1000,
): Promise<void> {
  const clock = fakeClock();
  let peer: Raw | undefined;
  using server = await rawServer((raw) => void (peer = raw), Buffer.concat([Buffer.of(0, 3), uint32(streams)]));
  const channel = newChannel({ address: `127.0.0.1:${server.port}`, clock, logger: discard(), limits: { resetBurst: 5, resetsPerSecond: 10 } });
  channel.connect();
  while (channel.state !== "ready") await turn();
  try {
    await use(channel, peer!, clock);
  } finally {
    await channel.destroy();
  }
}

/** abandon opens calls and cancels them. */
async function abandon(channel: ReturnType<typeof newChannel>, peer: Raw, calls: number, end: boolean): Promise<void> {
  const opened = Array.from({ length: calls }, () => channel.open(fields, silent, { end }));
  await peer.until((frame) => frame.type === frameType.headers && frame.stream === 2 * calls - 1);
  for (const call of opened) call.cancel();
}

test("resets: a client sends as many as are allowed, and the others when time has passed", () =>
  withPeer(async (channel, peer, clock) => {
    await abandon(channel, peer, 20, true);
    await peer.until(() => count(peer, frameType.rstStream) === 5);
    await clock.advance(500);
    await peer.until(() => count(peer, frameType.rstStream) === 10);
    await clock.advance(5_000);
    await peer.until(() => count(peer, frameType.rstStream) === 20);
    const seen = peer.frames.filter((frame) => frame.type === frameType.rstStream).map((frame) => frame.stream);
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, (_, i) => 2 * i + 1),
    );
  }));

for (const end of [true, false])
  test(`resets: a call given up ${end ? "after" : "before"} its request's end is over when its peer has answered, without a reset`, () =>
    withPeer(async (channel, peer, clock) => {
      await abandon(channel, peer, 6, end);
      await peer.until(() => count(peer, frameType.rstStream) === 5);
      peer.send(
        encodeFrame(frameType.headers, frameFlag.endHeaders, 11, encodeHeaders({ ":status": "200" })),
        encodeFrame(frameType.data, frameFlag.endStream, 11, Buffer.alloc(10)),
      );
      if (!end) await peer.until((frame) => frame.type === frameType.data && frame.stream === 11 && frame.flags === frameFlag.endStream);
      assert.equal(
        await reaction(peer),
        [1, 3, 5, 7, 9]
          .map((id) => `${id} CANCEL`)
          .reduce((all, one) => `${all}, ${one}`, Array.from({ length: 6 }, (_, i) => `${2 * i + 1} answered`).join(", ")),
      );
      await clock.advance(5_000);
      assert.equal(count(peer, frameType.rstStream), 5);
    }));

test("resets: streams given up count against the peer's limit until they are over", () =>
  withPeer(async (channel, peer, clock) => {
    await abandon(channel, peer, 7, true);
    for (let i = 0; i < 5; i++) channel.open(fields, silent, { end: true });
    const late = channel.open(fields, silent, { end: true });
    await reaction(peer);
    assert.ok(late.wire === undefined, "it waits");
    await clock.advance(200);
    await peer.until((frame) => frame.type === frameType.headers && frame.stream === 25);
  }, 5 + 2));

test("resets: a server that cuts a connection after many resets keeps ours, whatever our callers give up", async () => {
  const clock = fakeClock();
  const server = createServer({ streamResetBurst: 500, streamResetRate: 1 } as never);
  const streams: ServerHttp2Stream[] = [];
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    streams.push(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const channel = newChannel({ address: `127.0.0.1:${port}`, clock, logger: discard(), limits: { pending: 5_000 } });
  channel.connect();
  while (channel.state !== "ready") await turn();
  try {
    const calls = Array.from({ length: 2_000 }, () => channel.open(fields, silent));
    while (streams.length < 2_000) await turn();
    for (const call of calls) call.cancel();
    while (streams.filter((stream) => stream.destroyed).length < 500) await turn();
    const session = connect(`http://127.0.0.1:${port}`); // whatever was sent before is there when a later connection is served
    session.request().end();
    while (streams.length < 2_001) await turn();
    session.destroy();
    assert.equal(channel.state, "ready");
    channel.open(fields, silent, { end: true });
    const [last] = (await once(server, "stream")) as [ServerHttp2Stream];
    assert.ok(!last.destroyed);
  } finally {
    await channel.destroy();
    server.close();
  }
});
