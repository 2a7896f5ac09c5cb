import assert from "node:assert/strict";
import { test } from "node:test";
import { newAssembler } from "./assembler.ts";
import { frameMessage } from "./frame.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Assembled {
  readonly messages: readonly { readonly bytes: Uint8Array; readonly compressed: boolean }[];
  readonly inside: boolean;
}

/** assembled pushes the chunks and gives what they make. */
function assembled(chunks: readonly Uint8Array[], maxMessageBytes = 1000): Assembled {
  const messages: { bytes: Uint8Array; compressed: boolean }[] = [];
  const assembler = newAssembler({ onMessage: (message, compressed) => messages.push({ bytes: new Uint8Array(message), compressed }) }, { maxMessageBytes });
  // As from a read buffer: with other bytes around, and written over afterwards.
  for (const chunk of chunks) {
    const buffer = Buffer.concat([Buffer.from("ab"), chunk, Buffer.from("c")]);
    assembler.push(buffer, 2, 2 + chunk.length);
    buffer.fill(0xff);
  }
  return { messages, inside: assembler.inside };
}

const stream = Buffer.concat([
  frameMessage(bytes("one")),
  frameMessage(new Uint8Array()),
  frameMessage(bytes("three"), true),
  frameMessage(new Uint8Array(), true),
]);
for (let size = 1; size <= stream.length; size++) {
  test(`assembler: four messages in chunks of ${size} bytes come out whole and in order`, () => {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => stream.subarray(i * size, (i + 1) * size));
    assert.deepEqual(assembled(chunks, 5), {
      messages: [
        { bytes: bytes("one"), compressed: false },
        { bytes: bytes(""), compressed: false },
        { bytes: bytes("three"), compressed: true },
        { bytes: bytes(""), compressed: true },
      ],
      inside: false,
    });
  });
}

test("assembler: a message past what is believed at once comes out whole", () => {
  const large = Uint8Array.from({ length: 9 << 20 }, (_, i) => i * 7);
  const framed = frameMessage(large);
  assert.deepEqual(assembled([framed.subarray(0, 100), framed.subarray(100, 5 << 20), framed.subarray(5 << 20)], 9 << 20).messages[0]?.bytes, large);
});

const unfinished = [
  { name: "nothing", chunk: new Uint8Array(0), inside: false },
  { name: "half a prefix", chunk: Uint8Array.of(0, 0, 0), inside: true },
  { name: "a prefix", chunk: frameMessage(bytes("four")).subarray(0, 5), inside: true },
  { name: "half a message", chunk: frameMessage(bytes("four")).subarray(0, 7), inside: true },
];
for (const { name, chunk, inside } of unfinished)
  test(`assembler: ${name} makes no message`, () => assert.deepEqual(assembled([chunk]), { messages: [], inside }));

const refused = [
  { name: "a length past the limit", chunks: [Uint8Array.of(0, 255, 255, 255, 255)], says: /4294967295 bytes is larger than the limit of 1000/ },
  { name: "flags past 1", chunks: [Uint8Array.of(2), Uint8Array.of(0, 0, 0, 0)], says: /invalid message flags 2/ },
];
for (const { name, chunks, says } of refused) test(`assembler: ${name} is refused`, () => assert.throws(() => assembled(chunks), says));
