import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, isFailure } from "@tfs/std";
import fc from "fast-check";
import { type Decoder, newDecoder } from "./index.ts";
import { staticEntries } from "./static.ts";
import { newPeer, newReference } from "./testing/index.ts";

const options = { maxTableBytes: 4096, maxListBytes: 32 * 1024, kind: "request", apart: "grpc-timeout" } as const;
const request = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/tensorflow.serving.PredictionService/Predict"],
  ["content-type", "application/grpc"],
].map(([name, value]) => ({ name: name!, value: value! }));

function decode(decoder: Decoder, block: Buffer) {
  return decoder.decode(block, 0, block.length);
}

const literal = (name: number, value: string) => Buffer.concat([Buffer.of(0x40 | name, value.length), Buffer.from(value)]);

for (const { name, hex, want } of [
  { name: "index 0", hex: "80", want: /index 0/ },
  { name: "an index past the static table when the other is empty", hex: "be", want: /an index past the table/ },
  { name: "an index past both tables", hex: "4001610162bf", want: /an index past the table/ },
  { name: "a huge index", hex: "ffffffff07", want: /an index past the table/ },
  { name: "a name past the table", hex: "7f000161", want: /an index past the table/ },
  { name: "a name past the table, not indexed", hex: "0f30000161", want: /an index past the table/ },
  { name: "an index without its end", hex: "ff", want: /a number cut short/ },
  { name: "an index of more than 31 bits", hex: "ffffffffff7f", want: /a number too large/ },
  { name: "a name without its length", hex: "40", want: /a string cut short/ },
  { name: "a name cut short", hex: "4003616d", want: /a string cut short/ },
  { name: "a value without its length", hex: "400161", want: /a string cut short/ },
  { name: "a value cut short", hex: "40016102", want: /a string cut short/ },
  { name: "a value of 2 GiB", hex: "4001617f80ffffff07", want: /a string cut short/ },
  { name: "a sensitive value cut short", hex: "10016102", want: /a string cut short/ },
  { name: "a value with Huffman's EOS", hex: "40016184ffffffff", want: /no Huffman code/ },
  { name: "a value with eight bits of padding", hex: "40016182f8ff", want: /no Huffman code/ },
  { name: "a table size behind a field", hex: "8220", want: /a table size that is not at its start/ },
  { name: "a table size past the limit", hex: "3fe21f", want: /a table size past the limit/ },
])
  test(`refused: ${name}`, () => {
    const bytes = Buffer.from(`${hex}6161`, "hex"); // what comes behind a block is not the block's
    assert.throws(
      () => newDecoder(options).decode(bytes, 0, bytes.length - 2),
      (err) => isFailure(err) && err.code === Code.Internal && want.test(err.message) && err.message.startsWith("header block with "),
    );
  });

for (const { name, hex } of [
  { name: "a block of nothing", hex: "" },
  { name: "a table size alone", hex: "3fe11f" },
  { name: "two table sizes", hex: "203fe11f" },
])
  test(`${name} is an empty list`, () => assert.deepEqual(decode(newDecoder(options), Buffer.from(hex, "hex")).fields.list, []));

for (const { name, steps, table } of [
  {
    name: "the oldest entry leaves when there is no room",
    steps: [literal(1, "a".repeat(20)), literal(1, "b".repeat(20)), literal(1, "c")],
    table: ["c", "b"],
  },
  { name: "the last byte of the table counts", steps: [literal(1, "a".repeat(22)), literal(1, "b".repeat(22))], table: ["b", "a"] },
  { name: "one byte more does not fit", steps: [literal(1, "a".repeat(22)), literal(1, "b".repeat(23))], table: ["b"] },
  { name: "an entry of the table's size fits", steps: [literal(1, "a"), literal(1, "b".repeat(86))], table: ["b"] },
  { name: "an entry larger than the table empties it", steps: [literal(1, "a"), literal(1, "b".repeat(87))], table: [] },
  { name: "a name may come from the entry that leaves for it", steps: [literal(1, "a".repeat(80)), literal(62, "b".repeat(50))], table: ["b"] },
  { name: "a smaller table drops its oldest entries", steps: [literal(1, "a"), literal(1, "b"), Buffer.from("3f11", "hex")], table: ["b"] },
  { name: "a table of nothing keeps nothing", steps: [literal(1, "a"), Buffer.of(0x20), literal(1, "b")], table: [] },
  { name: "a table that was emptied may be used again", steps: [literal(1, "a"), Buffer.from("203f61", "hex"), literal(1, "b")], table: ["b"] },
])
  test(name, () => {
    const decoder = newDecoder({ ...options, maxTableBytes: 128 }); // :authority and 32 are 42
    for (const step of steps) decode(decoder, step);
    for (const [i, first] of table.entries()) assert.equal(decode(decoder, Buffer.of(0x80 | (62 + i))).fields.list[0]?.value[0], first);
    assert.throws(() => decode(decoder, Buffer.of(0x80 | (62 + table.length))), /an index past the table/);
  });

