import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeName, newError } from "@tfs/std";
import { decodeDetails, encodeDetails } from "./details.ts";
import { checkMetadata, decodeBinary, encodeBinary, toMetadata } from "./metadata.ts";
import { codeFromHttpStatus, codeFromReset, decodeStatusMessage, encodeStatusMessage, failureFromTrailers, trailersFor, trailersOnly } from "./status.ts";
import { fieldsFrom, nodeHeaders } from "./testing/index.ts";

const messages = [
  { name: "printable ASCII stays", text: "Servable not found: Latest(m) ~!", value: "Servable not found: Latest(m) ~!" },
  { name: "a percent sign is escaped", text: "100%", value: "100%25" },
  { name: "line breaks and tabs are escaped", text: "a\r\n\tb", value: "a%0D%0A%09b" },
  { name: "other letters are UTF-8 bytes", text: "größe ☃ 🙂", value: "gr%C3%B6%C3%9Fe %E2%98%83 %F0%9F%99%82" },
  { name: "DEL and NUL are escaped", text: "\x7f\0", value: "%7F%00" },
  { name: "a space at an end is escaped, one within is not", text: " a b: ", value: "%20a b:%20" },
  { name: "a single space is escaped", text: " ", value: "%20" },
  { name: "nothing stays nothing", text: "", value: "" },
];
for (const tc of messages) {
  test(`grpc-message: ${tc.name}`, () => {
    assert.equal(encodeStatusMessage(tc.text), tc.value);
    assert.equal(decodeStatusMessage(tc.value), tc.text);
  });
}
const lenient = [
  { value: "50% off", want: "50% off" },
  { value: "a%4", want: "a%4" },
  { value: "%zz%41", want: "%zzA" },
  { value: "%c3%b6", want: "ö" },
  { value: "%ff", want: "\ufffd" },
];
for (const tc of lenient) test(`grpc-message: ${tc.value} is read as far as it makes sense`, () => assert.equal(decodeStatusMessage(tc.value), tc.want));

test("status: every code goes through trailers and back with text and details", () => {
  const details = [Uint8Array.of(1, 2, 3), new Uint8Array(), new Uint8Array(300).fill(7)];
  for (let code = 1; code <= 16; code++) {
    const failure = newError(code as Code, `tëxt of ${codeName(code)}`, undefined, details);
    const back = failureFromTrailers(trailersFor(failure));
    assert.equal(back?.code, code);
    assert.equal(back?.message, failure.message);
    assert.deepEqual(
      back?.details.map((d) => [...d]),
      details.map((d) => [...d]),
    );
  }
});

const received = [
  { name: "status 0 is no failure", trailers: { "grpc-status": "0", "grpc-message": "ignored" }, http: 200, want: undefined },
  { name: "a status without text is named by its code", trailers: { "grpc-status": "5" }, http: 200, want: [Code.NotFound, "NOT_FOUND"] },
  { name: "a status beyond 16 is Unknown", trailers: { "grpc-status": "17", "grpc-message": "x" }, http: 200, want: [Code.Unknown, "x"] },
  { name: "a status that is no number is Unknown", trailers: { "grpc-status": "-1", "grpc-message": "x" }, http: 200, want: [Code.Unknown, "x"] },
  { name: "no status at all is Unknown", trailers: {}, http: 200, want: [Code.Unknown, "response has no grpc-status"] },
  { name: "no status and HTTP 503 is Unavailable", trailers: {}, http: 503, want: [Code.Unavailable, "HTTP status 503 without grpc-status"] },
  { name: "a status wins over HTTP 500", trailers: { "grpc-status": "9", "grpc-message": "x" }, http: 500, want: [Code.FailedPrecondition, "x"] },
  {
    name: "unreadable details are dropped",
    trailers: { "grpc-status": "3", "grpc-message": "x", "grpc-status-details-bin": "!" },
    http: 200,
    want: [Code.InvalidArgument, "x"],
  },
] as const;
for (const tc of received) {
  test(`status: ${tc.name}`, () => {
    const failure = failureFromTrailers(fieldsFrom(tc.trailers), tc.http);
    assert.deepEqual(failure && [failure.code, failure.message], tc.want);
  });
}

