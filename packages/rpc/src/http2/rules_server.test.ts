// RFC 9113 from section 3.4 to 8, as a server must hold its clients to it: what each breach of a rule ends, with which error code, and what is no breach.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { Exchange } from "../exchange.ts";
import { fieldsOf } from "../fields.ts";
import { clientPreface, encodeFrame, encodeHeaders, newFrameReader, uint32 } from "../testing/index.ts";
import { flag, frame, frameBytes, h2Name, maxWindow, setting } from "./frame.ts";
import { reaction, request, withServer } from "./testing/index.ts";

const open = (stream: number): Buffer => request(stream, `/${stream}`, flag.endHeaders);
const whole = (stream: number): Buffer => request(stream, `/${stream}`);
const data = (stream: number, bytes: number, flags = 0): Buffer => encodeFrame(frame.data, flags, stream, Buffer.alloc(bytes));
const set = (id: number, value: number): Buffer => encodeFrame(frame.settings, 0, 0, Buffer.concat([Buffer.of(0, id), uint32(value)]));
const window = (stream: number, increment: number): Buffer => encodeFrame(frame.window, 0, stream, uint32(increment));
const reset = (stream: number): Buffer => encodeFrame(frame.reset, 0, stream, uint32(8));
/** block is a HEADERS frame of any bytes. */
const block = (stream: number, bytes: Uint8Array, flags: number = flag.endHeaders | flag.endStream): Buffer => encodeFrame(frame.headers, flags, stream, bytes);
/** fields are those of a request, changed: undefined leaves one out. */
const fields = (changed: Readonly<Record<string, string | undefined>>): Buffer => {
  const all = { ":method": "POST", ":scheme": "http", ":authority": "a", ":path": "/", ...changed };
  return encodeHeaders(Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined)));
};
const sound = fields({});
const trailers = (stream: number, list: Readonly<Record<string, string>>, flags: number = flag.endHeaders | flag.endStream): Buffer =>
  block(stream, encodeHeaders(list), flags);

const [protocol, frameSize, flowControl, closed, compression] = [
  "PROTOCOL_ERROR",
  "FRAME_SIZE_ERROR",
  "FLOW_CONTROL_ERROR",
  "STREAM_CLOSED",
  "COMPRESSION_ERROR",
].map((name) => ({ connection: `connection ${name}`, stream: (id: number) => `${id} ${name}` })) as [Breach, Breach, Breach, Breach, Breach];
interface Breach {
  readonly connection: string;
  readonly stream: (id: number) => string;
}

/** answerWithData answers as soon as it is asked. */
function answerWithData(exchange: Exchange): void {
  exchange.respond(fieldsOf([":status", "200"]));
  exchange.write(Buffer.alloc(90));
  exchange.end();
}

interface Rule {
  readonly section: string;
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly want: string;
}

