import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { fakeClock } from "@tfs/std/testing";
import type { Exchange } from "../exchange.ts";
import { fieldsOf } from "../fields.ts";
import { newBudget } from "../http2/index.ts";
import { answersOf, echo, heard, serve, talk } from "./testing/index.ts";

type Pair = readonly [string, string];

const pseudo = (method: string, path: string, authority = "h"): Pair[] => [
  [":method", method],
  [":scheme", "http"],
  [":authority", authority],
  [":path", path],
];

interface Served {
  readonly name: string;
  readonly request: string;
  readonly fields: readonly Pair[];
  readonly body?: string;
  readonly timeout?: string;
  readonly trailers?: readonly Pair[];
}

const close = "Connection: close\r\n";

const served: readonly Served[] = [
  { name: "a request without a body", request: `GET /a HTTP/1.1\r\nHost: h\r\n${close}\r\n`, fields: pseudo("GET", "/a") },
  {
    name: "a body of known length",
    request: `POST /a?b HTTP/1.1\r\nHost: h:80\r\nContent-Length: 4\r\n${close}\r\nbody`,
    fields: [...pseudo("POST", "/a?b", "h:80"), ["content-length", "4"]],
    body: "body",
  },
  {
    name: "a chunked body with extensions and trailers",
    request: `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n${close}\r\n4;a;b=c;d="e\\"; f"\r\nbody\r\n00a\r\n0123456789\r\n0;x\r\nX-Sum: 1\r\nY: \r\n\r\n`,
    fields: pseudo("POST", "/"),
    body: "body0123456789",
    trailers: [
      ["x-sum", "1"],
      ["y", ""],
    ],
  },
  {
    name: "a chunked body of nothing",
    request: `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n${close}\r\n0\r\n\r\n`,
    fields: pseudo("POST", "/"),
  },
  {
    name: "fields in their order, names in lower case, values trimmed and as bytes",
    request: `GET / HTTP/1.1\r\nX-B: \t 1 2\t \r\nHost: h\r\n${close}x-a:\r\nX-B:\xe9\r\n!#$%&'*+-.^_\`|~0: ,\r\n\r\n`,
    fields: [...pseudo("GET", "/"), ["x-b", "1 2"], ["x-a", ""], ["x-b", "\xe9"], ["!#$%&'*+-.^_`|~0", ","]],
  },
  {
    name: "grpc-timeout apart from the fields",
    request: `GET / HTTP/1.1\r\nHost: h\r\nGrpc-Timeout: 5S\r\n${close}A: b\r\n\r\n`,
    fields: [...pseudo("GET", "/"), ["a", "b"]],
    timeout: "5S",
  },
  {
    name: "a target in absolute form",
    request: `GET HTTP://H:8500/x?y=http://z HTTP/1.1\r\nHost: h:8500\r\n${close}\r\n`,
    fields: pseudo("GET", "/x?y=http://z", "H:8500"),
  },
  {
    name: "a target in absolute form without a path",
    request: `GET http://h?q HTTP/1.1\r\nHost: h:80\r\n${close}\r\n`,
    fields: pseudo("GET", "/?q", "h"),
  },
  {
    name: "a target in absolute form, whose host counts and not the field",
    request: `GET http://a/ HTTP/1.1\r\nHost: b\r\n${close}\r\n`,
    fields: pseudo("GET", "/", "a"),
  },
  { name: "OPTIONS for the server", request: `OPTIONS * HTTP/1.1\r\nHost: h\r\n${close}\r\n`, fields: pseudo("OPTIONS", "*") },
  { name: "OPTIONS for the server by its URL", request: `OPTIONS http://h HTTP/1.1\r\nHost: h\r\n${close}\r\n`, fields: pseudo("OPTIONS", "*") },
  { name: "a method nobody knows", request: `P-R! / HTTP/1.1\r\nHost: h\r\n${close}\r\n`, fields: pseudo("P-R!", "/") },
  { name: "an empty host", request: `GET / HTTP/1.1\r\nHost:\r\n${close}\r\n`, fields: pseudo("GET", "/", "") },
  { name: "an IPv6 host", request: `GET / HTTP/1.1\r\nHost: [::1]:80\r\n${close}\r\n`, fields: pseudo("GET", "/", "[::1]:80") },
  { name: "HTTP/1.0 without a host", request: "GET / HTTP/1.0\r\n\r\n", fields: pseudo("GET", "/", "") },
  { name: "HTTP/1.0 that asks to stay", request: "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", fields: pseudo("GET", "/") },
  { name: "an empty line before the request line", request: `\r\nGET / HTTP/1.1\r\nHost: h\r\n${close}\r\n`, fields: pseudo("GET", "/") },
  {
    name: "fields of this connection only, and those that Connection names, which are kept back",
    request:
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Mine, close\r\nConnection: http2-settings, upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\nKeep-Alive: timeout=1\r\nProxy-Connection: x\r\nTE: gzip, trailers\r\nX-Mine: 1\r\nX-Yours: 2\r\n\r\n",
    fields: [...pseudo("GET", "/"), ["x-yours", "2"]],
  },
  {
    name: "TE: trailers, which is kept",
    request: `GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n${close}\r\n`,
    fields: [...pseudo("GET", "/"), ["te", "trailers"]],
  },
];

