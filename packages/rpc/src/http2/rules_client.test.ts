// RFC 9113 as a client must hold its servers to it: what an answer ends as, or the connection, and what is no breach.
import assert from "node:assert/strict";
import { test } from "node:test";
import { discard, systemClock } from "@tfs/std";
import { type Channel, newChannel } from "../index.ts";
import { encodeFrame, encodeHeaders, fieldsFrom, frameFlag, frameType, type Raw, rawServer, uint32 } from "../testing/index.ts";
import { flag, frame, maxWindow, setting } from "./frame.ts";
import { reaction } from "./testing/index.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const headers = (stream: number, list: Readonly<Record<string, string>>, flags: number = flag.endHeaders): Buffer =>
  encodeFrame(frame.headers, flags, stream, encodeHeaders(list));
const answer = (stream: number, flags?: number): Buffer => headers(stream, { ":status": "200" }, flags);
const trailers = (stream: number): Buffer => headers(stream, { "grpc-status": "0" }, flag.endHeaders | flag.endStream);
const data = (stream: number, bytes: number, flags = 0): Buffer => encodeFrame(frame.data, flags, stream, Buffer.alloc(bytes));
const whole = (stream: number): Buffer => Buffer.concat([answer(stream), data(stream, 3), trailers(stream)]);
const set = (id: number, value: number): Buffer => encodeFrame(frame.settings, 0, 0, Buffer.concat([Buffer.of(0, id), uint32(value)]));
const goaway = (last: number, code = 0): Buffer => encodeFrame(frame.goaway, 0, 0, uint32(last, code));
const window = (stream: number, increment: number): Buffer => encodeFrame(frame.window, 0, stream, uint32(increment));
const reset = (stream: number, code: number): Buffer => encodeFrame(frame.reset, 0, stream, uint32(code));

/** Asked is a channel and its server. */
interface Asked {
  readonly channel: Channel;
  readonly peer: Raw;
  /** call starts one; what becomes of it is in `heard`: "200", "3 bytes", "end grpc-status", "failed: TEXT", "refused". */
  call(method?: string, more?: Readonly<Record<string, string>>): void;
  readonly heard: readonly string[];
}

async function withClient(settings: Uint8Array, use: (asked: Asked) => Promise<void>): Promise<void> {
  const peers: Raw[] = [];
  using server = await rawServer((raw) => void peers.push(raw), settings);
  const channel = newChannel({ address: `127.0.0.1:${server.port}`, clock: systemClock(), logger: discard() });
  const heard: string[] = [];
  channel.connect();
  while (channel.state !== "ready") await turn();
  try {
    await use({
      channel,
      peer: peers[0]!,
      heard,
      call(method = "POST", more = {}) {
        const call = channel.open(
          fieldsFrom({ ":method": method, ":scheme": "http", ":path": "/", ":authority": "a", ...more }),
          {
            onHeaders: (fields) => void heard.push(fields.list[0]!.value),
            onData(_buffer, start, end) {
              heard.push(`${end - start} bytes`);
              call.consumed(end - start);
            },
            onEnd: (last) => void heard.push(`end ${last?.list.map(({ name }) => name).join() ?? ""}`.trim()),
            onError: (failure, refused) => void heard.push(refused ? "refused" : `failed: ${failure.message}`),
            onDrain() {},
          },
          { end: true },
        );
      },
    });
  } finally {
    await channel.destroy();
  }
}

interface Rule {
  readonly section: string;
  readonly name: string;
  readonly method?: string;
  readonly frames: readonly Buffer[];
  /** heard is what the caller hears. */
  readonly heard: readonly string[];
  /** says is what the server hears in answer, as `reaction` tells it, without the request itself. */
  readonly says: string;
}

