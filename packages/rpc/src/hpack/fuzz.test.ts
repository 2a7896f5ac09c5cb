import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, isFailure } from "@tfs/std";
import fc from "fast-check";
import { type Block, type Decoder, newDecoder } from "./index.ts";
import { type Header, newPeer, newReference, type Reference } from "./testing/index.ts";

const limitBytes = 300;
const options = { maxTableBytes: limitBytes, maxListBytes: 2000, kind: "request" } as const;

type Triple = readonly [name: string, value: string, sensitive: boolean];

/** outcome is the list that a decoder gives, "too large", or what it refuses. */
function outcome(decoder: Decoder, block: Buffer): readonly Triple[] | "too large" | "refused" {
  try {
    const { fields, tooLarge } = decoder.decode(block, 0, block.length);
    return tooLarge ? "too large" : fields.list.map(({ name, value, sensitive }) => [name, value, sensitive]);
  } catch (err) {
    assert.ok(isFailure(err) && err.code === Code.Internal, String(err));
    return "refused";
  }
}

function expected(reference: Reference, block: Buffer): readonly Triple[] | "too large" | "refused" {
  try {
    const list = reference.decode(block);
    return list.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0) > options.maxListBytes ? "too large" : list;
  } catch {
    return "refused";
  }
}

// Few names and values, so that fields come again; a table that few of them fit.
const name = fc.constantFrom(":path", ":method", "x", "y-longer-name", "content-type", "te");
const value = fc.oneof(
  fc.constantFrom("", "GET", "POST", "/", "trailers", "v".repeat(100)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
);
const header: fc.Arbitrary<Header> = fc.record({ name, value, how: fc.constantFrom("indexed", "plain", "never"), huffman: fc.boolean() });
const list = fc.array(header, { maxLength: 8 });
/** A history of one connection: lists out of a few, again and again, and table sizes in between. */
const history = fc
  .tuple(
    fc.array(list, { minLength: 1, maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(3), fc.option(fc.nat(limitBytes), { freq: 8 })), { maxLength: 30, size: "max" }),
  )
  .map(([lists, steps]) => steps.map(([i, tableBytes]) => ({ list: lists[i % lists.length]!, tableBytes })));

test("what a peer encodes is what it meant, whatever is remembered, on two connections at a time", () => {
  fc.assert(
    fc.property(history, history, (...histories) => {
      const sides = histories.map((steps) => ({ steps, peer: newPeer(limitBytes), decoder: newDecoder(options), reference: newReference(limitBytes) }));
      for (let i = 0; i < Math.max(...histories.map((steps) => steps.length)); i++) {
        for (const { steps, peer, decoder, reference } of sides) {
          const step = steps[i];
          if (step === undefined) continue;
          if (step.tableBytes !== null) peer.resize(step.tableBytes);
          const block = peer.encode(step.list);
          const meant = step.list.map((h) => [h.name, h.value, h.how === "never"]);
          assert.deepEqual(reference.decode(block), meant);
          assert.deepEqual(outcome(decoder, block), meant);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("what is given apart is what is missing, and no verdict depends on what is remembered", () => {
  const timed = fc.array(fc.tuple(fc.nat(3), fc.option(fc.constantFrom("1S", "2m", "3\n"))), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(list, { minLength: 1, maxLength: 4 }), timed, fc.nat(8), (lists, steps, place) => {
      const peer = newPeer(limitBytes);
      const decoder = newDecoder({ ...options, apart: "grpc-timeout" });
      for (const [i, timeout] of steps) {
        const rest = lists[i % lists.length]!;
        const all = timeout === null ? rest : [...rest.slice(0, place), { name: "grpc-timeout", value: timeout }, ...rest.slice(place)];
        const block = peer.encode(all);
        const got = decoder.decode(block, 0, block.length);
        assert.equal(got.apart, timeout ?? undefined);
        assert.deepEqual(
          got.fields.list.map((f) => [f.name, f.value, f.sensitive]),
          rest.map((h) => [h.name, h.value, h.how === "never"]),
        );
        const alone = newPeer(0).encode(all.map((h) => ({ ...h, how: "plain" as const })));
        const fresh: Block = newDecoder({ ...options, apart: "grpc-timeout" }).decode(alone, 0, alone.length);
        assert.equal(got.malformed, fresh.malformed);
      }
    }),
    { numRuns: 200 },
  );
});

test("blocks with bytes changed, cut or put in are refused or read as the RFC reads them, and the table stays right", () => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), how: fc.constantFrom("set", "cut", "insert", "drop", "none") });
  fc.assert(
    fc.property(fc.array(fc.tuple(list, change), { maxLength: 12 }), (steps) => {
      const peer = newPeer(limitBytes);
      const decoder = newDecoder(options);
      const reference = newReference(limitBytes);
      for (const [headers, { at, byte, how }] of steps) {
        const block = peer.encode(headers);
        const place = block.length === 0 ? 0 : at % block.length;
        const [before, after] = [block.subarray(0, place), block.subarray(place)];
        const changed = {
          set: () => Buffer.concat([before, Buffer.of(byte), after.subarray(1)]),
          cut: () => before,
          insert: () => Buffer.concat([before, Buffer.of(byte), after]),
          drop: () => Buffer.concat([before, after.subarray(1)]),
          none: () => block,
        }[how]();
        const want = expected(reference, changed);
        assert.deepEqual(outcome(decoder, changed), want, changed.toString("hex"));
        if (want === "refused") return; // the connection ends here
      }
    }),
    { numRuns: 2000 },
  );
});

test("random bytes are refused or read as the RFC reads them", () => {
  // Mostly bytes that mean something: small lengths, indices of both tables, sizes.
  const byte = fc.oneof(
    fc.nat(255),
    fc.nat(8),
    fc.integer({ min: 0x80, max: 0xc4 }),
    fc.integer({ min: 0x40, max: 0x48 }),
    fc.integer({ min: 0x20, max: 0x3e }),
  );
  const block = fc.array(byte, { maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 6 }), (blocks) => {
      const decoder = newDecoder(options);
      const reference = newReference(limitBytes);
      for (const bytes of blocks) {
        const want = expected(reference, bytes);
        assert.deepEqual(outcome(decoder, bytes), want, bytes.toString("hex"));
        if (want === "refused") return;
      }
    }),
    { numRuns: 5000 },
  );
});