function assertServed(text: string, tc: Served): void {
  const answers = answersOf(text);
  assert.equal(answers.length, 1);
  assert.equal(answers[0]!.status, 200);
  assert.equal(answers[0]!.fields.get("connection"), "close");
  assert.deepEqual(heard(answers[0]!), {
    fields: tc.fields,
    body: tc.body ?? "",
    ...(tc.timeout && { timeout: tc.timeout }),
    ...(tc.trailers && { trailers: tc.trailers }),
  });
}

for (const tc of served) {
  for (const events of [false, true]) {
    test(`http1: ${tc.name} is served${events ? ", also where bytes come by events" : ""}`, async () => {
      using server = await serve({ events });
      assertServed(await talk(server.port, [tc.request]), tc);
      assertServed(await talk(server.port, [...tc.request]), tc);
    });
  }
}

test("http1: a request cut in two at any place is served", async () => {
  using server = await serve();
  const tc = served[2]!;
  const cuts = Array.from({ length: tc.request.length - 1 }, (_, i) => i + 1);
  for (const text of await Promise.all(cuts.map((cut) => talk(server.port, [tc.request.slice(0, cut), tc.request.slice(cut)])))) assertServed(text, tc);
});

interface Refused {
  readonly name: string;
  readonly request: string;
  readonly status: number;
}