const rules: readonly Rule[] = [
  { section: "4.1", name: "frames of unknown type are ignored", frames: [encodeFrame(0x42, 0xff, 0, Buffer.alloc(9)), whole(1)], want: "1 answered" },
  { section: "4.1", name: "the reserved bit of a stream's id is ignored", frames: [whole(0x80000001)], want: "1 answered" },
  { section: "4.1", name: "flags that mean nothing are ignored", frames: [encodeFrame(frame.ping, 0x80, 0, Buffer.alloc(8)), whole(1)], want: "1 answered" },
  { section: "4.2", name: "DATA of the largest size is taken", frames: [open(1), data(1, frameBytes, flag.endStream)], want: "1 answered" },
  { section: "4.2", name: "DATA past it", frames: [open(1), data(1, frameBytes + 1)], want: frameSize.connection },
  { section: "4.2", name: "HEADERS past it", frames: [block(1, Buffer.concat([sound, Buffer.alloc(frameBytes)]))], want: frameSize.connection },
  { section: "4.2", name: "a frame of unknown type past it", frames: [encodeFrame(0x42, 0, 0, Buffer.alloc(frameBytes + 1))], want: frameSize.connection },
  {
    section: "4.3",
    name: "a header block in three pieces",
    frames: [
      block(1, sound.subarray(0, 5), flag.endStream),
      encodeFrame(frame.continuation, 0, 1, sound.subarray(5, 9)),
      encodeFrame(frame.continuation, flag.endHeaders, 1, sound.subarray(9)),
    ],
    want: "1 answered",
  },
  {
    section: "4.3",
    name: "a header block that cannot be decoded",
    frames: [block(1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff))],
    want: compression.connection,
  },
  {
    section: "4.3",
    name: "another frame inside a header block",
    frames: [block(1, sound, 0), encodeFrame(frame.ping, 0, 0, Buffer.alloc(8))],
    want: protocol.connection,
  },
  { section: "4.3", name: "a frame of unknown type inside a header block", frames: [block(1, sound, 0), encodeFrame(0x42, 0, 0)], want: protocol.connection },
  {
    section: "4.3",
    name: "another stream's CONTINUATION inside a header block",
    frames: [block(1, sound, 0), encodeFrame(frame.continuation, flag.endHeaders, 3)],
    want: protocol.connection,
  },
  { section: "5.1", name: "DATA on an idle stream", frames: [data(1, 1)], want: protocol.connection },
  { section: "5.1", name: "RST_STREAM on an idle stream", frames: [reset(1)], want: protocol.connection },
  { section: "5.1", name: "WINDOW_UPDATE on an idle stream", frames: [window(1, 1)], want: protocol.connection },
  { section: "5.1", name: "WINDOW_UPDATE on a stream that only we could open", frames: [window(2, 1)], want: protocol.connection },
  {
    section: "5.1",
    name: "PRIORITY on an idle stream is no fault",
    frames: [encodeFrame(frame.priority, 0, 9, Buffer.alloc(5)), whole(1)],
    want: "1 answered",
  },
  { section: "5.1", name: "DATA on a stream that the client has closed", frames: [whole(1), data(1, 1)], want: `1 answered, ${closed.stream(1)}` },
  { section: "5.1", name: "HEADERS on a stream that the client has closed", frames: [whole(1), whole(1)], want: closed.connection },
  { section: "5.1", name: "DATA after the client's own reset", frames: [open(1), reset(1), data(1, 1)], want: closed.stream(1) },
  { section: "5.1", name: "HEADERS after the client's own reset", frames: [open(1), reset(1), whole(1)], want: closed.connection },
  {
    section: "5.1",
    name: "WINDOW_UPDATE, PRIORITY and RST_STREAM on a closed stream are no fault",
    frames: [whole(1), window(1, 5), encodeFrame(frame.priority, 0, 1, Buffer.alloc(5)), reset(1)],
    want: "1 answered",
  },
  {
    section: "5.1",
    name: "what was on its way when we reset the stream is no fault",
    frames: [open(1), window(1, 0), data(1, 5), trailers(1, { "x-t": "1" })],
    want: protocol.stream(1),
  },
  { section: "5.1.1", name: "a stream with an even number", frames: [whole(2)], want: protocol.connection },
  { section: "5.1.1", name: "a stream with a lower number than one before", frames: [whole(5), whole(3)], want: closed.connection },
  { section: "5.1.1", name: "numbers may be left out", frames: [whole(5), whole(99)], want: "5 answered, 99 answered" },
  { section: "6.1", name: "DATA on no stream", frames: [data(0, 1)], want: protocol.connection },
  {
    section: "6.1",
    name: "padding as long as the frame",
    frames: [
      open(1),
      encodeFrame(frame.data, flag.padded, 1, Buffer.of(2, 0, 0, 0).subarray(0, 3)),
      encodeFrame(frame.data, flag.padded, 1, Buffer.of(3, 0, 0)),
    ],
    want: protocol.connection,
  },
  {
    section: "6.1",
    name: "padding that leaves nothing",
    frames: [open(1), encodeFrame(frame.data, flag.padded | flag.endStream, 1, Buffer.of(2, 0, 0))],
    want: "1 answered",
  },
  { section: "6.1", name: "a padded frame without its length", frames: [open(1), encodeFrame(frame.data, flag.padded, 1)], want: protocol.connection },
  { section: "6.2", name: "HEADERS on no stream", frames: [block(0, sound)], want: protocol.connection },
  {
    section: "6.2",
    name: "HEADERS with padding",
    frames: [block(1, Buffer.concat([Buffer.of(3), sound, Buffer.alloc(3)]), flag.endHeaders | flag.endStream | flag.padded)],
    want: "1 answered",
  },
  {
    section: "6.2",
    name: "HEADERS with more padding than frame",
    frames: [block(1, Buffer.of(9, 0, 0), flag.endHeaders | flag.padded)],
    want: protocol.connection,
  },
  {
    section: "6.2",
    name: "HEADERS with padding and priority",
    frames: [block(1, Buffer.concat([Buffer.of(3), Buffer.alloc(5), sound, Buffer.alloc(3)]), flag.endHeaders | flag.endStream | flag.padded | flag.priority)],
    want: "1 answered",
  },
  {
    section: "6.2",
    name: "HEADERS too short for its priority",
    frames: [block(1, Buffer.alloc(4), flag.endHeaders | flag.priority)],
    want: frameSize.connection,
  },
  { section: "6.3", name: "PRIORITY on no stream", frames: [encodeFrame(frame.priority, 0, 0, Buffer.alloc(5))], want: protocol.connection },
  { section: "6.3", name: "PRIORITY of a wrong length", frames: [open(1), encodeFrame(frame.priority, 0, 1, Buffer.alloc(4))], want: frameSize.stream(1) },
  { section: "6.4", name: "RST_STREAM on no stream", frames: [reset(0)], want: protocol.connection },
  { section: "6.4", name: "RST_STREAM of a wrong length", frames: [open(1), encodeFrame(frame.reset, 0, 1, Buffer.alloc(3))], want: frameSize.connection },
  { section: "6.5", name: "SETTINGS on a stream", frames: [encodeFrame(frame.settings, 0, 1)], want: protocol.connection },
  { section: "6.5", name: "SETTINGS of a wrong length", frames: [encodeFrame(frame.settings, 0, 0, Buffer.alloc(5))], want: frameSize.connection },
  {
    section: "6.5",
    name: "an acknowledgement that says something",
    frames: [encodeFrame(frame.settings, flag.ack, 0, Buffer.alloc(6))],
    want: frameSize.connection,
  },
  { section: "6.5.2", name: "ENABLE_PUSH of 2", frames: [set(setting.push, 2)], want: protocol.connection },
  { section: "6.5.2", name: "a window past 2^31-1", frames: [set(setting.window, maxWindow + 1)], want: flowControl.connection },
  { section: "6.5.2", name: "a frame size below the protocol's", frames: [set(setting.frameBytes, frameBytes - 1)], want: protocol.connection },
  { section: "6.5.2", name: "a frame size past 2^24-1", frames: [set(setting.frameBytes, 1 << 24)], want: protocol.connection },
  { section: "6.5.2", name: "settings nobody knows", frames: [set(0xfe, 1), whole(1)], want: "1 answered" },
  {
    section: "6.6",
    name: "PUSH_PROMISE of a client",
    frames: [open(1), encodeFrame(frame.push, flag.endHeaders, 1, Buffer.concat([uint32(2), sound]))],
    want: protocol.connection,
  },
  { section: "6.7", name: "PING on a stream", frames: [encodeFrame(frame.ping, 0, 1, Buffer.alloc(8))], want: protocol.connection },
  { section: "6.7", name: "PING of a wrong length", frames: [encodeFrame(frame.ping, 0, 0, Buffer.alloc(7))], want: frameSize.connection },
  { section: "6.7", name: "an answer to no PING", frames: [encodeFrame(frame.ping, flag.ack, 0, Buffer.alloc(8)), whole(1)], want: "1 answered" },
  { section: "6.8", name: "GOAWAY on a stream", frames: [encodeFrame(frame.goaway, 0, 1, Buffer.alloc(8))], want: protocol.connection },
  { section: "6.8", name: "GOAWAY of a wrong length", frames: [encodeFrame(frame.goaway, 0, 0, Buffer.alloc(7))], want: frameSize.connection },
  {
    section: "6.8",
    name: "a client that says GOAWAY still has its streams answered",
    frames: [open(1), encodeFrame(frame.goaway, 0, 0, Buffer.alloc(12)), data(1, 0, flag.endStream)],
    want: "1 answered",
  },
  { section: "6.9", name: "WINDOW_UPDATE of a wrong length", frames: [encodeFrame(frame.window, 0, 0, Buffer.alloc(3))], want: frameSize.connection },
  { section: "6.9", name: "WINDOW_UPDATE by nothing on the connection", frames: [window(0, 0)], want: protocol.connection },
  { section: "6.9", name: "WINDOW_UPDATE by nothing on a stream", frames: [open(1), window(1, 0)], want: protocol.stream(1) },
  { section: "6.9.1", name: "the connection's window past 2^31-1", frames: [window(0, maxWindow)], want: flowControl.connection },
  { section: "6.9.1", name: "the connection's window at 2^31-1", frames: [window(0, maxWindow - 65_535), whole(1)], want: "1 answered" },
  { section: "6.9.1", name: "a stream's window past 2^31-1", frames: [open(1), window(1, maxWindow)], want: flowControl.stream(1) },
  {
    section: "6.9.2",
    name: "a stream's window past 2^31-1 by SETTINGS",
    frames: [open(1), window(1, 1), set(setting.window, maxWindow)],
    want: flowControl.connection,
  },
  { section: "6.10", name: "CONTINUATION without HEADERS", frames: [open(1), encodeFrame(frame.continuation, flag.endHeaders, 1)], want: protocol.connection },
  {
    section: "6.10",
    name: "CONTINUATION after a block's end",
    frames: [whole(1), encodeFrame(frame.continuation, flag.endHeaders, 1)],
    want: protocol.connection,
  },
  { section: "8.1", name: "trailers", frames: [open(1), data(1, 3), trailers(1, { "x-t": "1" })], want: "1 answered" },
  { section: "8.1", name: "trailers that do not end the stream", frames: [open(1), trailers(1, { "x-t": "1" }, flag.endHeaders)], want: protocol.stream(1) },
  { section: "8.1", name: "a pseudo-field in trailers", frames: [open(1), trailers(1, { ":path": "/" })], want: protocol.stream(1) },
  {
    section: "8.1.1",
    name: "less than content-length",
    frames: [block(1, fields({ "content-length": "5" }), flag.endHeaders), data(1, 4, flag.endStream)],
    want: protocol.stream(1),
  },
  {
    section: "8.1.1",
    name: "more than content-length",
    frames: [block(1, fields({ "content-length": "5" }), flag.endHeaders), data(1, 6)],
    want: protocol.stream(1),
  },
  {
    section: "8.1.1",
    name: "as much as content-length",
    frames: [block(1, fields({ "content-length": "5" }), flag.endHeaders), data(1, 2), data(1, 3, flag.endStream)],
    want: "1 answered",
  },
  { section: "8.1.1", name: "content-length and no body", frames: [block(1, fields({ "content-length": "5" }))], want: protocol.stream(1) },
  {
    section: "8.1.1",
    name: "content-length and trailers before its end",
    frames: [block(1, fields({ "content-length": "5" }), flag.endHeaders), trailers(1, { "x-t": "1" })],
    want: protocol.stream(1),
  },
  {
    section: "8.1.1",
    name: "a content-length that is no number",
    frames: [block(1, fields({ "content-length": "0x5" }), flag.endHeaders)],
    want: protocol.stream(1),
  },
  ...malformed([
    ["8.2.1", "a name in capitals", { "X-A": "1" }],
    ["8.2.1", "a name with a space", { "x a": "1" }],
    ["8.2.1", "a name with a colon within", { "x:a": "1" }],
    ["8.2.1", "a value with a line feed", { "x-a": "1\n2" }],
    ["8.2.1", "a value with a carriage return", { "x-a": "1\r2" }],
    ["8.2.1", "a value with NUL", { "x-a": "1\u00002" }],
    ["8.2.1", "a value with space in front", { "x-a": " 1" }],
    ["8.2.1", "a value with a tab behind", { "x-a": "1\t" }],
    ["8.2.2", "connection", { connection: "close" }],
    ["8.2.2", "keep-alive", { "keep-alive": "1" }],
    ["8.2.2", "proxy-connection", { "proxy-connection": "1" }],
    ["8.2.2", "transfer-encoding", { "transfer-encoding": "chunked" }],
    ["8.2.2", "upgrade", { upgrade: "h2c" }],
    ["8.2.2", "te of anything but trailers", { te: "gzip" }],
    ["8.3", "a pseudo-field nobody knows", { ":unknown": "1" }],
    ["8.3", "a response's pseudo-field", { ":status": "200" }],
    ["8.3.1", "no :method", { ":method": undefined }],
    ["8.3.1", "no :scheme", { ":scheme": undefined }],
    ["8.3.1", "no :path", { ":path": undefined }],
    ["8.3.1", "an empty :path", { ":path": "" }],
    ["8.3.1", "another host than :authority", { host: "b" }],
    ["8.5", "CONNECT with a :path", { ":method": "CONNECT", ":scheme": undefined }],
    ["8.5", "CONNECT with a :scheme", { ":method": "CONNECT", ":path": undefined }],
  ]),
  {
    section: "8.3",
    name: "a pseudo-field after a regular one",
    frames: [block(1, Buffer.concat([encodeHeaders({ "x-a": "1" }), sound]))],
    want: protocol.stream(1),
  },
  { section: "8.3", name: "a pseudo-field twice", frames: [block(1, Buffer.concat([encodeHeaders({ ":path": "/" }), sound]))], want: protocol.stream(1) },
  { section: "8.2.2", name: "te: trailers is right", frames: [block(1, fields({ te: "trailers" }))], want: "1 answered" },
  {
    section: "8.1",
    name: "after a malformed request the next is served",
    frames: [block(1, fields({ ":path": undefined })), whole(3)],
    want: `${protocol.stream(1)}, 3 answered`,
  },
];

