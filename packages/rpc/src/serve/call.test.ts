import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { Code, newError } from "@tfs/std";
import type { Exchange, ExchangeHandler } from "../exchange.ts";
import { type Fields, fieldsOf } from "../fields.ts";
import { frameMessage } from "../frame.ts";
import { type ServeOptions, type ServerCall, serveCall } from "./call.ts";
import { dialectOf } from "./dialect.ts";

/** Taped is an exchange that writes down what it is told to send. */
interface Taped extends Exchange {
  readonly sent: { head: Record<string, string>; body: Buffer; trailers: Record<string, string> | undefined; ended: boolean };
  credit: number;
}

const silent: ExchangeHandler = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
const record = (fields: Fields): Record<string, string> => Object.fromEntries(fields.list.map(({ name, value }) => [name, value]));

function tape(fields: Fields, timeout?: string): Taped {
  const sent: Taped["sent"] = { head: {}, body: Buffer.alloc(0), trailers: undefined, ended: false };
  return {
    wire: "http2",
    fields,
    timeout,
    peer: { address: "", encrypted: false, certificate: undefined },
    handler: silent,
    responded: false,
    sent,
    credit: 0,
    respond(head, end = false) {
      assert.equal(this.responded, false, "one answer");
      (this as { responded: boolean }).responded = true;
      sent.head = record(head);
      sent.ended = end;
    },
    write(bytes) {
      assert.equal(sent.ended, false, "nothing after the end");
      sent.body = Buffer.concat([sent.body, bytes]);
      return true;
    },
    end(trailers) {
      assert.equal(sent.ended, false, "one end");
      sent.trailers = trailers && record(trailers);
      sent.ended = true;
    },
    reset() {},
    consumed(bytes) {
      this.credit += bytes;
    },
  };
}

const request = (type: string, ...more: readonly (readonly [string, string])[]): Fields =>
  fieldsOf([":method", "POST"], [":path", "/a.B/C"], ["content-type", type], ...more);

function open(exchange: Taped, options: Partial<ServeOptions> = {}): ServerCall | undefined {
  return serveCall(exchange, dialectOf(exchange.fields)!, { maxMessageBytes: 1000, ...options });
}

/** say sends a whole request. */
function say(exchange: Taped, body: Uint8Array): void {
  const bytes = Buffer.from(body);
  exchange.handler.onData(bytes, 0, bytes.length, false, false);
  exchange.handler.onEnd(undefined);
}

