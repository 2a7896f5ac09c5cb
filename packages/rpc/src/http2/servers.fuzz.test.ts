// node:http2 (nghttp2) as the oracle: the same bytes go to a server of ours and one of its, and to a client of ours and one of its. Valid sequences, however they are cut
// into reads, must be heard alike to the byte. Sequences with one breach, and with bytes changed at random, must end alike: answered, a stream reset, or the
// connection closed. Where they need not, `differences` says so and why.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { background, discard, systemClock } from "@tfs/std";
import fc from "fast-check";
import { type Exchange, fieldsOf, type Listener, newListener } from "../index.ts";
import { clientPreface, encodeFrame, type Frame, frameType, uint32 } from "../testing/index.ts";
import { flag, frame, h2 } from "./frame.ts";
import { change, differencesIn, mutate, whole } from "./testing/mutations.ts";
import { cut, sizes, steps, write } from "./testing/script.ts";
import { acknowledgement, type Said, speak, turns } from "./testing/speaker.ts";

const short = process.env["TFS_SHORT"] === "1";
const seed = short ? { seed: 20_261_126 } : {};

/** Heard is what one side has heard of a stream: its fields, how many body bytes, and how it went on. */
type Heard = Record<string, { fields: string[]; bytes: number; end: string }>;

let heard: { ours: Heard; node: Heard } = { ours: {}, node: {} };
const count = (of: Heard): number => Object.values(of).reduce((sum, one) => sum + 1 + one.bytes + one.end.length, 0);

let listener: Listener;
let ports: { ours: number; node: number };
const nodeServer = createServer({ settings: { maxConcurrentStreams: 256, maxHeaderListSize: 32_768 } });

before(async () => {
  listener = newListener({ clock: systemClock(), logger: discard(), onExchange: hearExchange });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  nodeServer.on("session", (session) => session.on("error", () => {}));
  nodeServer.on("stream", (stream, _headers, _flags, raw: unknown) => {
    const list = raw as readonly string[];
    const mine = note(heard.node, pairs(list));
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => void (mine.bytes += chunk.length));
    stream.on(
      "trailers",
      (_trailers: IncomingHttpHeaders, _f: number, last: unknown) => void (mine.end += `trailers ${pairs(last as readonly string[]).join()} `),
    );
    stream.on("end", () => {
      mine.end += stream.aborted ? "" : "end ";
      if (!stream.destroyed && !stream.aborted) stream.respond({ ":status": 204 }, { endStream: true });
    });
    stream.on("aborted", () => void (mine.end = "reset "));
    stream.resume();
  });
  nodeServer.listen(0, "127.0.0.1");
  await once(nodeServer, "listening");
  ports = { ours: address.port, node: (nodeServer.address() as { port: number }).port };
});
after(async () => {
  await listener.close();
  nodeServer.close();
});

function pairs(list: readonly string[]): string[] {
  return Array.from({ length: list.length / 2 }, (_, i) => `${list[2 * i]}: ${list[2 * i + 1]}`);
}

function note(of: Heard, fields: string[]): Heard[string] {
  const path = fields.find((one) => one.startsWith(":path"))?.slice(7) ?? "?";
  return (of[path] = { fields, bytes: 0, end: "" });
}

function hearExchange(exchange: Exchange): void {
  const mine = note(
    heard.ours,
    exchange.fields.list.map(({ name, value }) => `${name}: ${value}`),
  );
  exchange.handler = {
    onData(_buffer, start, end) {
      mine.bytes += end - start;
      exchange.consumed(end - start);
    },
    onEnd(trailers) {
      mine.end += `${trailers === undefined ? "" : `trailers ${trailers.list.map(({ name, value }) => `${name}: ${value}`).join()} `}end `;
      exchange.respond(fieldsOf([":status", "204"]), true);
    },
    onReset: () => void (mine.end = "reset "),
    onDrain() {},
  };
}

