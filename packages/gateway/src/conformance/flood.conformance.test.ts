// Hostile clients, frame by frame: the connection is closed, memory stays bounded, another client notices nothing. What is known to fail is listed with its reason.
import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { test } from "node:test";
import { encodeFrame, encodeHeaders, frameFlag, frameType, type Raw, rawClient, uint32 } from "@tfs/rpc/testing";
import { attackFields, growthBytes, guard, hold, knownFailures, linuxOnly, openStream, pour, streamId, survives } from "../testing/index.ts";

const [priority, continuation] = [2, 9] as const;
const maxFrame = 16_384;

/** pieces makes `count` small frames, many in one write. */
function* pieces(count: number, make: (index: number) => Uint8Array, perWrite = 200): Generator<Uint8Array> {
  for (let at = 0; at < count; at += perWrite) yield Buffer.concat(Array.from({ length: Math.min(perWrite, count - at) }, (_, i) => make(at + i)));
}

interface Row {
  readonly name: string;
  readonly attack: (raw: Raw) => Promise<void>;
  /** closes tells whether the connection must be gone after it; a client may also be answered in peace when that costs nothing. */
  readonly closes: boolean;
  /** calls bounds how many calls of the attacker reach the backend. */
  readonly calls?: number;
  /** strict puts a backend behind the gateway that itself cuts a connection with too many resets. */
  readonly strict?: boolean;
}

/** A thousand resets are forgiven at once, and 256 streams run at a time. */
const forgiven = 1_500;
const cancel = uint32(8);

const rows: readonly Row[] = [
  {
    name: "rapid reset, 10,000 streams in one burst",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([openStream(streamId(i)), encodeFrame(frameType.rstStream, 0, streamId(i), cancel)]), 10_000),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "rapid reset, 10,000 streams in one burst, and a backend that bears a thousand",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([openStream(streamId(i)), encodeFrame(frameType.rstStream, 0, streamId(i), cancel)]), 10_000),
      ),
    closes: true,
    calls: forgiven,
    strict: true,
  },
  {
    name: "rapid reset, 10,000 streams a hundred at a time",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([openStream(streamId(i)), encodeFrame(frameType.rstStream, 0, streamId(i), cancel)]), 100),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "made you reset: a window update of zero on each of 10,000 streams",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([openStream(streamId(i)), encodeFrame(frameType.windowUpdate, 0, streamId(i), uint32(0))])),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "made you reset: a window past 2^31 on each of 10,000 streams",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([openStream(streamId(i)), encodeFrame(frameType.windowUpdate, 0, streamId(i), uint32(0x7fffffff))])),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "made you reset: data after the end of each of 10,000 streams",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([openStream(streamId(i), frameFlag.endStream), encodeFrame(frameType.data, 0, streamId(i), Buffer.of(1))])),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "20,000 streams at once",
    attack: (raw) =>
      pour(
        raw,
        pieces(20_000, (i) => openStream(streamId(i))),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "20,000 streams at once, and a backend that bears a thousand resets",
    attack: (raw) =>
      pour(
        raw,
        pieces(20_000, (i) => openStream(streamId(i))),
      ),
    closes: true,
    calls: forgiven,
    strict: true,
  },
  {
    name: "CONTINUATION without end: 20,000 frames of one small field",
    attack: (raw) => continued(raw, 20_000, encodeHeaders({ a: "b" })),
    closes: true,
    calls: 0,
  },
  {
    name: "CONTINUATION without end: 20,000 frames of 16 KiB",
    attack: (raw) => continued(raw, 20_000, Buffer.concat(Array.from({ length: 64 }, () => encodeHeaders({ field: "x".repeat(246) })))),
    closes: true,
    calls: 0,
  },
  { name: "CONTINUATION without end: 100,000 empty frames", attack: (raw) => continued(raw, 100_000, Buffer.alloc(0)), closes: true, calls: 0 },
  { name: "HPACK bomb: 4 KB of table named 16,000 times in each of 200 blocks", attack: bomb, closes: false, calls: 0 },
  {
    name: "HPACK: an integer that does not end",
    attack: (raw) => pour(raw, [encodeFrame(frameType.headers, frameFlag.endHeaders, 1, Buffer.concat([Buffer.of(0x7f), Buffer.alloc(16_000, 0xff)]))]),
    closes: true,
    calls: 0,
  },
  {
    name: "10,000 fields without name and value in each of 200 blocks",
    attack: (raw) =>
      pour(
        raw,
        pieces(200, (i) => block(streamId(i), Buffer.concat([attackFields, Buffer.alloc(3 * 10_000)])), 1),
      ),
    closes: false,
    calls: 0,
  },
  {
    name: "200,000 SETTINGS, acknowledgements unread",
    attack: (raw) =>
      unread(
        raw,
        pieces(200_000, () => encodeFrame(frameType.settings, 0, 0)),
      ),
    closes: true,
  },
  {
    name: "100,000 SETTINGS that change the window of 100 open streams",
    attack: async (raw) => {
      await pour(
        raw,
        pieces(100, (i) => openStream(streamId(i))),
      );
      await unread(
        raw,
        pieces(100_000, (i) => encodeFrame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(i % 2 === 0 ? 0 : 0x7fffffff)]))),
      );
    },
    closes: true,
  },
  {
    name: "200,000 PINGs, answers unread",
    attack: (raw) =>
      unread(
        raw,
        pieces(200_000, () => encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8))),
      ),
    closes: true,
  },
  {
    name: "200,000 PRIORITYs",
    attack: (raw) =>
      pour(
        raw,
        pieces(200_000, (i) => encodeFrame(priority, 0, streamId(i % 1000), Buffer.alloc(5, 2))),
      ),
    closes: true,
  },
  {
    name: "200,000 empty DATA frames",
    attack: async (raw) => {
      raw.send(openStream(1));
      await pour(
        raw,
        pieces(200_000, () => encodeFrame(frameType.data, 0, 1)),
      );
    },
    closes: true,
    calls: 1,
  },
  {
    name: "200,000 window updates of one byte",
    attack: (raw) =>
      pour(
        raw,
        pieces(200_000, () => encodeFrame(frameType.windowUpdate, 0, 0, uint32(1))),
      ),
    closes: true,
  },
  {
    name: "200,000 frames of an unknown type",
    attack: (raw) =>
      pour(
        raw,
        pieces(200_000, () => encodeFrame(0x42, 0, 0)),
      ),
    closes: true,
  },
];