/** upper answers each message in capitals, with metadata before and behind. */
function upper(call: ServerCall): void {
  call.headers(fieldsOf(["before", "1"]));
  call.handler = {
    onMessage: (bytes) => call.message(Buffer.from(Buffer.from(bytes).toString().toUpperCase())),
    onEnd: () => call.end(undefined, fieldsOf(["behind", "2"])),
    onCancel() {},
    onDrain() {},
  };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const webTail = (lines: string): Uint8Array => Buffer.concat([Buffer.of(0x80, 0, 0, 0, lines.length), Buffer.from(lines)]);
const connectTail = (json: string): Uint8Array => Buffer.concat([Buffer.of(2, 0, 0, 0, Buffer.byteLength(json)), Buffer.from(json)]);
const a = frameMessage(Buffer.from("a"));
const A = frameMessage(Buffer.from("A"));

const answers = [
  {
    name: "gRPC",
    type: "application/grpc",
    body: a,
    head: { ":status": "200", "content-type": "application/grpc", before: "1" },
    answer: Buffer.from(A),
    trailers: { "grpc-status": "0", behind: "2" },
  },
  {
    name: "gRPC-Web",
    type: "application/grpc-web+proto",
    body: a,
    head: { ":status": "200", "content-type": "application/grpc-web+proto", before: "1" },
    answer: Buffer.concat([A, webTail("grpc-status: 0\r\nbehind: 2\r\n")]),
  },
  {
    name: "gRPC-Web text",
    type: "application/grpc-web-text",
    body: Buffer.from(text(a)),
    head: { ":status": "200", "content-type": "application/grpc-web-text", before: "1" },
    answer: Buffer.from(text(A) + text(webTail("grpc-status: 0\r\nbehind: 2\r\n"))),
  },
  {
    name: "Connect's streams",
    type: "application/connect+proto",
    body: a,
    head: { ":status": "200", "content-type": "application/connect+proto", before: "1" },
    answer: Buffer.concat([A, connectTail('{"metadata":{"behind":["2"]}}')]),
  },
  {
    name: "Connect's unary calls",
    type: "application/proto",
    body: Buffer.from("a"),
    head: { ":status": "200", "content-type": "application/proto", before: "1", "trailer-behind": "2" },
    answer: Buffer.from("A"),
  },
];
for (const tc of answers) {
  test(`serve: ${tc.name}, answered`, () => {
    const exchange = tape(request(tc.type));
    upper(open(exchange)!);
    say(exchange, tc.body);
    assert.deepEqual(exchange.sent, { head: tc.head, body: tc.answer, trailers: "trailers" in tc ? tc.trailers : undefined, ended: true });
    assert.equal(exchange.credit, tc.body.length);
  });
}

const failures = [
  {
    name: "gRPC",
    type: "application/grpc",
    head: { ":status": "200", "content-type": "application/grpc", "grpc-status": "5", "grpc-message": "n%C3%B6", behind: "2" },
    answer: Buffer.alloc(0),
  },
  {
    name: "gRPC-Web",
    type: "application/grpc-web",
    head: { ":status": "200", "content-type": "application/grpc-web" },
    answer: webTail("grpc-status: 5\r\ngrpc-message: n%C3%B6\r\nbehind: 2\r\n"),
  },
  {
    name: "Connect's streams",
    type: "application/connect+json",
    head: { ":status": "200", "content-type": "application/connect+json" },
    answer: connectTail('{"error":{"code":"not_found","message":"nö"},"metadata":{"behind":["2"]}}'),
  },
  {
    name: "Connect's unary calls",
    type: "application/proto",
    head: { ":status": "404", "content-type": "application/json", "trailer-behind": "2" },
    answer: Buffer.from('{"code":"not_found","message":"nö"}'),
  },
];
for (const tc of failures) {
  test(`serve: ${tc.name}, failed`, () => {
    const exchange = tape(request(tc.type));
    const call = open(exchange)!;
    call.end(newError(Code.NotFound, "nö"), fieldsOf(["behind", "2"]));
    call.end();
    call.message(Buffer.from("late"));
    assert.deepEqual([exchange.sent.head, exchange.sent.body.toString(), exchange.sent.ended], [tc.head, Buffer.from(tc.answer).toString(), true]);
  });
}

const wrong = [
  { name: "a timeout of gRPC's that is none", type: "application/grpc-web", timeout: "soon", code: "13" },
  { name: "an encoding of gRPC's that nobody knows", type: "application/grpc-web", more: [["grpc-encoding", "lzma"]] as const, code: "12" },
];
for (const tc of wrong) {
  test(`serve: ${tc.name}`, () => {
    const exchange = tape(request(tc.type, ...(tc.more ?? [])), tc.timeout);
    assert.equal(open(exchange), undefined);
    assert.match(exchange.sent.body.toString(), new RegExp(`grpc-status: ${tc.code}\r\n`));
  });
}
const wrongConnect = [
  { name: "a timeout of Connect's that is none", more: ["connect-timeout-ms", "1s"] as const, code: "invalid_argument", says: /connect-timeout-ms/ },
  { name: "a version of Connect's that is not served", more: ["connect-protocol-version", "2"] as const, code: "invalid_argument", says: /"2"/ },
  { name: "an encoding that nobody knows", more: ["content-encoding", "lzma"] as const, code: "unimplemented", says: /supported: identity,gzip,deflate,br/ },
];
for (const tc of wrongConnect) {
  test(`serve: ${tc.name}`, () => {
    const exchange = tape(request("application/proto", tc.more));
    assert.equal(open(exchange), undefined);
    const error = JSON.parse(exchange.sent.body.toString()) as { readonly code: string; readonly message: string };
    assert.equal(error.code, tc.code);
    assert.match(error.message, tc.says);
    const late = Buffer.from("late");
    exchange.handler.onData(late, 0, late.length, false, false);
    assert.equal(exchange.credit, late.length);
  });
}

test("serve: a request that cannot be read is answered, and its handler hears that nobody waits", () => {
  const exchange = tape(request("application/grpc-web"));
  const call = open(exchange)!;
  let cancelled = 0;
  call.handler = { onMessage: () => true, onEnd() {}, onCancel: () => void cancelled++, onDrain() {} };
  say(exchange, Buffer.of(9, 0, 0, 0, 0));
  assert.match(exchange.sent.body.toString(), /grpc-status: 13\r\n/);
  assert.deepEqual([cancelled, call.over], [1, true]);
});

test("serve: a client that goes away is heard of once, and what is said to it is dropped", () => {
  const exchange = tape(request("application/grpc"));
  const call = open(exchange)!;
  let cancelled = 0;
  call.handler = { onMessage: () => true, onEnd() {}, onCancel: () => void cancelled++, onDrain() {} };
  exchange.handler.onReset(8);
  call.headers(fieldsOf(["a", "1"]));
  call.end();
  assert.deepEqual([cancelled, exchange.responded], [1, false]);
});

for (const [times, says] of [
  [0, /no message/],
  [2, /more than one/],
] as const) {
  test(`serve: ${times} messages for a unary call of Connect's are our fault`, () => {
    const exchange = tape(request("application/proto"));
    const call = open(exchange)!;
    for (let i = 0; i < times; i++) call.message(Buffer.from("x"));
    call.end();
    assert.equal(exchange.sent.head[":status"], "500");
    assert.match(exchange.sent.body.toString(), says);
  });
}

test("serve: a refused call of Connect's has the HTTP status of its own", () => {
  const exchange = tape(request("application/proto"));
  const call = open(exchange)!;
  call.headers(fieldsOf(["allow", "POST"]));
  call.refuse(newError(Code.Unknown, "no"), 405);
  assert.deepEqual(exchange.sent.head, { ":status": "405", "content-type": "application/json", allow: "POST" });
});

test("serve: compressed messages pass as they are where that is wanted, and are plain elsewhere", async () => {
  const zipped = gzipSync("hello");
  const pass = tape(request("application/proto", ["content-encoding", "gzip"]));
  const call = open(pass, { passes: ["gzip"] })!;
  call.handler = {
    onMessage(bytes, compressed) {
      call.headers(fieldsOf(), "gzip");
      return call.message(bytes, compressed);
    },
    onEnd: () => call.end(),
    onCancel() {},
    onDrain() {},
  };
  say(pass, zipped);
  assert.deepEqual([pass.sent.head["content-encoding"], gunzipSync(pass.sent.body).toString()], ["gzip", "hello"]);

  const plain = tape(request("application/proto", ["content-encoding", "gzip"]));
  upper(open(plain)!);
  say(plain, zipped);
  while (!plain.sent.ended) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(plain.sent.body.toString(), "HELLO");
});

test("serve: a message in the query", () => {
  const exchange = tape(fieldsOf([":method", "GET"], [":path", "/a.B/C?connect=v1&encoding=proto&message=aGk&base64=1"]));
  upper(open(exchange)!);
  exchange.handler.onEnd(undefined);
  assert.equal(exchange.sent.body.toString(), "HI");
});
