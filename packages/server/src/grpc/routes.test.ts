import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { after, test } from "node:test";
import { serve } from "../testing/index.ts";

const served = await serve(["half_plus_two"]);
after(() => served[Symbol.asyncDispose]());

const status = "/tensorflow.serving.ModelService/GetModelStatus";
const json = "application/json";

const rows: readonly {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly body?: string;
  readonly status: number;
  readonly allow?: string;
  readonly says?: RegExp;
}[] = [
  { name: "JSON without saying Connect", type: json, body: '{"model_spec":{"name":"half_plus_two"},"unknown":1}', status: 200, says: /"state":"AVAILABLE"/ },
  { name: "JSON that is none", type: json, body: "{", status: 400, says: /"code":"invalid_argument"/ },
  { name: "JSON of more than 16 MiB", type: json, body: `{"unknown":"${"x".repeat(16 << 20)}"}`, status: 429, says: /larger than the limit of 16777216 bytes/ },
  { name: "bytes that are no message", type: "application/proto", body: "\x0a\x09", status: 500, says: /"code":"internal","message":"parse binary: / },
  { name: "a method that is not there", type: json, path: "/tensorflow.serving.ModelService/Nope", body: "{}", status: 404, says: /"code":"unimplemented"/ },
  { name: "GET", method: "GET", path: `${status}?encoding=json&message=%7B%7D`, status: 405, allow: "POST", says: /is called by POST/ },
  { name: "GET of something else", method: "GET", status: 405, allow: "POST" },
  { name: "GET of nothing", method: "GET", path: "/", status: 404 },
  { name: "PUT", method: "PUT", type: json, body: "{}", status: 405, allow: "POST" },
  { name: "an image", type: "image/jpeg", body: "x", status: 415 },
  {
    name: "a stream of Connect's",
    type: "application/connect+json",
    body: "\0\0\0\0\x02{}",
    status: 200,
    says: /"code":"unimplemented".*its content-type is application\/json/,
  },
  { name: "two messages by gRPC-Web", type: "application/grpc-web", body: "\0\0\0\0\0\0\0\0\0\0", status: 200, says: /grpc-status: 12\r\n.*more came/s },
  { name: "no message by gRPC-Web", type: "application/grpc-web", body: "", status: 200, says: /grpc-status: 12\r\n.*none came/s },
  { name: "a codec that nobody knows", type: "application/grpc-web+thrift", body: "", status: 200, says: /grpc-status: 12\r\n.*thrift/s },
  { name: "a body cut within its message", type: "application/grpc-web", body: "\0\0\0\0\x05abc", status: 200, says: /grpc-status: 13\r\n/ },
];
for (const tc of rows) {
  test(`grpc port: ${tc.name} is answered with ${tc.status}`, async () => {
    const init = tc.body === undefined ? {} : { headers: { "content-type": tc.type! }, body: Buffer.from(tc.body, "latin1") };
    const response = await fetch(`${served.grpc}${tc.path ?? status}`, { method: tc.method ?? "POST", ...init });
    const text = await response.text();
    assert.equal(response.status, tc.status, text);
    assert.equal(response.headers.get("allow") ?? undefined, tc.allow);
    if (tc.says !== undefined) assert.match(text, tc.says);
  });
}

test("grpc port: a deadline that has passed has TensorFlow's words", async () => {
  const session = connect(served.grpc);
  const path = "/tensorflow.serving.PredictionService/Predict";
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", "grpc-timeout": "1n" });
  stream.end(Buffer.concat([Buffer.of(0, 0, 0, 0, 17), Buffer.of(0x0a, 15, 0x0a, 13), Buffer.from("half_plus_two")]));
  stream.resume();
  const [headers] = (await once(stream, "response")) as [Record<string, string>];
  session.destroy();
  assert.deepEqual([headers["grpc-status"], headers["grpc-message"]], ["4", "Timed out waiting for notification"]);
});