/** toServers says the same to both servers. */
async function toServers(bytes: Buffer, sizes: readonly number[]): Promise<Record<"ours" | "node", Said>> {
  heard = { ours: {}, node: {} };
  const pieces = cut(Buffer.concat([Buffer.from(clientPreface), encodeFrame(frame.settings, 0, 0), acknowledgement, bytes]), sizes);
  const [ours, node] = await Promise.all(
    (["ours", "node"] as const).map(async (whose) => {
      const socket = connect(ports[whose], "127.0.0.1");
      await once(socket, "connect");
      try {
        return await speak(socket, pieces, () => count(heard[whose]));
      } finally {
        socket.destroy();
        await turns(2);
      }
    }),
  );
  return { ours: ours!, node: node! };
}

/** verdict is the worst that was said: what the sequence as a whole ended as. */
type Verdict = "answered" | "stream reset" | "connection closed";
function verdict({ frames, closed }: Said): Verdict {
  if (closed) return "connection closed";
  return frames.some(isFault) ? "stream reset" : "answered";
}
/** A reset without error comes after a whole answer (section 8.1). */
const isFault = ({ type, payload }: Frame): boolean => type === frameType.rstStream && payload.readUInt32BE(0) !== 0;
const answers = (frames: readonly Frame[]): string =>
  frames
    .filter(({ type }) => type === frameType.headers)
    .map(({ stream }) => stream)
    .sort((a, b) => a - b)
    .join();

test("servers: valid sequences, however they are cut, are heard alike", () =>
  fc.assert(
    fc.asyncProperty(steps, sizes, async (list, cuts) => {
      const { ours, node } = await toServers(Buffer.concat(write(list, "client", 0)), cuts);
      assert.deepEqual(heard.ours, heard.node);
      assert.equal(answers(ours.frames), answers(node.frames));
      assert.deepEqual([verdict(ours), verdict(node)], ["answered", "answered"]);
    }),
    { ...seed, numRuns: short ? 250 : 3_000 },
  ));

/** Breach is one thing that no client may say. Stream 1 is open, stream 3 has ended, 101 was never opened. */
interface Breach {
  readonly frames: readonly Buffer[];
  /** atOnce: how it ends depends on whether the answer to stream 3 has left before. */
  readonly atOnce?: true;
  /** differs says why ours and node's verdict are not the same, if they are not. */
  readonly differs?: { readonly ours: Verdict; readonly node: Verdict | "as it comes"; readonly why: string };
}
const literal = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text, "latin1")]);
const block = (...list: readonly (readonly [string, string])[]): Buffer => Buffer.concat(list.flatMap(([n, v]) => [Buffer.of(0), literal(n), literal(v)]));
const request = [
  [":method", "POST"],
  [":scheme", "http"],
  [":authority", "h"],
  [":path", "/101"],
] as const;
const bad = (...list: readonly (readonly [string, string])[]): Buffer[] => [
  encodeFrame(frame.headers, flag.endHeaders | flag.endStream, 101, block(...request, ...list)),
];