/** continued begins a header block and goes on with it; the last frame ends it, for whoever has borne it so far. */
async function continued(raw: Raw, count: number, fragment: Uint8Array): Promise<void> {
  raw.send(encodeFrame(frameType.headers, 0, 1, attackFields));
  await pour(
    raw,
    pieces(count, () => encodeFrame(continuation, 0, 1, fragment), fragment.length > 1000 ? 4 : 200),
  );
  await pour(raw, [encodeFrame(continuation, frameFlag.endHeaders, 1)]);
}

/** block is a header block in as many frames as it takes. */
function block(stream: number, bytes: Uint8Array): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += maxFrame) {
    const last = at + maxFrame >= bytes.length ? frameFlag.endHeaders : 0;
    parts.push(encodeFrame(at === 0 ? frameType.headers : continuation, last, stream, bytes.subarray(at, at + maxFrame)));
  }
  return Buffer.concat(parts);
}

/** bomb puts a field of nearly 4 KB into the dynamic table (RFC 7541, section 6.2.1) and names it a byte each time. */
async function bomb(raw: Raw): Promise<void> {
  const value = Buffer.alloc(4_000, "x");
  const insert = Buffer.concat([Buffer.of(0x40, 1), Buffer.from("b"), Buffer.of(0x7f, ((value.length - 127) & 0x7f) | 0x80, (value.length - 127) >> 7), value]);
  raw.send(block(1, Buffer.concat([attackFields, insert, Buffer.alloc(16_000, 0xbe)])));
  await pour(
    raw,
    pieces(200, (i) => block(streamId(i + 1), Buffer.concat([attackFields, Buffer.alloc(16_000, 0xbe)])), 1),
  );
}

/** unread floods and reads nothing of what comes back. */
async function unread(raw: Raw, flood: Iterable<Uint8Array>): Promise<void> {
  raw.socket.pause();
  await pour(raw, flood);
}

function flood(row: Row): Promise<string> {
  return guard({ ...(row.strict === true && { server: createServer() }), growthBytes }, async ({ front, calls }) => {
    const raw = rawClient(front.port);
    try {
      await raw.until((frame) => frame.type === frameType.settings);
      await row.attack(raw);
      const survived = await survives(raw);
      assert.ok(calls() <= (row.calls ?? Number.POSITIVE_INFINITY), `${calls()} calls reached the backend`);
      if (row.closes) assert.equal(survived, false, "the connection is still open");
      const code = raw.frames.find((frame) => frame.type === frameType.goaway)?.payload.readUInt32BE(4);
      return survived ? "answered" : code === undefined ? "cut" : `closed with GOAWAY(${code})`;
    } finally {
      raw.socket.destroy();
    }
  });
}

const known = knownFailures(
  "flood.json",
  rows.map((row) => row.name),
);
const timeoutMs = 60_000;
for (const row of rows) test(`flood: ${row.name}`, { skip: linuxOnly(), timeout: timeoutMs }, (t) => hold(t, row.name, known[row.name], () => flood(row)));
