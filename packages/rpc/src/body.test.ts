import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Code } from "@tfs/std";
import { type Body, collectBody } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import { fieldsOf } from "./fields.ts";
import { newBudget } from "./http2/index.ts";

/** Sent is a body on its way: `say` and `end` are the client's doing. */
interface Sent {
  readonly body: Body;
  readonly consumed: () => number;
  say(bytes: Uint8Array): void;
  end(): void;
  leave(): void;
}

function send(maxBytes: number, options: Parameters<typeof collectBody>[2] = {}, announced?: number): Sent {
  let consumed = 0;
  const exchange = {
    fields: announced === undefined ? fieldsOf() : fieldsOf(["content-length", String(announced)]),
    consumed: (bytes: number) => (consumed += bytes),
  } as unknown as Exchange; // what collectBody uses of one
  const body = collectBody(exchange, maxBytes, options);
  const { handler } = exchange;
  return {
    body,
    consumed: () => consumed,
    say(bytes) {
      const buffer = Buffer.concat([Buffer.of(1, 2), bytes]);
      handler.onData(buffer, 2, buffer.length, false, false);
      buffer.fill(0xff); // a read buffer is used again
    },
    end: () => handler.onEnd(undefined),
    leave: () => handler.onReset(8),
  };
}

const refused = (text: RegExp) => (err: { readonly code: Code; readonly message: string }) => err.code === Code.ResourceExhausted && text.test(err.message);
const bytes = (length: number, seed = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => i * seed);

for (const announced of [undefined, 300_000, 10])
  test(`body: pieces of any size come together, announced as ${announced}`, async () => {
    const sent = send(1 << 20, {}, announced);
    let settled = 0;
    const whole = sent.body.whole();
    const before = sent.body.onSettled;
    sent.body.onSettled = () => {
      settled++;
      before();
    };
    const want = bytes(300_000, 7);
    for (let at = 0, size = 1; at < want.length; at += size, size = (size * 3) % 70_000) sent.say(want.subarray(at, at + size));
    assert.equal(sent.body.settled, false);
    sent.end();
    assert.deepEqual([sent.body.settled, settled], [true, 1]);
    assert.deepEqual(new Uint8Array(await whole), want);
    assert.deepEqual(new Uint8Array(sent.body.take()), want);
    assert.equal(sent.consumed(), want.length);
  });

test("body: a client that leaves settles it, before the end and after", async () => {
  const early = send(100);
  let gone = 0;
  early.body.onGone = () => gone++;
  const whole = early.body.whole();
  early.leave();
  await assert.rejects(whole, { code: Code.Canceled });
  assert.throws(() => early.body.take(), { code: Code.Canceled });
  const late = send(100);
  late.body.onGone = () => gone++;
  late.end();
  assert.equal(late.body.take().length, 0);
  late.leave();
  assert.equal(gone, 2);
});

test("body: all that are in memory share a budget; one that does not fit is refused, dropped, and what it took is free again", () => {
  const budget = newBudget(1000);
  const [a, b] = [send(600, { budget }), send(600, { budget })];
  a.say(bytes(600));
  b.say(bytes(400));
  assert.equal(budget.heldBytes, 1000);
  b.say(bytes(1));
  assert.throws(() => b.body.take(), refused(/^the bodies of requests in flight are larger than 1000 bytes together$/));
  assert.equal(budget.heldBytes, 600);
  b.say(bytes(100));
  b.end();
  assert.deepEqual([budget.heldBytes, b.consumed()], [600, 501]);
  a.end();
  assert.equal(a.body.take().length, 600);
  a.body.release();
  a.body.release();
  b.body.release();
  assert.equal(budget.heldBytes, 0);
});

for (const end of ["released while it comes", "released after it came", "left by its client", "refused for its size"] as const)
  test(`body: one that is ${end} holds nothing of the budget afterwards`, () => {
    const budget = newBudget(1000);
    const sent = send(500, { budget });
    sent.say(bytes(300));
    if (end === "released while it comes") sent.body.release();
    else if (end === "released after it came") {
      sent.end();
      sent.body.release();
    } else if (end === "left by its client") sent.leave();
    else sent.say(bytes(201));
    assert.equal(budget.heldBytes, 0);
    sent.say(bytes(100));
    assert.equal(budget.heldBytes, 0);
  });

test("body: memory that was released is not seen through the next one, which may be shorter", () => {
  for (let i = 0; i < 20; i++) {
    const size = 100_000 - i * 1000;
    const sent = send(1 << 20, {}, size);
    sent.say(bytes(size, i));
    sent.end();
    const taken = sent.body.take();
    assert.equal(taken.length, size);
    assert.deepEqual(new Uint8Array(taken), bytes(size, i));
    sent.body.release();
  }
});

test("body: two at a time never share memory", () => {
  const one = send(1 << 20, {}, 100_000);
  one.end();
  one.body.release();
  const [a, b] = [send(1 << 20, {}, 100_000), send(1 << 20, {}, 100_000)];
  a.say(bytes(100_000, 3));
  b.say(bytes(100_000, 5));
  a.end();
  b.end();
  assert.deepEqual(new Uint8Array(a.body.take()), bytes(100_000, 3));
});

test("body: gunzipped gives the plain bytes up to a limit, and nothing for what is no gzip or is cut off", async () => {
  const plain = bytes(200_000, 3);
  const packed = gzipSync(plain);
  const rows: [name: string, sent: Uint8Array, max: number, want: Uint8Array | undefined][] = [
    ["exactly as large as the limit", packed, plain.length, plain],
    ["one byte larger", packed, plain.length - 1, undefined],
    ["cut off", packed.subarray(0, -1), plain.length, undefined],
    ["no gzip", plain, plain.length, undefined],
    ["nothing", new Uint8Array(0), plain.length, undefined],
  ];
  for (const [name, data, max, want] of rows) {
    const sent = send(1 << 20);
    sent.say(data);
    sent.end();
    const got = await sent.body.gunzipped(max);
    assert.deepEqual(got === undefined ? undefined : new Uint8Array(got), want, name);
  }
});

test("body: what a gzipped one grows to counts, and a bomb is refused before it has grown", async () => {
  const budget = newBudget(1 << 20);
  const bomb = send(1 << 20, { budget });
  bomb.say(gzipSync(new Uint8Array(64 << 20)));
  bomb.end();
  const held = budget.heldBytes;
  await assert.rejects(bomb.body.gunzipped(100 << 20), refused(/larger than 1048576 bytes together/));
  assert.ok(held < 100_000);
  assert.equal(budget.heldBytes, 0);
  const small = send(1 << 20, { budget });
  small.say(gzipSync(new Uint8Array(100_000)));
  small.end();
  assert.equal((await small.body.gunzipped(100 << 20))?.length, 100_000);
  assert.ok(budget.heldBytes > 100_000);
  small.body.release();
  assert.equal(budget.heldBytes, 0);
});