function malformed(rows: readonly (readonly [section: string, name: string, changed: Readonly<Record<string, string | undefined>>])[]): Rule[] {
  return rows.map(([section, name, changed]) => ({ section, name, frames: [block(1, fields(changed))], want: protocol.stream(1) }));
}

for (const rule of rules) {
  test(`server: ${rule.section} ${rule.name}: ${rule.want}`, () =>
    withServer({}, async ({ raw }) => {
      raw.send(...rule.frames);
      assert.equal(await reaction(raw), rule.want);
    }));
}

test("server: 5.1.2 a stream past the limit is refused, unseen", () =>
  withServer({ limits: { streams: 2 } }, async ({ raw, heard }) => {
    raw.send(open(1), open(3), whole(5));
    assert.equal(await reaction(raw), "5 REFUSED_STREAM");
    assert.deepEqual(heard, ["/1", "/3"]);
  }));

test("server: 6.1 and 6.9.1 padding counts against both windows and comes back", () =>
  withServer({ onExchange() {} }, async ({ raw, heard }) => {
    const padded = encodeFrame(frame.data, flag.padded, 1, Buffer.concat([Buffer.of(255), Buffer.alloc(256)]));
    raw.send(open(1));
    // 16 MiB of padding for 64 KiB of data: all windows have to come back many times.
    const sent = 65_536;
    for (let i = 0; i < sent; i += 256) raw.send(...Array.from({ length: 256 }, () => padded));
    assert.equal(await reaction(raw), "");
    assert.equal(heard.filter((what) => what === "/1 1 bytes").length, sent);
  }));