const get = (fields: string): string => `GET / HTTP/1.1\r\nHost: h\r\n${fields}\r\n`;
const post = (fields: string, body = ""): string => `POST / HTTP/1.1\r\nHost: h\r\n${fields}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);

const refused: readonly Refused[] = [
  { name: "a request line of one word", request: "GET\r\n\r\n", status: 400 },
  { name: "a request line without a version (HTTP/0.9)", request: "GET /\r\n\r\n", status: 400 },
  { name: "two spaces in the request line", request: "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a tab in the request line", request: "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a space before the request line", request: " GET / HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a space after the version", request: "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", status: 400 },
  { name: "a method that is no token", request: "GE(T / HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "the method of HTTP/2's preface", request: "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", status: 400 },
  { name: "a space in the target", request: "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a fragment in the target", request: "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a byte above ASCII in the target", request: "GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a target that is neither path nor URL", request: "GET a HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "an asterisk for another method than OPTIONS", request: "GET * HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a URL with user information", request: "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a URL of another scheme", request: "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "an https URL on a plain connection", request: "GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "CONNECT", request: "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", status: 501 },
  { name: "HTTP/1.2", request: "GET / HTTP/1.2\r\nHost: h\r\n\r\n", status: 505 },
  { name: "HTTP/2.0 without its preface", request: "GET / HTTP/2.0\r\nHost: h\r\n\r\n", status: 505 },
  { name: "a version in small letters", request: "GET / http/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a version with more digits", request: "GET / HTTP/1.10\r\nHost: h\r\n\r\n", status: 400 },
  { name: "line feeds without carriage returns", request: "GET / HTTP/1.1\nHost: h\n\n", status: 400 },
  { name: "a line feed alone after a field", request: "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", status: 400 },
  { name: "a line feed alone at the end of the head", request: "GET / HTTP/1.1\r\nHost: h\r\n\n", status: 400 },
  { name: "a carriage return alone in a field", request: get("X: a\rb\r\n"), status: 400 },
  { name: "a carriage return alone that begins a smuggled field", request: get("X: a\rTransfer-Encoding: chunked\r\n"), status: 400 },
  { name: "two carriage returns at a line's end", request: get("X: a\r\r\n"), status: 400 },
  { name: "a NUL in a value", request: get("X: a\0b\r\n"), status: 400 },
  { name: "a NUL in a name", request: get("X\0: a\r\n"), status: 400 },
  { name: "a NUL in the target", request: "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a control character in a value", request: get("X: a\x01\r\n"), status: 400 },
  { name: "a DEL in a value", request: get("X: a\x7f\r\n"), status: 400 },
  { name: "a field on two lines (obs-fold)", request: get("X: a\r\n b\r\n"), status: 400 },
  { name: "a field on two lines by a tab", request: get("X: a\r\n\tb\r\n"), status: 400 },
  { name: "a blank line of spaces", request: "GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n", status: 400 },
  { name: "a blank before the first field", request: "GET / HTTP/1.1\r\n Host: h\r\n\r\n", status: 400 },
  { name: "a blank before the colon", request: post("Content-Length : 1\r\n", "x"), status: 400 },
  { name: "a tab before the colon", request: post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), status: 400 },
  { name: "a field without a name", request: get(": a\r\n"), status: 400 },
  { name: "a pseudo-field as a field", request: get(":path: /b\r\n"), status: 400 },
  { name: "a field without a colon", request: get("X\r\n"), status: 400 },
  { name: "a name with a character that no token holds", request: get("X(a): b\r\n"), status: 400 },
  { name: "a name with a byte above ASCII", request: get("X\xe9: b\r\n"), status: 400 },
  { name: "no host", request: "GET / HTTP/1.1\r\n\r\n", status: 400 },
  { name: "two hosts", request: get("Host: i\r\n"), status: 400 },
  { name: "the same host twice", request: get("Host: h\r\n"), status: 400 },
  { name: "a host with a path", request: "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", status: 400 },
  { name: "a host with user information", request: "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", status: 400 },
  { name: "a host with a space", request: "GET / HTTP/1.1\r\nHost: h i\r\n\r\n", status: 400 },
  { name: "two hosts in one field", request: "GET / HTTP/1.1\r\nHost: h, i:80x\r\n\r\n", status: 400 },
  { name: "grpc-timeout twice", request: get("grpc-timeout: 1S\r\ngrpc-timeout: 2S\r\n"), status: 400 },
  { name: "content-length and transfer-encoding", request: post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), status: 400 },
  { name: "transfer-encoding and content-length", request: post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), status: 400 },
  { name: "content-length of zero and transfer-encoding", request: post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), status: 400 },
  { name: "two different content-lengths", request: post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), status: 400 },
  { name: "the same content-length twice", request: post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), status: 400 },
  { name: "a list of content-lengths", request: post("Content-Length: 3, 3\r\n", "abc"), status: 400 },
  { name: "an empty content-length", request: post("Content-Length:\r\n"), status: 400 },
  { name: "a content-length with a sign", request: post("Content-Length: +3\r\n", "abc"), status: 400 },
  { name: "a negative content-length", request: post("Content-Length: -3\r\n", "abc"), status: 400 },
  { name: "a hexadecimal content-length", request: post("Content-Length: 0x3\r\n", "abc"), status: 400 },
  { name: "a content-length with a fraction", request: post("Content-Length: 3.0\r\n", "abc"), status: 400 },
  { name: "a content-length with a space in it", request: post("Content-Length: 3 3\r\n", "abc"), status: 400 },
  { name: "a content-length past what can be counted", request: post("Content-Length: 18446744073709551616\r\n"), status: 400 },
  { name: "transfer-encoding in HTTP/1.0", request: "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", status: 400 },
  { name: "another transfer-encoding than chunked", request: post("Transfer-Encoding: gzip\r\n"), status: 501 },
  { name: "another transfer-encoding before chunked", request: post("Transfer-Encoding: gzip, chunked\r\n"), status: 501 },
  { name: "a name that contains chunked", request: post("Transfer-Encoding: xchunked\r\n"), status: 501 },
  { name: "transfer-encoding: identity", request: post("Transfer-Encoding: identity\r\n"), status: 501 },
  { name: "chunked twice", request: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), status: 400 },
  { name: "chunked before another coding", request: post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), status: 400 },
  { name: "an empty transfer-encoding", request: post("Transfer-Encoding:\r\n"), status: 400 },
  { name: "chunked and a comma", request: post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"), status: 400 },
  { name: "chunked in quotes", request: post('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n"), status: 400 },
  { name: "chunked with a parameter", request: post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), status: 400 },
  { name: "chunked after a vertical tab", request: post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), status: 400 },
  { name: "transfer-encoding on two lines", request: post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), status: 400 },
  { name: "another expectation than 100-continue", request: post("Expect: 200-ok\r\n"), status: 417 },
  { name: "a chunk without a size", request: chunked("\r\n"), status: 400 },
  { name: "a chunk size that is not hexadecimal", request: chunked("g\r\n"), status: 400 },
  { name: "a chunk size with 0x", request: chunked("0x1\r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a chunk size with a sign", request: chunked("+1\r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a negative chunk size", request: chunked("-1\r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a space before a chunk size", request: chunked(" 1\r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a space after a chunk size", request: chunked("1 \r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "an underscore in a chunk size", request: chunked("1_0\r\n"), status: 400 },
  { name: "a chunk size past what can be counted", request: chunked("ffffffffffffffff\r\n"), status: 400 },
  { name: "a chunk size of many zeros", request: chunked(`${"0".repeat(100)}1\r\n`), status: 400 },
  { name: "a chunk size that ends with a line feed alone", request: chunked("1\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a chunk size that ends with a carriage return alone", request: chunked("1\ra\r\n0\r\n\r\n"), status: 400 },
  { name: "a chunk longer than its size", request: chunked("1\r\nab\r\n0\r\n\r\n"), status: 400 },
  { name: "a chunk shorter than its size", request: chunked("3\r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a chunk that ends with a line feed alone", request: chunked("1\r\na\n0\r\n\r\n"), status: 400 },
  { name: "a chunk that ends with a carriage return alone", request: chunked("1\r\na\r0\r\n\r\n"), status: 400 },
  { name: "a chunk extension without a name", request: chunked("1;\r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a chunk extension that ends with a line feed alone", request: chunked("1;a\na\r\n0\r\n\r\n"), status: 400 },
  { name: "a chunk extension with a line feed in its quotes", request: chunked('1;a="\nb"\r\na\r\n0\r\n\r\n'), status: 400 },
  { name: "a chunk extension with something after its quotes", request: chunked('1;a="b"c\r\na\r\n0\r\n\r\n'), status: 400 },
  { name: "a chunk extension with an empty value", request: chunked("1;a=\r\na\r\n0\r\n\r\n"), status: 400 },
  { name: "more chunk extensions than anybody needs", request: chunked(`1;a\r\na\r\n`.repeat(3000)), status: 400 },
  { name: "a line feed alone after the last chunk", request: chunked("0\r\n\n"), status: 400 },
  { name: "content-length as a trailer", request: chunked("0\r\nContent-Length: 5\r\n\r\n"), status: 400 },
  { name: "transfer-encoding as a trailer", request: chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), status: 400 },
  { name: "a trailer on two lines", request: chunked("0\r\nX: a\r\n b\r\n\r\n"), status: 400 },
  { name: "a trailer with a blank before the colon", request: chunked("0\r\nX : a\r\n\r\n"), status: 400 },
  { name: "two empty lines before the request line", request: "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "a line feed before the request line", request: "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", status: 400 },
  { name: "noise", request: String.fromCharCode(...Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff)), status: 400 },
  { name: "a TLS hello", request: "\x16\x03\x01\0\x05\x01\0\0\x01\0", status: 400 },
  { name: "a request line past the limit", request: `GET /${"a".repeat(2000)}`, status: 414 },
  { name: "fields past the limit", request: get(`X: ${"a".repeat(2000)}\r\n`), status: 431 },
  { name: "a field past the limit that does not end", request: `GET / HTTP/1.1\r\nX: ${"a".repeat(2000)}`, status: 431 },
  { name: "trailers past the limit", request: chunked(`0\r\n${"X: aaaaaaaaaaaa\r\n".repeat(100)}`), status: 431 },
  { name: "more fields than are kept", request: get("a:\r\n".repeat(257)), status: 431 },
];

/** A request after the bad one, which nobody may ever hear of. */
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

for (const tc of refused) {
  test(`http1: ${tc.name} is answered with ${tc.status} and the connection closes`, async () => {
    const ended: string[] = [];
    const limits = { headerBytes: tc.name.includes("than are kept") ? 4000 : 1500 };
    using server = await serve({ limits, onExchange: (exchange) => watch(exchange, ended) });
    for (const pieces of [[tc.request + smuggled], tc.request.length > 4000 ? [] : [...tc.request, smuggled]]) {
      if (pieces.length === 0) continue;
      const [answer, ...more] = answersOf(await talk(server.port, pieces));
      assert.deepEqual([answer!.status, answer!.fields.get("connection"), more.length], [tc.status, "close", 0]);
    }
    assert.deepEqual(ended, []);
  });
}

/** watch answers like echo and notes every request that came to its end. */
function watch(exchange: Exchange, ended: string[]): void {
  echo(exchange);
  const { handler } = exchange;
  exchange.handler = {
    ...handler,
    onEnd(trailers) {
      ended.push(exchange.fields.get(":path")!);
      handler.onEnd(trailers);
    },
  };
}

test("http1: fields up to the limit are served, one byte past it is 431", async () => {
  const head = (n: number): string => `GET / HTTP/1.1\r\nHost: h\r\n${close}X: ${"x".repeat(n)}\r\n\r\n`;
  const room = 1000 - head(0).length;
  using server = await serve({ limits: { headerBytes: 1000 } });
  for (const split of [false, true]) {
    for (const [n, status] of [
      [room, 200],
      [room + 1, 431],
    ] as const) {
      const [answer] = answersOf(await talk(server.port, split ? [...head(n)] : [head(n)]));
      assert.equal(answer!.status, status);
    }
  }
});

test("http1: requests that come all at once are answered one after the other, in order", async () => {
  const requests = [
    ...Array.from({ length: 50 }, (_, i) => `POST /${i} HTTP/1.1\r\nHost: h\r\nContent-Length: ${i}\r\n\r\n${"x".repeat(i)}`),
    ...Array.from(
      { length: 50 },
      (_, i) => `POST /${50 + i} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${i + 1 < 50 ? "5\r\nhello\r\n" : ""}0\r\n\r\n`,
    ),
    `GET /100 HTTP/1.1\r\nHost: h\r\n${close}\r\n`,
  ].join("");
  for (const later of [false, true]) {
    let [open, most] = [0, 0];
    using server = await serve({
      onExchange(exchange) {
        most = Math.max(most, ++open);
        echo(exchange);
        const { handler } = exchange;
        const onEnd: typeof handler.onEnd = (trailers) => {
          open--;
          handler.onEnd(trailers);
        };
        exchange.handler = { ...handler, onEnd: (trailers) => (later ? void setImmediate(onEnd, trailers) : onEnd(trailers)) };
      },
    });
    for (const pieces of [[requests], [requests.slice(0, 3000), requests.slice(3000)], requests.match(/[\s\S]{1,7}/g)!]) {
      const answers = answersOf(await talk(server.port, pieces));
      assert.deepEqual(
        answers.map((answer) => new Map(heard(answer).fields).get(":path")),
        Array.from({ length: 101 }, (_, i) => `/${i}`),
      );
      assert.equal(answers[40]!.body.includes(`"${"x".repeat(40)}"`), true);
      assert.equal(heard(answers[60]!).body, "hello");
    }
    assert.equal(most, 1);
  }
});

test("http1: the same head again gives the same fields object, another head another, grpc-timeout makes no difference", async () => {
  const seen: unknown[] = [];
  const timeouts: (string | undefined)[] = [];
  using server = await serve({
    onExchange(exchange) {
      seen.push(exchange.fields);
      timeouts.push(exchange.timeout);
      echo(exchange);
    },
  });
  const request = (path: string, timeout: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\ngrpc-timeout: ${timeout}\r\nA: b\r\n\r\nx`;
  await talk(server.port, [
    request("/a", "1S") + request("/a", "1S"),
    request("/a", "22S"),
    request("/a", "1S").slice(0, 30),
    request("/a", "1S").slice(30),
    request("/b", "1S"),
    `GET / HTTP/1.1\r\nHost: h\r\n${close}\r\n`,
  ]);
  assert.deepEqual(timeouts, ["1S", "1S", "22S", "1S", "1S", undefined]);
  assert.deepEqual(
    seen.map((fields) => seen.indexOf(fields)),
    [0, 0, 0, 0, 4, 5],
  );
});

