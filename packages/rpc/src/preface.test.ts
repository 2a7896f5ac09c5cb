import assert from "node:assert/strict";
import { test } from "node:test";
import { classify } from "./preface.ts";
import { clientPreface } from "./testing/index.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

for (let n = 0; n < clientPreface.length; n++) {
  test(`preface: the first ${n} bytes are not enough to tell, unless the next one differs`, () => {
    assert.equal(classify(bytes(clientPreface.slice(0, n))), undefined);
    assert.equal(classify(bytes(clientPreface.slice(0, n) + "\x7f")), "http1");
  });
}
test("preface: the whole of it, alone or with frames behind it, is HTTP/2", () => {
  assert.equal(classify(bytes(clientPreface)), "http2");
  assert.equal(classify(bytes(clientPreface + "\0\0\0\x04")), "http2");
});
for (const text of ["GET / HTTP/1.1\r\n", "P U", "POST /v1/models", "PRI * HTTP/1.1\r\n", "\x16\x03\x01", "\r\n", "\0"]) {
  test(`preface: ${JSON.stringify(text)} is left to the HTTP/1.1 parser`, () => assert.equal(classify(bytes(text)), "http1"));
}