test("status: a trailers-only answer is HTTP 200 of type application/grpc", () => {
  assert.deepEqual(nodeHeaders(trailersOnly(newError(Code.Unimplemented, "no"))), {
    ":status": "200",
    "content-type": "application/grpc",
    "grpc-status": "12",
    "grpc-message": "no",
  });
});

const httpRows = [
  [400, Code.Internal],
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.Unimplemented],
  [429, Code.Unavailable],
  [502, Code.Unavailable],
  [503, Code.Unavailable],
  [504, Code.Unavailable],
  [500, Code.Unknown],
  [200, Code.Unknown],
] as const;
for (const [status, code] of httpRows) test(`status: HTTP ${status} is ${codeName(code)}`, () => assert.equal(codeFromHttpStatus(status), code));

const resets = [
  [0, Code.Internal],
  [2, Code.Internal],
  [7, Code.Unavailable],
  [8, Code.Canceled],
  [11, Code.ResourceExhausted],
  [12, Code.PermissionDenied],
  [99, Code.Internal],
] as const;
for (const [reset, code] of resets) test(`status: a reset with error ${reset} is ${codeName(code)}`, () => assert.equal(codeFromReset(reset), code));

test("details: fields of other numbers and kinds are skipped", () => {
  const status = Uint8Array.of(0x08, 0x05, 0x12, 0x01, 0x61, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x2d, 1, 2, 3, 4, 0x1a, 0x02, 9, 9);
  assert.deepEqual(
    decodeDetails(status).map((d) => [...d]),
    [[9, 9]],
  );
});
test("details: every cut of a status is refused or gives whole details", () => {
  const status = encodeDetails(newError(Code.NotFound, "text", undefined, [Uint8Array.of(1, 2, 3)]));
  for (let n = 0; n < status.length; n++) {
    try {
      assert.deepEqual(decodeDetails(status.subarray(0, n)), []);
    } catch (err) {
      assert.equal((err as { code?: unknown }).code, Code.DataLoss);
    }
  }
});
for (const bad of [
  [0x1a],
  [0x1a, 0x05, 1],
  [0x1b],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  [0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
]) {
  test(`details: ${bad.join(" ")} is malformed`, () => assert.throws(() => decodeDetails(Uint8Array.from(bad)), { code: Code.DataLoss }));
}

test("metadata: binary values are written without padding and read with or without", () => {
  assert.equal(encodeBinary(Uint8Array.of(255, 1)), "/wE");
  for (const text of ["/wE", "/wE="]) assert.deepEqual([...decodeBinary(text)], [255, 1]);
  assert.equal(encodeBinary(new Uint8Array([9, 255, 1, 9]).subarray(1, 3)), "/wE");
  for (const text of ["/w_E", "a b", "===", "é"]) assert.throws(() => decodeBinary(text), { code: Code.InvalidArgument });
});
for (const bad of [
  { "X-Upper": "a" },
  { "": "a" },
  { "a b": "a" },
  { ":path": "/" },
  { te: "x" },
  { "grpc-timeout": "1S" },
  { host: "h" },
  { a: "\n" },
  { a: ["x", "é"] },
  { a: "\0" },
]) {
  test(`metadata: ${JSON.stringify(bad)} is refused`, () => assert.throws(() => checkMetadata(bad), { code: Code.InvalidArgument }));
}
test("metadata: an application sees its own names only, and names sent twice with their values apart", () => {
  const fields = fieldsFrom({ ":status": 200, "content-type": "application/grpc", "grpc-status": "0", "x-a": "1", "x-b": ["2", "3", "4"] });
  assert.deepEqual({ ...toMetadata(fields) }, { "x-a": "1", "x-b": ["2", "3", "4"] });
});