test("server: 6.9.1 more than a stream's window ends the stream, not the connection", () =>
  withServer({ limits: { streamWindowBytes: 20_000 }, onExchange: (exchange) => void (exchange.consumed = () => {}) }, async ({ raw }) => {
    raw.send(open(1), data(1, 10_000), data(1, 10_000), data(1, 1));
    assert.equal(await reaction(raw), flowControl.stream(1));
  }));

test("server: 6.9.1 more than the connection's window: connection FLOW_CONTROL_ERROR", () =>
  withServer({ limits: { heldBytes: 0 } }, async ({ raw }) => {
    for (let id = 1; id < 10; id += 2) raw.send(open(id), data(id, 13_107));
    assert.equal(await reaction(raw), "");
    raw.send(open(11), data(11, 1));
    assert.equal(await reaction(raw), flowControl.connection);
  }));

test("server: 6.7 and 6.9 a client that gives back both windows and measures the way with each answer, as gRPC's libraries do, may go on", () =>
  withServer({ onExchange: answerWithData }, async ({ raw }) => {
    for (let i = 0; i < 1500; i++) {
      const id = 2 * i + 1;
      raw.send(whole(id));
      await raw.until((one) => one.type === frame.goaway || (one.type === frame.data && one.stream === id));
      raw.send(window(0, 90), window(id, 90), encodeFrame(frame.ping, 0, 0, Buffer.alloc(8)));
    }
    assert.doesNotMatch(await reaction(raw), /connection/);
  }));