test("a table of 4096 bytes holds 128 entries without a text", () => {
  const decoder = newDecoder(options);
  for (let i = 0; i < 300; i++) decode(decoder, Buffer.from("400000", "hex"));
  const at = (index: number) => decode(decoder, Buffer.concat([Buffer.of(0xff), Buffer.of(index - 127 + 128, 0)].slice(0, 2)));
  assert.equal(at(189).fields.list.length, 1);
  assert.throws(() => at(190), /an index past the table/);
});

test("after the limit was lowered a block must begin with a table size, even if it came before", () => {
  const decoder = newDecoder(options);
  for (let i = 0; i < 2; i++) decode(decoder, Buffer.of(0x82));
  decoder.setMaxTableBytes(100);
  assert.throws(() => decode(decoder, Buffer.of(0x82)), /no table size/);
});

test("a table size at or below the lowered limit will do", () => {
  const decoder = newDecoder(options);
  decoder.setMaxTableBytes(100);
  assert.equal(decode(decoder, Buffer.from("3f4582", "hex")).fields.list.length, 1);
  assert.equal(decode(decoder, Buffer.of(0x82)).fields.list.length, 1);
  assert.throws(() => decode(decoder, Buffer.from("3f46", "hex")), /a table size past the limit/);
});

test("a raised limit may be used, and need not be", () => {
  const decoder = newDecoder({ ...options, maxTableBytes: 64 });
  decoder.setMaxTableBytes(8192);
  decode(decoder, Buffer.of(0x82));
  decode(decoder, Buffer.from("3fe13f", "hex"));
  for (let i = 0; i < 200; i++) decode(decoder, literal(1, "")); // grows past what it began with
  assert.equal(decode(decoder, Buffer.from("fff900", "hex")).fields.list[0]?.name, ":authority"); // 248, of 195 entries
});

test("the field to be given apart is, and the rest is the same object each time, though the table turns over many times", () => {
  const peer = newPeer(4096);
  const decoder = newDecoder(options);
  const first = decode(decoder, peer.encode([...request, { name: "grpc-timeout", value: "1S" }]));
  assert.equal(first.apart, "1S");
  assert.deepEqual(
    first.fields.list.map(({ name, value }) => ({ name, value })),
    request,
  );
  for (let i = 0; i < 1000; i++) {
    const value = `${i * 997}u`;
    const block = decode(decoder, peer.encode([...request, { name: "grpc-timeout", value }]));
    assert.equal(block.apart, value);
    assert.equal(block.fields, first.fields);
  }
});

test("of two fields to be given apart the second stays in the list", () => {
  const block = decode(newDecoder(options), newPeer(4096).encode([...request, { name: "grpc-timeout", value: "1S" }, { name: "grpc-timeout", value: "2S" }]));
  assert.equal(block.apart, "1S");
  assert.deepEqual(block.fields.all("grpc-timeout"), ["2S"]);
});

test("lists that take turns keep their objects, up to four", () => {
  const peer = newPeer(4096);
  const decoder = newDecoder(options);
  const lists = [1, 2, 3, 4].map((i) => [...request, { name: "model", value: `m${i}` }]);
  const first = lists.map((list) => decode(decoder, peer.encode(list)).fields);
  for (let i = 0; i < 100; i++) {
    const timed = [...lists[(i * 7) % 4]!, { name: "grpc-timeout", value: `${i}m` }];
    assert.equal(decode(decoder, peer.encode(timed)).fields, first[(i * 7) % 4]);
  }
});

test("connections that say the same in literals share its fields", () => {
  const block = () => newPeer(4096).encode(request);
  const [a, b] = [decode(newDecoder(options), block()), decode(newDecoder(options), block())];
  a.fields.list.forEach((field, i) => void assert.equal(b.fields.list[i], field));
});

test("a sensitive field is never shared, and not the same as one that is not sensitive", () => {
  const encode = (how: "plain" | "never") => newPeer(4096).encode([{ name: "authorization", value: "Bearer 1", how }]);
  const decoder = newDecoder(options);
  for (const how of ["plain", "never", "plain", "never"] as const) {
    assert.equal(decode(decoder, encode(how)).fields.list[0]?.sensitive, how === "never");
  }
  const [mine, theirs] = [decode(decoder, encode("never")), decode(newDecoder(options), encode("never"))];
  assert.notEqual(mine.fields.list[0], theirs.fields.list[0]);
});

