import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { fakeClock } from "@tfs/std/testing";
import { clientPreface, encodeFrame, encodeHeaders, frameFlag, frameType } from "../testing/index.ts";
import { frame, h2, h2Name } from "./frame.ts";
import { reaction, request, withServer } from "./testing/index.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const open = request(1, "/a", frameFlag.endHeaders);
const headers = encodeHeaders({ ":method": "POST" });

/** What a client begins and does not end, and when it is let go for that. */
const slow: readonly { readonly name: string; readonly bytes: Buffer; readonly more?: Uint8Array; readonly ms: number; readonly says: string }[] = [
  { name: "a header block", bytes: encodeFrame(frameType.headers, 0, 1, headers), ms: 10_000, says: "ENHANCE_YOUR_CALM" },
  {
    name: "a header block with a small frame a second",
    bytes: encodeFrame(frameType.headers, 0, 1, headers),
    more: encodeFrame(frame.continuation, 0, 1, Buffer.of(0x86)),
    ms: 10_000,
    says: "ENHANCE_YOUR_CALM",
  },
  { name: "trailers", bytes: Buffer.concat([open, encodeFrame(frameType.headers, frameFlag.endStream, 1)]), ms: 10_000, says: "ENHANCE_YOUR_CALM" },
  { name: "a HEADERS frame", bytes: open.subarray(0, 20), ms: 10_000, says: "ENHANCE_YOUR_CALM" },
  { name: "a HEADERS frame, a byte a second", bytes: open.subarray(0, 20), more: Buffer.of(0), ms: 10_000, says: "ENHANCE_YOUR_CALM" },
  { name: "the head of a frame", bytes: open.subarray(0, 5), ms: 10_000, says: "ENHANCE_YOUR_CALM" },
  {
    name: "padded DATA",
    bytes: Buffer.concat([open, encodeFrame(frameType.data, 8, 1, Buffer.alloc(100)).subarray(0, 60)]),
    ms: 10_000,
    says: "ENHANCE_YOUR_CALM",
  },
  { name: "DATA", bytes: Buffer.concat([open, encodeFrame(frameType.data, 0, 1, Buffer.alloc(100)).subarray(0, 60)]), ms: 60_000, says: "ENHANCE_YOUR_CALM" },
];
for (const tc of slow) {
  test(`life: a client that begins ${tc.name} and does not end it is let go after ${tc.ms / 1000} s, not before`, async () => {
    const clock = fakeClock();
    await withServer({ clock }, async ({ raw }) => {
      // One write is one read: when the answer is here, the rest is there.
      raw.send(encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)), tc.bytes);
      await raw.until((f) => f.type === frameType.ping);
      for (let ms = 0; ms < tc.ms; ms += 1000) {
        if (tc.more !== undefined) raw.send(tc.more);
        await clock.advance(1000);
      }
      for (let i = 0; i < 20; i++) await turn();
      assert.equal(raw.frames.at(-1)?.type, frameType.ping);
      await clock.advance(1000);
      assert.equal(h2Name((await raw.until((f) => f.type === frameType.goaway)).payload.readUInt32BE(4)), tc.says);
      await raw.closed;
    });
  });
}

test("life: DATA that comes a byte in half a minute may go on", async () => {
  const clock = fakeClock();
  await withServer({ clock }, async ({ raw, heard }) => {
    const data = encodeFrame(frameType.data, frameFlag.endStream, 1, Buffer.alloc(5));
    raw.send(open, data.subarray(0, 9));
    for (let sent = 9; sent < data.length; sent++) {
      raw.send(data.subarray(sent, sent + 1));
      while (heard.length < sent - 7) await turn();
      await clock.advance(30_000);
    }
    assert.equal(await reaction(raw), "1 answered");
  });
});

test("life: a client that says nothing after the preface is told that its SETTINGS are missing", async () => {
  const clock = fakeClock();
  await withServer({ clock }, async ({ port }) => {
    const socket = connect(port, "127.0.0.1");
    socket.write(clientPreface);
    const [greeting] = (await once(socket, "data")) as [Buffer];
    const rest: Buffer[] = [greeting];
    socket.on("data", (part: Buffer) => rest.push(part));
    const closed = once(socket, "close");
    await clock.advance(11_000);
    await closed;
    assert.equal(Buffer.concat(rest).readUInt32BE(Buffer.concat(rest).length - 4), h2.settingsTimeout);
  });
});