const greetings: readonly { readonly name: string; readonly bytes: readonly (Uint8Array | string)[]; readonly want: string }[] = [
  { name: "a frame other than SETTINGS first", bytes: [clientPreface, encodeFrame(frame.ping, 0, 0, Buffer.alloc(8))], want: "PROTOCOL_ERROR" },
  { name: "a request before SETTINGS", bytes: [clientPreface, whole(1)], want: "PROTOCOL_ERROR" },
  { name: "an acknowledgement first", bytes: [clientPreface, encodeFrame(frame.settings, flag.ack, 0)], want: "PROTOCOL_ERROR" },
  { name: "a frame too long first", bytes: [clientPreface, Buffer.alloc(9, 0xff)], want: "FRAME_SIZE_ERROR" },
];
for (const tc of greetings) {
  test(`server: 3.4 ${tc.name}: ${tc.want}`, () =>
    withServer({}, async ({ port }) => {
      const socket = connect(port, "127.0.0.1");
      const read = newFrameReader();
      for (const part of tc.bytes) socket.write(part);
      let code = "";
      for await (const chunk of socket) for (const one of read(chunk as Buffer)) if (one.type === frame.goaway) code = h2Name(one.payload.readUInt32BE(4));
      assert.equal(code, tc.want);
    }));
}