test("a list may be exactly as large as is allowed", () => {
  const value = "v".repeat(100);
  const block = newPeer(4096).encode([{ name: "x", value }]);
  assert.equal(decode(newDecoder({ ...options, maxListBytes: 133 }), block).tooLarge, false);
  const { tooLarge, fields } = decode(newDecoder({ ...options, maxListBytes: 132 }), block);
  assert.deepEqual([tooLarge, fields.list], [true, []]);
});

test("what is given apart counts too", () => {
  const block = newPeer(4096).encode([{ name: "grpc-timeout", value: "1S" }]);
  assert.equal(decode(newDecoder({ ...options, maxListBytes: 45 }), block).tooLarge, true);
});

test("a list too large is dropped, but the table is what the peer thinks it is", () => {
  const peer = newPeer(4096);
  const decoder = newDecoder({ ...options, maxListBytes: 200 });
  const long = Array.from({ length: 20 }, (_, i) => ({ name: "x", value: `value ${i}` }));
  assert.equal(decode(decoder, peer.encode([...long, { name: "y", value: "1", how: "plain" }])).tooLarge, true);
  const { fields, tooLarge } = decode(decoder, peer.encode(long.slice(16)));
  assert.equal(tooLarge, false);
  assert.deepEqual(
    fields.list.map(({ value }) => value),
    long.slice(16).map(({ value }) => value),
  );
});

for (const { name, bytes } of [
  { name: "whole fields", bytes: Buffer.alloc(64 * 1024, 0xbe) },
  { name: "names, in fields that no table takes", bytes: Buffer.from("0f2f00".repeat(20 * 1024), "hex") },
  { name: "names, in fields that enter the table", bytes: Buffer.from("7e00".repeat(30 * 1024), "hex") },
])
  test(`a bomb: a few bytes that repeat a long entry thousands of times cost no memory: ${name}`, () => {
    const decoder = newDecoder(options);
    const long = "n".repeat(4000);
    decode(decoder, Buffer.concat([Buffer.from("407fa11e", "hex"), Buffer.from(long), Buffer.of(0)]));
    assert.equal(decode(decoder, Buffer.of(0xbe)).fields.list[0]?.name, long);
    const before = process.memoryUsage().heapUsed;
    assert.equal(decode(decoder, bytes).tooLarge, true); // as text it is over 80 MB
    assert.ok(process.memoryUsage().heapUsed - before < 32 << 20);
  });

test("what is wrong with a block is seen past the limit of its list too", () => {
  const long = newPeer(4096).encode([{ name: "x", value: "v".repeat(100), how: "plain" }]);
  for (const [hex, want] of [
    ["0001", /a string cut short/],
    ["0f3000", /an index past the table/],
    ["00016182f8ff", /no Huffman code/],
    ["20", /a table size that is not at its start/],
  ] as const) {
    assert.throws(() => decode(newDecoder({ ...options, maxListBytes: 50 }), Buffer.concat([long, Buffer.from(hex, "hex")])), want);
  }
});

test("the same value under every name of the static table is a field of each", () => {
  const names = [...new Set(staticEntries.slice(1).map(({ field }) => field.name))];
  for (let i = 0; i < 20; i++) {
    for (const list of [names, [...names].reverse()]) {
      const block = newPeer(0).encode(list.map((name) => ({ name, value: `v${i}`, how: "plain" })));
      assert.deepEqual(
        decode(newDecoder(options), block).fields.list.map((field) => [field.name, field.value]),
        list.map((name) => [name, `v${i}`]),
      );
    }
  }
});

test("a table keeps its order, however it grows and turns", () => {
  // Long entries push each other out before there are many; short ones then fill the same ring past its first slots.
  const sizes = fc
    .tuple(
      fc.array(fc.integer({ min: 200, max: 400 }), { maxLength: 40, size: "max" }),
      fc.array(fc.integer({ min: 3, max: 30 }), { maxLength: 100, size: "max" }),
    )
    .map(([long, short]) => [...long, ...short]);
  fc.assert(
    fc.property(sizes, (lengths) => {
      const decoder = newDecoder(options);
      const reference = newReference(4096);
      for (const [i, length] of lengths.entries()) {
        const block = newPeer(0).encode([{ name: "x", value: `${i}`.padEnd(length, "v"), huffman: false }]);
        decode(decoder, block);
        reference.decode(block);
      }
      const all = Buffer.concat(reference.table.map((_, i) => (i < 65 ? Buffer.of(0x80 | (62 + i)) : Buffer.of(0xff, i - 65))));
      assert.deepEqual(
        decode(decoder, all).fields.list.map((field) => [field.name, field.value]),
        reference.table,
      );
    }),
  );
});