test("http1: fields that must not enter a compression table are marked", async () => {
  const marked: string[] = [];
  using server = await serve({
    onExchange(exchange) {
      marked.push(...exchange.fields.list.filter((field) => field.sensitive).map((field) => field.name));
      echo(exchange);
    },
  });
  await talk(server.port, [get(`${close}Authorization: x\r\nCookie: a\r\nProxy-Authorization: y\r\nX: z\r\n`)]);
  assert.deepEqual(marked, ["authorization", "cookie", "proxy-authorization"]);
});

test("http1: the date moves on while connections come and go", async () => {
  const clock = fakeClock();
  using server = await serve({ clock });
  const dates: string[] = [];
  for (let i = 0; i < 3; i++) {
    const text = await talk(server.port, [`GET / HTTP/1.1\r\nHost: h\r\n${close}\r\n`]);
    dates.push(/^date: .*:(\d\d) GMT\r$/im.exec(text)![1]!);
    while (server.connections > 0) await new Promise(setImmediate);
    await clock.advance(5000);
  }
  assert.deepEqual(dates, ["00", "05", "10"]);
});

for (const { name, end } of [
  { name: "until it has read them", end: (socket: Socket) => void socket.resume() },
  { name: "until it is gone", end: (socket: Socket) => void socket.destroy() },
])
  test(`bytes that wait for a peer that does not read count against the budget, ${name}`, async () => {
    const budget = newBudget(1 << 30);
    const answer = Buffer.alloc(64 << 20);
    let answered = (): void => {};
    const ended = new Promise<void>((resolve) => (answered = resolve));
    using served = await serve({
      budget,
      onExchange(exchange) {
        exchange.respond(fieldsOf([":status", "200"]));
        exchange.write(answer);
        exchange.end();
        answered();
      },
    });
    const socket = connect(served.port, "127.0.0.1");
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await ended;
    assert.ok(budget.heldBytes > answer.length / 2, `${budget.heldBytes} bytes are held`);
    const released = new Promise<void>((resolve) => budget.wait(resolve));
    end(socket);
    await released;
    assert.equal(budget.heldBytes, 0);
    socket.destroy();
  });
