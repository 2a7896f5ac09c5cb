import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, newError } from "@tfs/std";
import { fieldsOf } from "../fields.ts";
import { connectCode, connectEnd, connectError, connectStatus, messageOf, parseConnectTimeout, readQuery } from "./index.ts";

/** Connect protocol, "Error Codes". */
const codes: readonly [Code, string, number][] = [
  [Code.Canceled, "canceled", 499],
  [Code.Unknown, "unknown", 500],
  [Code.InvalidArgument, "invalid_argument", 400],
  [Code.DeadlineExceeded, "deadline_exceeded", 504],
  [Code.NotFound, "not_found", 404],
  [Code.AlreadyExists, "already_exists", 409],
  [Code.PermissionDenied, "permission_denied", 403],
  [Code.ResourceExhausted, "resource_exhausted", 429],
  [Code.FailedPrecondition, "failed_precondition", 400],
  [Code.Aborted, "aborted", 409],
  [Code.OutOfRange, "out_of_range", 400],
  [Code.Unimplemented, "unimplemented", 501],
  [Code.Internal, "internal", 500],
  [Code.Unavailable, "unavailable", 503],
  [Code.DataLoss, "data_loss", 500],
  [Code.Unauthenticated, "unauthenticated", 401],
];
for (const [code, name, status] of codes) {
  test(`connect: code ${code} is ${name} and ${status}`, () => assert.deepEqual([connectCode(code), connectStatus(code)], [name, status]));
}

/** An Any by hand: field 1 the type, field 2 the value. */
const any = (type: string, value: readonly number[]): Uint8Array =>
  Buffer.concat([Uint8Array.of(0x0a, type.length), Buffer.from(type), Uint8Array.of(0x12, value.length), Uint8Array.from(value)]);

const errors = [
  { name: "a code alone", failure: newError(Code.NotFound, ""), want: { code: "not_found" } },
  { name: "a text of any script", failure: newError(Code.Internal, 'modèle "模型"\n'), want: { code: "internal", message: 'modèle "模型"\n' } },
  {
    name: "details: the type without its prefix, the value in base64 without padding",
    failure: newError(Code.Aborted, "x", undefined, [any("type.googleapis.com/a.B", [1, 2]), any("c.D", [])]),
    want: {
      code: "aborted",
      message: "x",
      details: [
        { type: "a.B", value: "AQI" },
        { type: "c.D", value: "" },
      ],
    },
  },
  { name: "no details that are none", failure: newError(Code.Aborted, "x", undefined, [Uint8Array.of(0x0a, 9)]), want: { code: "aborted", message: "x" } },
];
for (const tc of errors) {
  test(`connect: an error has ${tc.name}`, () => assert.deepEqual(JSON.parse(Buffer.from(connectError(tc.failure)).toString()), tc.want));
}

const ends = [
  { name: "of success without trailers", failure: undefined, metadata: fieldsOf(), want: {} },
  { name: "with trailers", failure: undefined, metadata: fieldsOf(["a", "1"], ["b", "x"], ["a", "2"]), want: { metadata: { a: ["1", "2"], b: ["x"] } } },
  {
    name: "with a trailer named as what objects inherit",
    failure: undefined,
    metadata: fieldsOf(["__proto__", "1"]),
    want: JSON.parse('{"metadata":{"__proto__":["1"]}}'),
  },
  {
    name: "of failure",
    failure: newError(Code.DataLoss, "y"),
    metadata: fieldsOf(["a", "1"]),
    want: { error: { code: "data_loss", message: "y" }, metadata: { a: ["1"] } },
  },
];
for (const tc of ends) {
  test(`connect: the end of a stream ${tc.name}`, () => {
    const bytes = Buffer.from(connectEnd(tc.failure, tc.metadata));
    assert.deepEqual([bytes[0], bytes.readUInt32BE(1)], [2, bytes.length - 5]);
    assert.deepEqual(JSON.parse(bytes.subarray(5).toString()), tc.want);
  });
}

const queries = [
  { name: "a message as it is", text: "connect=v1&encoding=json&message=%7B%7D", want: "{}" },
  { name: "a message in base64url", text: "encoding=proto&base64=1&message=-_8", want: "\xfb\xff" },
  { name: "a message in base64, percent-encoded and padded", text: "encoding=proto&base64=1&message=%2B%2F8%3D", want: "\xfb\xff" },
  { name: "an empty message", text: "encoding=proto&message=", want: "" },
];
for (const tc of queries) {
  test(`connect: a query has ${tc.name}`, () => assert.equal(Buffer.from(messageOf(readQuery(tc.text)!)).toString("latin1"), tc.want));
}
test("connect: a query says how it is compressed, and for which version it is", () => {
  const { encoding, version, codec } = readQuery("message=x&encoding=proto&compression=gzip&connect=v2")!;
  assert.deepEqual([encoding, version, codec], ["gzip", "v2", "proto"]);
});
for (const text of ["", "encoding=proto", "message=x", "verbose"]) {
  test(`connect: ?${text} is no call`, () => assert.equal(readQuery(text), undefined));
}
test("connect: a query that is not base64 is refused", () => {
  assert.throws(() => messageOf(readQuery("encoding=proto&base64=1&message=a%20b")!), { code: Code.InvalidArgument });
});

for (const [text, want] of [
  ["0", 0],
  ["1500", 1500],
  ["9999999999", 9999999999],
] as const) {
  test(`connect: a timeout of ${text} ms`, () => assert.equal(parseConnectTimeout(text), want));
}
for (const text of ["", "-1", "1.5", "1s", "10000000000"]) {
  test(`connect: ${JSON.stringify(text)} is no timeout`, () => assert.throws(() => parseConnectTimeout(text), { code: Code.InvalidArgument }));
}
