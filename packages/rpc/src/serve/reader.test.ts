import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { Code, type Failure, newError } from "@tfs/std";
import fc from "fast-check";
import { frameMessage } from "../frame.ts";
import { newReader, type Reader, type ReaderOptions } from "./reader.ts";

/** read makes a reader whose sink writes down what it hears; `hold` has it ask for one message at a time. */
function read(options: Partial<ReaderOptions> = {}, hold = false) {
  const heard: string[] = [];
  const ended = new EventTarget();
  let credit = 0;
  const reader: Reader = newReader(
    {
      onMessage(bytes, compressed) {
        if (Buffer.from(bytes).toString() === "bad") throw newError(Code.InvalidArgument, "bad");
        heard.push(`${compressed ? "~" : ""}${Buffer.from(bytes).toString("latin1")}`);
        return !hold;
      },
      onLast() {
        heard.push("end");
        ended.dispatchEvent(new Event("over"));
      },
      onFault(failure: Failure) {
        heard.push(`fault ${failure.code}`);
        ended.dispatchEvent(new Event("over"));
      },
      credit: (bytes) => void (credit += bytes),
    },
    { maxMessageBytes: 100, bare: false, encoding: undefined, plain: true, ...options },
  );
  return { reader, heard, over: once(ended, "over"), credit: () => credit };
}

const frames = (...messages: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat(messages.map((m) => (typeof m === "string" ? frameMessage(Buffer.from(m)) : frameMessage(m, true))));
const zipped = (text: string): Uint8Array => gzipSync(text);

const rows: readonly { readonly name: string; readonly options?: Partial<ReaderOptions>; readonly body: Buffer; readonly want: readonly string[] }[] = [
  { name: "messages and the end", body: frames("a", "", "bc"), want: ["a", "", "bc", "end"] },
  { name: "no message at all", body: frames(), want: ["end"] },
  { name: "a body cut within a message", body: frames("a", "bcd").subarray(0, 9), want: ["a", "fault 13"] },
  { name: "flags that are none", body: Buffer.of(2, 0, 0, 0, 0), want: ["fault 13"] },
  { name: "a message past the limit, by its length alone", body: Buffer.of(0, 0, 0, 0, 101), want: ["fault 8"] },
  {
    name: "compressed messages among others, in order",
    options: { encoding: "gzip" },
    body: frames(zipped("x"), "y", zipped("z")),
    want: ["x", "y", "z", "end"],
  },
  { name: "br too", options: { encoding: "br" }, body: frames(brotliCompressSync("x")), want: ["x", "end"] },
  { name: "a compressed message of no bytes", options: { encoding: "gzip" }, body: frames(new Uint8Array(0)), want: ["", "end"] },
  { name: "a compressed message without an encoding", body: frames(zipped("x")), want: ["fault 13"] },
  { name: "a bomb", options: { encoding: "gzip" }, body: frames(zipped("x".repeat(101))), want: ["fault 8"] },
  { name: "compressed messages as they came", options: { plain: false, encoding: "gzip" }, body: frames(Uint8Array.of(65), "y"), want: ["~A", "y", "end"] },
  { name: "a message that its taker refuses", body: frames("a", "bad", "c"), want: ["a", "fault 3"] },
  { name: "a bare body", options: { bare: true }, body: Buffer.from("abc"), want: ["abc", "end"] },
  { name: "an empty bare body", options: { bare: true, encoding: "gzip" }, body: Buffer.alloc(0), want: ["", "end"] },
  { name: "a compressed bare body", options: { bare: true, encoding: "gzip" }, body: Buffer.from(zipped("abc")), want: ["abc", "end"] },
  { name: "a bare body past the limit", options: { bare: true }, body: Buffer.alloc(101), want: ["fault 8"] },
];
for (const tc of rows) {
  for (const hold of [false, true]) {
    test(`reader: ${tc.name}${hold ? ", one at a time" : ""}`, async () => {
      const { reader, heard, over, credit } = read(tc.options, hold);
      let done = false;
      void over.then(() => (done = true));
      for (const byte of tc.body) reader.push(Buffer.of(byte), 0, 1, 1);
      reader.end();
      while (!done) {
        reader.resume();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(heard, tc.want);
      assert.equal(credit(), tc.body.length, "every byte is given back");
    });
  }
}

test("reader: while a message is held back, what comes gets no credit", () => {
  const { reader, heard, credit } = read({}, true);
  const first = frames("a", "b");
  reader.push(first, 0, first.length, first.length);
  const more = frames("c");
  reader.push(more, 0, more.length, more.length);
  assert.deepEqual([heard, credit()], [["a"], first.length]);
  reader.resume();
  assert.deepEqual([heard, credit()], [["a", "b"], first.length]);
  reader.resume();
  assert.deepEqual([heard, credit()], [["a", "b", "c"], first.length + more.length]);
});

test("reader: stopped, it hands on nothing and gives everything back", async () => {
  const { reader, heard, credit } = read({ encoding: "gzip" });
  const body = frames(zipped("x"), "y");
  reader.push(body, 0, body.length, body.length);
  reader.push(body, 0, body.length, body.length);
  reader.stop();
  reader.push(body, 0, body.length, body.length);
  reader.end();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([heard, credit()], [[], 3 * body.length]);
});

test("reader: any messages, compressed or not, cut anywhere, come out as they went in", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.string({ maxLength: 80 }), fc.boolean()), { maxLength: 6 }),
      fc.array(fc.nat(300), { maxLength: 6 }),
      async (messages, cuts) => {
        const texts = messages.map(([text]) => Buffer.from(text).toString("latin1")).filter((text) => text !== "bad");
        const body = Buffer.concat(
          messages.filter(([text]) => text !== "bad").map(([text, zip]) => frameMessage(zip ? gzipSync(text) : Buffer.from(text), zip)),
        );
        const { reader, heard, over } = read({ encoding: "gzip", maxMessageBytes: 1000 });
        let at = 0;
        for (const cut of [...cuts.filter((n) => n < body.length).sort((a, b) => a - b), body.length]) {
          reader.push(body, at, cut, cut - at);
          at = cut;
        }
        reader.end();
        await over;
        assert.deepEqual(heard, [...texts, "end"]);
      },
    ),
    { numRuns: 50 },
  );
});
