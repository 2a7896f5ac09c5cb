import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { Code, codeOf } from "@tfs/std";
import { decompress } from "./compression.ts";
import { frameMessage, newDeframer } from "./frame.ts";
import { newGatherer } from "./gatherer.ts";

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

/** gathered pushes the chunks and gives what they make. */
function gathered(chunks: readonly Uint8Array[], maxMessageBytes = 1000): ReturnType<ReturnType<typeof newGatherer>["end"]> {
  const gatherer = newGatherer(maxMessageBytes);
  // As from a read buffer: with other bytes around, and written over afterwards.
  for (const chunk of chunks) {
    const buffer = Buffer.concat([Buffer.from("ab"), chunk, Buffer.from("c")]);
    gatherer.push(buffer, 2, 2 + chunk.length);
    buffer.fill(0xff);
  }
  return gatherer.end();
}

for (let size = 1; size <= 13; size++) {
  test(`frame: one message in chunks of ${size} bytes is gathered`, () => {
    for (const text of ["gathered", ""]) {
      const framed = frameMessage(bytes(text), true);
      const chunks = Array.from({ length: Math.ceil(framed.length / size) }, (_, i) => framed.subarray(i * size, (i + 1) * size));
      assert.deepEqual(gathered(chunks, 8), { compressed: true, bytes: bytes(text) });
    }
  });
}
test("frame: a message past what is believed at once is gathered", () => {
  const large = Uint8Array.from({ length: 9 << 20 }, (_, i) => i * 7);
  const framed = frameMessage(large);
  assert.deepEqual(gathered([framed.subarray(0, 100), framed.subarray(100, 5 << 20), framed.subarray(5 << 20)], 9 << 20)?.bytes, large);
});
test("frame: where nothing came nothing is gathered", () => assert.equal(gathered([]), undefined));

const notGathered = [
  { name: "a second message", chunks: [frameMessage(bytes("a")), frameMessage(bytes("b"))], says: /more than one message/ },
  { name: "a byte behind the message, in its chunk", chunks: [Buffer.concat([frameMessage(bytes("a")), Buffer.of(0)])], says: /more than one message/ },
  { name: "half a prefix", chunks: [Uint8Array.of(0, 0, 0)], says: /ended inside a message: 3 of 5 bytes/ },
  { name: "half a message", chunks: [frameMessage(bytes("four")).subarray(0, 7)], says: /ended inside a message: 7 of 9 bytes/ },
  { name: "a length past the limit", chunks: [Uint8Array.of(0, 255, 255, 255, 255)], says: /4294967295 bytes is larger than the limit of 1000/ },
  { name: "flags past 1", chunks: [Uint8Array.of(2), Uint8Array.of(0, 0, 0, 0)], says: /invalid message flags 2/ },
];
for (const tc of notGathered) test(`frame: ${tc.name} is not gathered`, () => assert.throws(() => gathered(tc.chunks), tc.says));

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
