// Answers that must wait for a window: what waits leaves when it may, whole, and no stream waits for another's reader.
import assert from "node:assert/strict";
import { test } from "node:test";
import { background, discard, systemClock } from "@tfs/std";
import { type Exchange, fieldsOf, newListener } from "../index.ts";
import { encodeFrame, encodeHeaders, frameFlag, frameType, type Raw, rawClient, uint32 } from "../testing/index.ts";

/** The window of a connection until it is opened further (RFC 9113, section 6.9.2). */
const connectionWindow = 65_535;
const initialWindow = (bytes: number): Buffer => encodeFrame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(bytes)]));
const open = (stream: number, bytes: number): Buffer => encodeFrame(frameType.windowUpdate, 0, stream, uint32(bytes));
/** get asks for as many bytes. */
const get = (stream: number, bytes: number): Buffer =>
  encodeFrame(
    frameType.headers,
    frameFlag.endHeaders | frameFlag.endStream,
    stream,
    encodeHeaders({ ":method": "GET", ":scheme": "http", ":path": `/${bytes}`, ":authority": "h" }),
  );
const received = (peer: Raw, stream: number): number =>
  peer.frames.reduce((sum, f) => sum + (f.type === frameType.data && f.stream === stream ? f.payload.length : 0), 0);
const ended = (stream: number) => (f: { readonly stream: number; readonly flags: number; readonly type: number }) =>
  f.stream === stream && f.type !== frameType.settings && (f.flags & frameFlag.endStream) !== 0;
/** pong resolves when the peer has handled all that was sent before. */
const pong = async (peer: Raw, number: number): Promise<void> => {
  peer.send(encodeFrame(frameType.ping, 0, 0, uint32(0, number)));
  await peer.until((f) => f.type === frameType.ping && f.payload.readUInt32BE(4) === number);
};

/** withPeer answers every request in one write, and hands over a client that does just what it is told. */
async function withPeer(trailers: boolean, use: (peer: Raw) => Promise<void>): Promise<void> {
  const listener = newListener({
    clock: systemClock(),
    logger: discard(),
    onExchange(exchange: Exchange) {
      exchange.respond(fieldsOf([":status", "200"]));
      exchange.write(new Uint8Array(Number(exchange.fields.get(":path")!.slice(1))));
      exchange.end(trailers ? fieldsOf(["grpc-status", "0"]) : undefined);
    },
  });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  const peer = rawClient(address.port);
  try {
    await use(peer);
  } finally {
    peer.socket.destroy();
    await listener.close();
  }
}

const waits: { readonly name: string; readonly bytes: number; readonly before: readonly Buffer[]; readonly first: number; readonly opens: Buffer }[] = [
  { name: "its stream's window opens", bytes: 100, before: [initialWindow(10)], first: 10, opens: open(1, 90) },
  { name: "all windows widen by new SETTINGS", bytes: 100, before: [initialWindow(10)], first: 10, opens: initialWindow(100) },
  { name: "a window below zero is made good", bytes: 100, before: [initialWindow(40), get(1, 100), initialWindow(0)], first: 40, opens: initialWindow(100) },
  {
    name: "the connection's window opens",
    bytes: connectionWindow + 20,
    before: [initialWindow(1 << 20)],
    first: connectionWindow,
    opens: open(0, 20),
  },
  {
    name: "the connection's window opens, several frames long",
    bytes: 4 * connectionWindow,
    before: [initialWindow(1 << 20)],
    first: connectionWindow,
    opens: open(0, 3 * connectionWindow),
  },
];
for (const trailers of [false, true])
  for (const tc of waits)
    test(`what is left of an answer ${trailers ? "with trailers" : "without trailers"} leaves when ${tc.name}`, { timeout: 20_000 }, () =>
      withPeer(trailers, async (peer) => {
        peer.send(...tc.before, ...(tc.before.length > 1 ? [] : [get(1, tc.bytes)]));
        await pong(peer, 1);
        assert.equal(received(peer, 1), tc.first);
        assert.ok(!peer.frames.some(ended(1)));
        peer.send(tc.opens);
        await peer.until(ended(1));
        assert.equal(received(peer, 1), tc.bytes);
      }),
    );

test("an answer of many frames leaves whole while others wait for their own windows", { timeout: 20_000 }, () =>
  withPeer(false, async (peer) => {
    peer.send(initialWindow(100_000), open(0, 1 << 20), get(1, 200_000), get(3, 200_000));
    await pong(peer, 1);
    assert.deepEqual(
      [1, 3].map((id) => received(peer, id)),
      [100_000, 100_000],
    );
    peer.send(get(5, 90_000)); // and no window opens any more
    await peer.until(ended(5));
    assert.equal(received(peer, 5), 90_000);
  }),
);
