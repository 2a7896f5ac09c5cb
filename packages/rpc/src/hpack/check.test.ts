import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOf } from "../fields.ts";
import { newDecoder, trailersFault } from "./index.ts";
import { newPeer } from "./testing/index.ts";

type Pairs = readonly (readonly [name: string, value: string])[];

const request: Pairs = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/p"],
  [":authority", "a"],
];
const without = (...names: readonly string[]): Pairs => request.filter(([n]) => !names.includes(n));
const response: Pairs = [[":status", "200"]];

const cases: readonly { readonly name: string; readonly kind?: "request" | "response"; readonly list: Pairs; readonly want: RegExp | undefined }[] = [
  { name: "a request", list: [...request, ["te", "trailers"], ["x", ""]], want: undefined },
  { name: "pseudo-fields in any order", list: [...request].reverse(), want: undefined },
  { name: "no :authority", list: without(":authority"), want: undefined },
  { name: "no :method", list: without(":method"), want: /^:method is missing$/ },
  { name: "no :scheme", list: without(":scheme"), want: /^:scheme is missing$/ },
  { name: "no :path", list: without(":path"), want: /^:path is missing$/ },
  { name: "an empty :path", list: [...without(":path"), [":path", ""]], want: /^:path is missing$/ },
  { name: "a :path that does not begin with a slash", list: [...without(":path"), [":path", "00"]], want: /^:path does not begin with \/$/ },
  { name: "a :path of * for another method than OPTIONS", list: [...without(":path"), [":path", "*"]], want: /^:path does not begin with \/$/ },
  { name: "OPTIONS of *", list: [...without(":path", ":method"), [":method", "OPTIONS"], [":path", "*"]], want: undefined },
  { name: "a path of another scheme", list: [...without(":path", ":scheme"), [":scheme", "urn"], [":path", "a:b"]], want: undefined },
  { name: "a method with a space", list: [...without(":method"), [":method", "GE T"]], want: /^:method has a character/ },
  { name: "a scheme with a slash", list: [...without(":scheme"), [":scheme", "ht/tp"]], want: /^:scheme has a character/ },
  { name: "an authority past ASCII", list: [...without(":authority"), [":authority", "\x9f"]], want: /^:authority has a character/ },
  { name: "an empty authority", list: [...without(":authority"), [":authority", ""]], want: /^:authority is empty$/ },
  { name: "an empty host", list: [...without(":authority"), ["host", ""]], want: /^:authority is empty$/ },
  { name: "a host with a slash", list: [...without(":authority"), ["host", "a/b"]], want: /^:authority has a character/ },
  { name: "an authority of every kind", list: [...without(":authority"), [":authority", "u@[::1]:80"]], want: undefined },
  { name: "a path with a space", list: [...without(":path"), [":path", "/a b"]], want: /^:path has a character/ },
  { name: "a path past ASCII", list: [...without(":path"), [":path", "/\xff?a#b"]], want: undefined },
  { name: "a pseudo-field twice", list: [...request, [":path", "/p"]], want: /^:path is unknown or comes twice$/ },
  { name: "an unknown pseudo-field", list: [...request, [":protocol", "websocket"]], want: /^:protocol is unknown or comes twice$/ },
  { name: ":status in a request", list: [...request, [":status", "200"]], want: /^:status is unknown/ },
  { name: "a pseudo-field after regular ones", list: [["x", "1"], ...request], want: /^:method comes after regular fields$/ },
  { name: "a pseudo-field after the one that is given apart", list: [...without(":path"), ["grpc-timeout", "1S"], [":path", "/"]], want: /after regular/ },
  {
    name: "a line break in the one that is given apart",
    list: [...request, ["grpc-timeout", "1S\r"]],
    want: /^the value of grpc-timeout has a control character/,
  },
  {
    name: "CONNECT has :authority alone",
    list: [
      [":method", "CONNECT"],
      [":authority", "a:1"],
    ],
    want: undefined,
  },
  {
    name: "CONNECT with a :path",
    list: [
      [":method", "CONNECT"],
      [":authority", "a:1"],
      [":path", "/"],
    ],
    want: /^CONNECT takes :authority alone$/,
  },
  { name: "a host that is the :authority", list: [...request, ["host", "a"]], want: undefined },
  { name: "a host that is another", list: [...request, ["host", "b"]], want: /^:authority and host differ$/ },
  { name: "two hosts", list: [...without(":authority"), ["host", "a"], ["host", "b"]], want: /^host comes twice$/ },
  { name: "an upper-case name", list: [...request, ["X", "1"]], want: /^a field name with a character/ },
  { name: "a name with a space", list: [...request, ["x y", "1"]], want: /^a field name with a character/ },
  { name: "a name with a colon inside", list: [...request, ["x:y", "1"]], want: /^a field name with a character/ },
  { name: "a name past ASCII", list: [...request, ["x\x80", "1"]], want: /^a field name with a character/ },
  { name: "a name with DEL", list: [...request, ["x\x7f", "1"]], want: /^a field name with a character/ },
  { name: "no name", list: [...request, ["", "1"]], want: /^a field without a name$/ },
  { name: "a name of a colon", list: [[":", "1"], ...request], want: /^a field without a name$/ },
  { name: "a value with NUL", list: [...request, ["x", "a\0b"]], want: /^the value of x has a control character$/ },
  { name: "a value with an escape", list: [...request, ["x", "a\x1bb"]], want: /^the value of x has a control character$/ },
  { name: "a value with DEL", list: [...request, ["x", "\x7f"]], want: /^the value of x has a control character$/ },
  { name: "a value with a tab inside and bytes past ASCII", list: [...request, ["x", "a\tb\xff"]], want: undefined },
  { name: "a name with a bracket", list: [...request, ["x(", "1"]], want: /^a field name with a character/ },
  { name: "a name of all signs that it may have", list: [...request, ["!#$%&'*+-.^_`|~09az", "1"]], want: undefined },
  { name: "a value with CR", list: [...request, ["x", "a\rb"]], want: /control character/ },
  { name: "a value with LF", list: [...request, ["x", "a\nb"]], want: /control character/ },
  { name: "a value that begins with a space", list: [...request, ["x", " a"]], want: /space around/ },
  { name: "a value that ends with a tab", list: [...request, ["x", "a\t"]], want: /space around/ },
  { name: "a value with a space inside, and bytes past ASCII", list: [...request, ["x", "a \xe4"]], want: undefined },
  ...["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"].map((name) => ({
    name: `${name} in HTTP/2`,
    list: [...request, [name, "x"]] as const,
    want: /belongs to HTTP\/1.1$/,
  })),
  { name: "te that is more than trailers", list: [...request, ["te", "trailers, gzip"]], want: /^te is not trailers$/ },
  { name: "a response", kind: "response", list: [...response, ["x", "1"]], want: undefined },
  { name: "a response without :status", kind: "response", list: [["grpc-status", "0"]], want: /^:status is missing$/ },
  { name: "an empty response", kind: "response", list: [], want: /^:status is missing$/ },
  { name: ":status after regular fields", kind: "response", list: [["x", "1"], ...response], want: /^:status in a response$/ },
  { name: ":status twice", kind: "response", list: [...response, ...response], want: /^:status in a response$/ },
  { name: ":path in a response", kind: "response", list: [...response, [":path", "/"]], want: /^:path in a response$/ },
  { name: "a :status of two digits", kind: "response", list: [[":status", "20"]], want: /^:status is missing$/ },
  { name: "a bad field in a response", kind: "response", list: [...response, ["X", "1"]], want: /^a field name/ },
];
for (const { name, kind = "request", list, want } of cases)
  test(`${want === undefined ? "is not" : "is"} malformed: ${name}`, () => {
    const peer = newPeer(4096);
    const decoder = newDecoder({ maxTableBytes: 4096, maxListBytes: 4096, kind, apart: "grpc-timeout" });
    // The first fills the table, the second comes out of it, the third is known by its bytes.
    for (let i = 0; i < 3; i++) {
      const block = peer.encode(list.map(([name, value]) => ({ name, value })));
      const { malformed } = decoder.decode(block, 0, block.length);
      if (want === undefined) assert.equal(malformed, undefined);
      else assert.match(malformed ?? "", want);
    }
  });

for (const { name, list, want } of [
  { name: "trailers", list: [["grpc-status", "0"]], want: undefined },
  { name: "no trailers", list: [], want: undefined },
  { name: "a pseudo-field in trailers", list: [[":status", "200"]], want: ":status in trailers" },
  { name: "a bad name in trailers", list: [["Grpc-Status", "0"]], want: "a field name with a character that none may have" },
  {
    name: "a field of HTTP/1.1 in trailers",
    list: [
      ["x", "1"],
      ["connection", "close"],
    ],
    want: "connection belongs to HTTP/1.1",
  },
] as const)
  test(`${want === undefined ? "is not" : "is"} malformed: ${name}`, () => assert.equal(trailersFault(fieldsOf(...list)), want));
