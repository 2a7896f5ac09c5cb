// Requests passed on to a backend that takes less than comes: what is left goes when the backend opens its windows, the end of the request with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, encodeHeaders, frameFlag, frameType, type Raw, rawClient, rawServer, uint32 } from "@tfs/rpc/testing";
import { startGateway, untilReady } from "../testing/index.ts";

/** The largest frame that may be sent unasked, and a connection's window until it is opened further (RFC 9113, sections 6.5.2 and 6.9.2). */
const [frameBytes, connectionWindow] = [16_384, 65_535];
const initialWindow = (bytes: number): Buffer => Buffer.concat([Buffer.of(0, 4), uint32(bytes)]);
const open = (stream: number, bytes: number): Buffer => encodeFrame(frameType.windowUpdate, 0, stream, uint32(bytes));

/** post is a request with this body, its end on the last frame of it. */
function post(bytes: number): Buffer {
  const headers = { ":method": "POST", ":scheme": "http", ":path": "/s/M", ":authority": "h", te: "trailers", "content-type": "application/grpc" };
  const frames = [encodeFrame(frameType.headers, frameFlag.endHeaders, 1, encodeHeaders(headers))];
  for (let at = 0; at < bytes; at += frameBytes) {
    const length = Math.min(frameBytes, bytes - at);
    frames.push(encodeFrame(frameType.data, at + length === bytes ? frameFlag.endStream : 0, 1, Buffer.alloc(length, 7)));
  }
  return Buffer.concat(frames);
}

const received = (peer: Raw): number => peer.frames.reduce((sum, f) => sum + (f.type === frameType.data ? f.payload.length : 0), 0);

const cases: { readonly name: string; readonly window: number; readonly bytes: number; readonly first: number; readonly opens: (stream: number) => Buffer }[] =
  [
    { name: "the stream's window, which is opened", window: 10, bytes: 100, first: 10, opens: (stream) => open(stream, 90) },
    { name: "no window at all, until new SETTINGS", window: 0, bytes: 100, first: 0, opens: () => encodeFrame(frameType.settings, 0, 0, initialWindow(100)) },
    { name: "the connection's window, which is opened", window: 1 << 20, bytes: connectionWindow + 20, first: connectionWindow, opens: () => open(0, 20) },
  ];
for (const tc of cases)
  test(`window: the last bytes of a request find ${tc.name}`, { timeout: 20_000 }, async () => {
    let peer: Raw | undefined;
    using backend = await rawServer((accepted) => (peer = accepted), initialWindow(tc.window));
    await using gateway = await startGateway([`127.0.0.1:${backend.port}`]);
    await untilReady(gateway);
    const client = rawClient(Number(gateway.address.split(":")[1]));
    client.send(post(tc.bytes));
    const { stream } = await peer!.until((f) => f.type === frameType.headers);
    if (tc.first > 0) await peer!.until(() => received(peer!) >= tc.first);
    // What was sent is sent; an answered PING shows that no more is on its way.
    peer!.send(encodeFrame(frameType.ping, 0, 0, uint32(0, 1)));
    await peer!.until((f) => f.type === frameType.ping && (f.flags & frameFlag.ack) !== 0);
    assert.equal(received(peer!), tc.first);
    peer!.send(tc.opens(stream));
    await peer!.until((f) => f.type === frameType.data && (f.flags & frameFlag.endStream) !== 0);
    assert.equal(received(peer!), tc.bytes);
    client.socket.destroy();
  });