const broken = "failed: stream reset by the peer: PROTOCOL_ERROR";
const lost = (code: string): Pick<Rule, "says"> => ({ says: `connection ${code}` });
const rules: readonly Rule[] = [
  { section: "8.1", name: "an answer with trailers", frames: [whole(1)], heard: ["200", "3 bytes", "end grpc-status"], says: "" },
  { section: "8.1", name: "an answer without a body", frames: [answer(1, flag.endHeaders | flag.endStream)], heard: ["200", "end"], says: "" },
  {
    section: "8.1",
    name: "informational answers are passed over",
    frames: [headers(1, { ":status": "103" }), headers(1, { ":status": "100" }), whole(1)],
    heard: ["200", "3 bytes", "end grpc-status"],
    says: "",
  },
  {
    section: "8.1",
    name: "an informational answer that ends the stream",
    frames: [headers(1, { ":status": "103" }, flag.endHeaders | flag.endStream)],
    heard: [broken],
    says: "1 PROTOCOL_ERROR",
  },
  { section: "8.1", name: "DATA before the answer's headers", frames: [data(1, 3)], heard: [broken], says: "1 PROTOCOL_ERROR" },
  { section: "8.1", name: "empty DATA before the answer's headers", frames: [data(1, 0)], heard: [broken], says: "1 PROTOCOL_ERROR" },
  {
    section: "8.1",
    name: "DATA after an informational answer",
    frames: [headers(1, { ":status": "100" }), data(1, 3)],
    heard: [broken],
    says: "1 PROTOCOL_ERROR",
  },
  {
    section: "8.1",
    name: "trailers that do not end the stream",
    frames: [answer(1), headers(1, { "x-t": "1" })],
    heard: ["200", broken],
    says: "1 PROTOCOL_ERROR",
  },
  {
    section: "8.1",
    name: "a pseudo-field in trailers",
    frames: [answer(1), headers(1, { ":status": "200" }, flag.endHeaders | flag.endStream)],
    heard: ["200", broken],
    says: "1 PROTOCOL_ERROR",
  },
  {
    section: "8.1.1",
    name: "less than content-length",
    frames: [headers(1, { ":status": "200", "content-length": "5" }), data(1, 4, flag.endStream)],
    heard: ["200", "4 bytes", broken],
    says: "1 PROTOCOL_ERROR",
  },
  {
    section: "8.1.1",
    name: "more than content-length",
    frames: [headers(1, { ":status": "200", "content-length": "5" }), data(1, 6)],
    heard: ["200", broken],
    says: "1 PROTOCOL_ERROR",
  },
  {
    section: "8.1.1",
    name: "content-length and no body",
    frames: [headers(1, { ":status": "200", "content-length": "5" }, flag.endHeaders | flag.endStream)],
    heard: [broken],
    says: "1 PROTOCOL_ERROR",
  },
  {
    section: "8.1.1",
    name: "content-length of an answer to HEAD",
    method: "HEAD",
    frames: [headers(1, { ":status": "200", "content-length": "5" }, flag.endHeaders | flag.endStream)],
    heard: ["200", "end"],
    says: "",
  },
  {
    section: "8.1.1",
    name: "content-length of a 304",
    frames: [headers(1, { ":status": "304", "content-length": "5" }, flag.endHeaders | flag.endStream)],
    heard: ["304", "end"],
    says: "",
  },
  {
    section: "8.1.1",
    name: "a body of a 204",
    frames: [headers(1, { ":status": "204" }), data(1, 1)],
    heard: ["204", broken],
    says: "1 PROTOCOL_ERROR",
  },
  { section: "8.2.1", name: "a name in capitals", frames: [headers(1, { ":status": "200", "X-A": "1" })], heard: [broken], says: "1 PROTOCOL_ERROR" },
  { section: "8.2.2", name: "connection", frames: [headers(1, { ":status": "200", connection: "close" })], heard: [broken], says: "1 PROTOCOL_ERROR" },
  { section: "8.3.2", name: "no :status", frames: [headers(1, { "x-a": "1" })], heard: [broken], says: "1 PROTOCOL_ERROR" },
  { section: "8.3.2", name: "a request's pseudo-field", frames: [headers(1, { ":status": "200", ":path": "/" })], heard: [broken], says: "1 PROTOCOL_ERROR" },
  {
    section: "5.1",
    name: "frames on a stream that is over are no fault",
    frames: [whole(1), data(1, 3), headers(1, { "x-t": "1" }, flag.endHeaders | flag.endStream), window(1, 1), reset(1, 0)],
    heard: ["200", "3 bytes", "end grpc-status"],
    says: "",
  },
  { section: "5.1", name: "HEADERS on a stream that we never opened", frames: [whole(3)], heard: ["failed: lost"], ...lost("PROTOCOL_ERROR") },
  { section: "5.1", name: "DATA on a stream that we never opened", frames: [data(3, 1)], heard: ["failed: lost"], ...lost("PROTOCOL_ERROR") },
  { section: "5.1.1", name: "HEADERS on a stream of the server's", frames: [answer(2)], heard: ["failed: lost"], ...lost("PROTOCOL_ERROR") },
  { section: "6.4", name: "RST_STREAM on a stream that we never opened", frames: [reset(3, 0)], heard: ["failed: lost"], ...lost("PROTOCOL_ERROR") },
  { section: "6.5.2", name: "a server that enables push", frames: [set(setting.push, 1)], heard: ["failed: lost"], ...lost("PROTOCOL_ERROR") },
  {
    section: "6.5.2",
    name: "a server that says that it does not push",
    frames: [set(setting.push, 0), whole(1)],
    heard: ["200", "3 bytes", "end grpc-status"],
    says: "",
  },
  {
    section: "6.6",
    name: "PUSH_PROMISE",
    frames: [encodeFrame(frame.push, flag.endHeaders, 1, Buffer.concat([uint32(2), encodeHeaders({ ":method": "GET" })]))],
    heard: ["failed: lost"],
    ...lost("PROTOCOL_ERROR"),
  },
  { section: "6.9.1", name: "the connection's window past 2^31-1", frames: [window(0, maxWindow)], heard: ["failed: lost"], ...lost("FLOW_CONTROL_ERROR") },
  {
    section: "6.9.1",
    name: "a stream's window past 2^31-1",
    frames: [window(1, maxWindow)],
    heard: ["failed: stream reset by the peer: FLOW_CONTROL_ERROR"],
    says: "1 FLOW_CONTROL_ERROR",
  },
  { section: "6.9", name: "WINDOW_UPDATE by nothing on a stream", frames: [window(1, 0)], heard: [broken], says: "1 PROTOCOL_ERROR" },
  {
    section: "8.1",
    name: "a whole answer and then a reset without error",
    frames: [answer(1), data(1, 3), reset(1, 0)],
    heard: ["200", "3 bytes", "end"],
    says: "",
  },
  { section: "8.1", name: "a reset without error before any answer", frames: [reset(1, 0)], heard: ["failed: stream reset by the peer: NO_ERROR"], says: "" },
  { section: "8.7", name: "a stream refused unseen", frames: [reset(1, 7)], heard: ["refused"], says: "" },
];
for (const rule of rules) {
  test(`client: ${rule.section} ${rule.name}: ${rule.heard.join(", ")}`, () =>
    withClient(new Uint8Array(), async ({ peer, call, heard }) => {
      call(rule.method);
      await peer.until((f) => f.type === frameType.headers);
      peer.send(...rule.frames);
      assert.equal((await reaction(peer)).replace(/^1 answered(, )?/, ""), rule.says);
      assert.deepEqual(
        heard.map((what) => what.replace(/^failed: lost connection.*/, "failed: lost")),
        rule.heard,
      );
    }));
}

