import assert from "node:assert/strict";
import { test } from "node:test";
import { letGo, newAssembler } from "./assembler.ts";
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

/** taken gives the message that the chunks make, as the assembler hands it on. */
function taken(chunks: readonly Uint8Array[]): Uint8Array {
  let message: Uint8Array | undefined;
  const assembler = newAssembler({ onMessage: (bytes) => (message = bytes) }, { maxMessageBytes: 16 << 20 });
  for (const chunk of chunks) assembler.push(chunk, 0, chunk.length);
  return message!;
}

for (const length of [4095, 4096, 4097, 100_003, 5_000_001])
  test(`assembler: a message of ${length} bytes in two pieces is whole, and ends at a multiple of eight if it is large`, () => {
    const framed = frameMessage(new Uint8Array(length).fill(7));
    const message = taken([framed.subarray(0, 1000), framed.subarray(1000)]);
    assert.deepEqual([message.length, message.every((byte) => byte === 7)], [length, true]);
    if (length >= 4096) assert.equal((message.byteOffset + message.length) % 8, 0);
  });

const announced = [
  { name: "with its prefix alone", came: 0, most: 64 * 1024 },
  { name: "with 16 KiB", came: 16 * 1024, most: 1024 * 1024 },
  { name: "with 1 MiB", came: 1024 * 1024, most: 4 * 1024 * 1024 },
];
for (const { name, came, most } of announced)
  test(`assembler: a message of 100 MB that has come ${name} takes at most ${most} bytes`, () => {
    const assembler = newAssembler({ onMessage() {} }, { maxMessageBytes: 1 << 30 });
    const chunk = Buffer.concat([Uint8Array.of(0, 6, 0, 0, 0), new Uint8Array(came)]);
    const before = process.memoryUsage().arrayBuffers;
    assembler.push(chunk, 0, chunk.length);
    const taken = process.memoryUsage().arrayBuffers - before;
    assert.ok(taken <= most + 8, `${taken} bytes`);
    assert.ok(assembler.inside);
  });

const gone = [
  { name: "a large message", message: () => taken([frameMessage(new Uint8Array(100_001))]), left: 0 },
  { name: "a small one, which shares its memory with others", message: () => taken([frameMessage(new Uint8Array(1001))]), left: 1001 },
  { name: "a part of something larger", message: () => new Uint8Array(200_000).subarray(0, 100_000), left: 100_000 },
];
for (const { name, message, left } of gone)
  test(`assembler: ${name}, let go, has ${left} bytes`, () => {
    const bytes = message();
    letGo(bytes);
    assert.equal(bytes.length, left);
  });
