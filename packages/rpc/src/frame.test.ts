import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { Code, codeOf } from "@tfs/std";
import { decompress } from "./compression.ts";
import { frameMessage, newDeframer } from "./frame.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (message: { readonly bytes: Uint8Array }): string => new TextDecoder().decode(message.bytes);

const stream = Buffer.concat([frameMessage(bytes("one")), frameMessage(new Uint8Array()), frameMessage(bytes("three"), true)]);
for (let size = 1; size <= stream.length; size++) {
  test(`frame: three messages in chunks of ${size} bytes come out whole and in order`, () => {
    const deframer = newDeframer({ maxMessageBytes: 5 });
    const messages = [];
    for (let at = 0; at < stream.length; at += size) messages.push(...deframer.push(stream.subarray(at, at + size)));
    deframer.end();
    assert.deepEqual(messages.map(text), ["one", "", "three"]);
    assert.deepEqual(
      messages.map((m) => m.compressed),
      [false, false, true],
    );
  });
}

test("frame: a message that comes in one chunk is a view of it", () => {
  const chunk = frameMessage(bytes("abc"));
  const [message] = newDeframer({ maxMessageBytes: 3 }).push(chunk);
  assert.equal(message?.bytes.buffer, chunk.buffer);
});

test("frame: a message may be exactly as large as the limit", () => {
  assert.equal(newDeframer({ maxMessageBytes: 4 }).push(frameMessage(bytes("four"))).length, 1);
});

const refused = [
  { name: "one byte past the limit is refused when the prefix has come", chunk: frameMessage(bytes("fives")).subarray(0, 5), code: Code.ResourceExhausted },
  { name: "a length of 4 GiB is refused without storing anything", chunk: Uint8Array.of(0, 255, 255, 255, 255), code: Code.ResourceExhausted },
  { name: "a flag byte other than 0 and 1 is refused", chunk: Uint8Array.of(2, 0, 0, 0, 0), code: Code.Internal },
];
for (const tc of refused) {
  test(`frame: ${tc.name}`, () => {
    assert.throws(
      () => newDeframer({ maxMessageBytes: 4 }).push(tc.chunk),
      (err) => codeOf(err) === tc.code,
    );
  });
}

for (const cut of [1, 4, 5, 7]) {
  test(`frame: a stream that ends after ${cut} of 8 bytes is an error`, () => {
    const deframer = newDeframer({ maxMessageBytes: 10 });
    deframer.push(frameMessage(bytes("abc")).subarray(0, cut));
    assert.throws(() => deframer.end(), { code: Code.Internal });
  });
}

const compressed = [
  { name: "gzip is undone", data: gzipSync("hello"), encoding: "gzip", want: "hello" },
  { name: "deflate is zlib's format", data: deflateSync("hello"), encoding: "deflate", want: "hello" },
  { name: "br too", data: brotliCompressSync("hello"), encoding: "br", want: "hello" },
  { name: "the plain form may be exactly as large as the limit", data: gzipSync("x".repeat(100)), encoding: "gzip", want: "x".repeat(100) },
  { name: "a bomb stops at the limit", data: gzipSync("x".repeat(101)), encoding: "gzip", code: Code.ResourceExhausted },
  { name: "an encoding nobody announced is Unimplemented", data: bytes("x"), encoding: "lzma", code: Code.Unimplemented },
  { name: "a flag without an encoding is the peer's error", data: bytes("x"), encoding: undefined, code: Code.Internal },
  { name: "data that is not gzip is the peer's error", data: bytes("hello"), encoding: "gzip", code: Code.Internal },
];
for (const tc of compressed) {
  test(`compression: ${tc.name}`, async () => {
    const got = decompress({ compressed: true, bytes: tc.data }, tc.encoding, 100);
    if (tc.code === undefined) assert.equal(new TextDecoder().decode(await got), tc.want);
    else await assert.rejects(got, { code: tc.code });
  });
}

test("compression: a message without the flag is given back as it is", async () => {
  const plain = bytes("hello");
  assert.equal(await decompress({ compressed: false, bytes: plain }, "gzip", 1), plain);
});