const breaches: Readonly<Record<string, Breach>> = {
  "DATA on an idle stream": { frames: [encodeFrame(frame.data, 0, 101, Buffer.alloc(3))] },
  "DATA on no stream": { frames: [encodeFrame(frame.data, 0, 0, Buffer.alloc(3))] },
  "DATA on a stream that has ended": {
    atOnce: true,
    differs: { ours: "stream reset", node: "connection closed", why: "section 5.1 allows either once both sides have ended" },
    frames: [encodeFrame(frame.data, 0, 3, Buffer.alloc(3))],
  },
  "HEADERS on a stream that has ended": {
    atOnce: true,
    differs: { ours: "connection closed", node: "as it comes", why: "section 5.1 wants an error of the connection" },
    frames: [encodeFrame(frame.headers, flag.endHeaders, 3, block(["x-a", "1"]))],
  },
  "HEADERS on no stream": { frames: [encodeFrame(frame.headers, flag.endHeaders, 0, block(...request))] },
  "HEADERS on an even stream": { frames: [encodeFrame(frame.headers, flag.endHeaders, 2, block(...request))] },
  "HEADERS that HPACK cannot read": { frames: [encodeFrame(frame.headers, flag.endHeaders, 101, Buffer.alloc(4, 0xff))] },
  "RST_STREAM on an idle stream": { frames: [encodeFrame(frame.reset, 0, 101, uint32(8))] },
  "RST_STREAM too short": { frames: [encodeFrame(frame.reset, 0, 1, Buffer.alloc(3))] },
  "WINDOW_UPDATE by nothing": { frames: [encodeFrame(frame.window, 0, 0, uint32(0))] },
  "WINDOW_UPDATE by nothing on a stream": {
    differs: { ours: "stream reset", node: "connection closed", why: "section 6.9 wants an error of the stream" },
    frames: [encodeFrame(frame.window, 0, 1, uint32(0))],
  },
  "WINDOW_UPDATE too short": { frames: [encodeFrame(frame.window, 0, 0, Buffer.alloc(3))] },
  "WINDOW_UPDATE past the largest window": { frames: [encodeFrame(frame.window, 0, 0, uint32(0x7fffffff))] },
  "WINDOW_UPDATE past a stream's largest window": {
    differs: { ours: "stream reset", node: "connection closed", why: "section 6.9.1 wants RST_STREAM" },
    frames: [encodeFrame(frame.window, 0, 1, uint32(0x7fffffff))],
  },
  "WINDOW_UPDATE on an idle stream": { frames: [encodeFrame(frame.window, 0, 101, uint32(1))] },
  "PING on a stream": { frames: [encodeFrame(frame.ping, 0, 1, Buffer.alloc(8))] },
  "PING too short": { frames: [encodeFrame(frame.ping, 0, 0, Buffer.alloc(7))] },
  "SETTINGS on a stream": { frames: [encodeFrame(frame.settings, 0, 1)] },
  "SETTINGS of a wrong length": { frames: [encodeFrame(frame.settings, 0, 0, Buffer.alloc(7))] },
  "SETTINGS with a window past 2^31-1": { frames: [encodeFrame(frame.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(0x80000000)]))] },
  "SETTINGS with a frame size too small": { frames: [encodeFrame(frame.settings, 0, 0, Buffer.concat([Buffer.of(0, 5), uint32(100)]))] },
  "an acknowledgement that says something": { frames: [encodeFrame(frame.settings, flag.ack, 0, Buffer.alloc(6))] },
  "an acknowledgement of nothing": {
    differs: { ours: "answered", node: "connection closed", why: "section 6.5.3 names no error for it" },
    frames: [acknowledgement],
  },
  "GOAWAY on a stream": { frames: [encodeFrame(frame.goaway, 0, 1, Buffer.alloc(8))] },
  "GOAWAY too short": { frames: [encodeFrame(frame.goaway, 0, 0, Buffer.alloc(7))] },
  "PUSH_PROMISE of a client": { frames: [encodeFrame(frame.push, flag.endHeaders, 1, Buffer.concat([uint32(2), block(...request)]))] },
  "CONTINUATION without HEADERS": { frames: [encodeFrame(frame.continuation, flag.endHeaders, 1, Buffer.alloc(0))] },
  "a frame inside a header block": { frames: [encodeFrame(frame.headers, 0, 101, block(...request)), encodeFrame(frame.ping, 0, 0, Buffer.alloc(8))] },
  "a frame past the largest size": { frames: [encodeFrame(frame.data, 0, 1, Buffer.alloc(16_385))] },
  "PRIORITY too short": {
    differs: { ours: "stream reset", node: "connection closed", why: "section 6.3 wants an error of the stream" },
    frames: [encodeFrame(frame.priority, 0, 1, Buffer.alloc(4))],
  },
  "PRIORITY of a stream on itself": {
    differs: { ours: "stream reset", node: "answered", why: "RFC 7540, section 5.3.1, wants an error of the stream; RFC 9113 no longer speaks of it" },
    frames: [encodeFrame(frame.priority, 0, 1, Buffer.concat([uint32(1), Buffer.of(1)]))],
  },
  "padding longer than DATA": { frames: [encodeFrame(frame.data, flag.padded, 1, Buffer.of(5, 0, 0))] },
  "padding longer than HEADERS": { frames: [encodeFrame(frame.headers, flag.endHeaders | flag.padded, 101, Buffer.of(5, 0, 0))] },
  "trailers that do not end the stream": { frames: [encodeFrame(frame.headers, flag.endHeaders, 1, block(["x-t", "1"]))] },
  "a name in capitals": { frames: bad(["X-A", "1"]) },
  "a value with a line feed": {
    differs: { ours: "stream reset", node: "answered", why: "section 8.2.1 calls the request malformed; nghttp2 leaves the field out" },
    frames: bad(["x-a", "1\n2"]),
  },
  "a value with space in front": {
    differs: { ours: "stream reset", node: "answered", why: "section 8.2.1 calls the request malformed; nghttp2 leaves the field out" },
    frames: bad(["x-a", " 1"]),
  },
  connection: { frames: bad(["connection", "close"]) },
  "transfer-encoding": { frames: bad(["transfer-encoding", "chunked"]) },
  "te of gzip": { frames: bad(["te", "gzip"]) },
  "an unknown pseudo-field": { frames: bad([":x", "1"]) },
  "no :path": { frames: [encodeFrame(frame.headers, flag.endHeaders | flag.endStream, 101, block(...request.slice(0, 3)))] },
  "two lengths of a body": { frames: bad(["content-length", "3"]) },
  "more body than content-length": {
    differs: { ours: "stream reset", node: "connection closed", why: "section 8.1.1 wants an error of the stream" },
    frames: [
      encodeFrame(frame.headers, flag.endHeaders, 101, block(...request, ["content-length", "1"])),
      encodeFrame(frame.data, flag.endStream, 101, Buffer.alloc(2)),
    ],
  },
};
const opening: readonly Buffer[] = [
  encodeFrame(frame.headers, flag.endHeaders, 1, block(...request.slice(0, 3), [":path", "/1"])),
  encodeFrame(frame.headers, flag.endHeaders | flag.endStream, 3, block(...request.slice(0, 3), [":path", "/3"])),
];