test("client: 6.8 GOAWAY in two steps: first nothing new, then what is above the last stream may be sent again, and the rest is answered", () =>
  withClient(new Uint8Array(), async ({ channel, peer, call, heard }) => {
    for (let i = 0; i < 3; i++) call();
    await peer.until((f) => f.type === frameType.headers && f.stream === 5);
    peer.send(goaway(maxWindow));
    await reaction(peer);
    assert.deepEqual(heard, []);
    assert.notEqual(channel.state, "ready");
    peer.send(goaway(3), whole(1));
    await reaction(peer);
    assert.deepEqual(heard, ["refused", "200", "3 bytes", "end grpc-status"]);
    peer.send(whole(3));
    await peer.closed;
    assert.deepEqual(heard.slice(4), ["200", "3 bytes", "end grpc-status"]);
  }));

test("client: 6.5.2 as many streams as the server takes are open, the next waits for room, also when the limit changes", () =>
  withClient(Buffer.concat([Buffer.of(0, setting.streams), uint32(2)]), async ({ peer, call, heard }) => {
    const opened = (): number => peer.frames.filter((f) => f.type === frameType.headers).length;
    for (let i = 0; i < 5; i++) call();
    await reaction(peer);
    assert.equal(opened(), 2);
    peer.send(set(setting.streams, 3));
    await reaction(peer);
    assert.equal(opened(), 3);
    peer.send(set(setting.streams, 1), whole(1));
    await reaction(peer);
    assert.equal(opened(), 3);
    peer.send(whole(3), whole(5));
    await reaction(peer);
    assert.equal(opened(), 4);
    assert.equal(heard.filter((what) => what.startsWith("end")).length, 3);
  }));

test("client: 6.5.2 headers past what the server takes fail before they are sent", () =>
  withClient(Buffer.concat([Buffer.of(0, setting.listBytes), uint32(1000)]), async ({ peer, call, heard }) => {
    call("POST", { "x-a": "x".repeat(1000) });
    assert.deepEqual(heard, [], "never from inside open");
    call("POST", { "x-a": "x".repeat(600) });
    assert.equal(await reaction(peer), "1 answered");
    assert.match(heard.join(), /^failed: request headers of 1\d\d\d bytes: the peer takes 1000$/);
  }));

test("client: 6.9.1 padding counts against both windows and comes back", () =>
  withClient(new Uint8Array(), async ({ peer, call, heard }) => {
    call();
    await peer.until((f) => f.type === frameType.headers);
    const padded = encodeFrame(frame.data, flag.padded, 1, Buffer.concat([Buffer.of(255), Buffer.alloc(256)]));
    peer.send(answer(1));
    for (let i = 0; i < 128; i++) peer.send(...Array.from({ length: 256 }, () => padded));
    peer.send(trailers(1));
    await reaction(peer);
    assert.equal(heard.length, 128 * 256 + 2);
    assert.ok(peer.frames.some((f) => f.type === frameType.windowUpdate && f.stream === 0));
    assert.ok(peer.frames.some((f) => f.type === frameType.windowUpdate && f.stream === 1));
  }));

test("client: 6.7 PING is answered with its own eight bytes", () =>
  withClient(new Uint8Array(), async ({ peer }) => {
    peer.send(encodeFrame(frame.ping, 0, 0, Buffer.from("12345678")));
    const pong = await peer.until((f) => f.type === frameType.ping);
    assert.deepEqual([pong.flags, pong.payload.toString()], [frameFlag.ack, "12345678"]);
  }));
