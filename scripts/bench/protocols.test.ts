import assert from "node:assert/strict";
import { test } from "node:test";
import { smallValues } from "../../bench/gateway/payload.ts";
import { checkNumbers, checkWeb, posts, upstream } from "../../bench/gateway/protocols.ts";

const printed = [...smallValues].map((v) => v.toPrecision(9)).join(",");
test("checkNumbers: numbers printed with more digits than needed are the same float32", () => checkNumbers(`{"predictions": [[${printed}]]}`));
for (const tc of [
  { name: "one number less", text: `{"predictions":[[${printed.slice(0, printed.lastIndexOf(","))}]]}` },
  { name: "another number", text: `{"predictions":[[${printed.replace("1", "2")}]]}` },
  { name: "no numbers", text: `{"predictions":[]}` },
])
  test(`checkNumbers: ${tc.name} is refused`, () => assert.throws(() => checkNumbers(tc.text), /other numbers/));

const message = Buffer.from([0, 0, 0, 0, 2, 7, 8]);
const trailers = (text: string, flag = 0x80) => Buffer.concat([Buffer.from([flag, 0, 0, 0, text.length]), Buffer.from(text)]);
for (const text of ["grpc-status:0\r\n", "grpc-message:\r\ngrpc-status: 0\r\n", "Grpc-Status: 0\r\n"])
  test(`checkWeb: trailers ${JSON.stringify(text)} are success`, () => checkWeb(Buffer.concat([message, trailers(text)]), message));
for (const tc of [
  { name: "another message", body: Buffer.concat([Buffer.from([0, 0, 0, 0, 2, 7, 9]), trailers("grpc-status:0\r\n")]) },
  { name: "another status", body: Buffer.concat([message, trailers("grpc-status:05\r\n")]) },
  { name: "no trailers", body: message },
  { name: "trailers that are a message", body: Buffer.concat([message, trailers("grpc-status:0\r\n", 0)]) },
  { name: "trailers that are cut", body: Buffer.concat([message, trailers("grpc-status:0\r\n").subarray(0, -1)]) },
  { name: "more than trailers", body: Buffer.concat([message, trailers("grpc-status:0\r\n"), message]) },
])
  test(`checkWeb: ${tc.name} is refused`, () => assert.throws(() => checkWeb(tc.body, message), /message|trailers/));

test("Connect: the answer is the message without gRPC's prefix", () => {
  posts.connect.check(message.subarray(5), { response: message });
  assert.throws(() => posts.connect.check(message, { response: message }), /another message/);
});

for (const [protocol, request, want] of [
  ["grpc", "largeRequest", "L"],
  ["grpc-web", "smallRequest", "S"],
  ["connect", "smallMessage", "S"],
  ["rest", "smallJSON", undefined],
] as const)
  test(`upstream: of ${request} by ${protocol} the backend must get ${want ?? "the same numbers"}`, () =>
    assert.equal(upstream(protocol, request, { smallRequest: "S", smallMessage: "M", largeRequest: "L", smallJSON: "J" }), want));