for (const [name, { frames, differs, atOnce }] of Object.entries(breaches)) {
  test(`servers: ${name} ends alike${differs === undefined ? "" : `, but for this: ${differs.why}`}`, async () => {
    for (const cuts of atOnce ? [[100_000]] : [[100_000], [1], [7, 300]]) {
      const { ours, node } = await toServers(Buffer.concat([...opening, ...frames]), cuts);
      const [mine, its] = [verdict(ours), verdict(node)];
      if (differs === undefined) assert.equal(mine, its);
      else assert.deepEqual([mine, differs.node === "as it comes" ? differs.node : its], [differs.ours, differs.node]);
    }
  });
}

/**
 * Of what only we refuse, and only by resetting the stream: what is malformed, what comes on one that has ended (section 5.1), and a list of fields past the limit,
 * in which nghttp2 does not count those that it leaves out.
 */
const refusals: readonly number[] = [h2.protocol, h2.streamClosed, h2.calm];
const stricter = (ours: Said): boolean =>
  ours.frames.filter(isFault).every(({ type, payload }) => type === frameType.rstStream && refusals.includes(payload.readUInt32BE(0)));

/** Section 5.1.1: HEADERS with a lower number than some before are on a closed stream; nghttp2 passes them over. */
const closedStream = ({ frames }: Said): boolean =>
  frames.some(({ type, payload }) => type === frameType.goaway && payload.readUInt32BE(4) === h2.streamClosed);

test("servers: sequences with bytes changed are borne by both or by neither", () =>
  fc.assert(
    fc.asyncProperty(steps, fc.array(change, { minLength: 1, maxLength: 3 }), sizes, async (list, changes, cuts) => {
      const frames = write(list, "client", 0);
      const bytes = whole(changes.reduce(mutate, Buffer.concat(frames)));
      const { ours, node } = await toServers(bytes, cuts);
      const [mine, its] = [verdict(ours), verdict(node)];
      if (mine === "answered" && its === "answered") assert.deepEqual(heard.ours, heard.node);
      else if (its === "answered" ? differencesIn(bytes).ours || closedStream(ours) : differencesIn(bytes).theirs) return;
      // Sections 8.2.1 and 5.3.1 of RFC 7540, as above: a request with a value that none may have, and priority of a stream on itself.
      else if (its === "answered") assert.ok(mine === "stream reset" && stricter(ours), `${mine}: ${bytes.toString("hex")}`);
      else assert.notEqual(mine, "answered", `${its} by nghttp2: ${bytes.toString("hex")}`);
    }),
    { ...seed, numRuns: short ? 400 : 6_000 },
  ));
