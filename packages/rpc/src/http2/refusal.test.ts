// Requests that are refused by their fields: nobody hears of them, and whatever else of them comes, however it is cut into reads, is dealt with as that of any request which has its answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeClock } from "@tfs/std/testing";
import { fieldsOf } from "../fields.ts";
import type { ListenerLimits } from "../limits.ts";
import { encodeFrame, encodeHeaders, uint32 } from "../testing/index.ts";
import { flag, frame } from "./frame.ts";
import { reaction, request, type Setup, withServer } from "./testing/index.ts";

const busy = fieldsOf([":status", "503"]);
const refuse: Setup["refuse"] = (fields) => (fields.get(":path") === "/taken" ? undefined : busy);
const open = (stream: number, more: Readonly<Record<string, string>> = {}): Buffer => request(stream, "/", flag.endHeaders, more);
const whole = (stream: number, path = "/"): Buffer => request(stream, path);
const data = (stream: number, bytes: number, flags = 0): Buffer => encodeFrame(frame.data, flags, stream, Buffer.alloc(bytes));
const last = (stream: number, bytes = 5): Buffer => data(stream, bytes, flag.endStream);
const reset = (stream: number): Buffer => encodeFrame(frame.reset, 0, stream, uint32(8));
const trailers = (stream: number): Buffer => encodeFrame(frame.headers, flag.endHeaders | flag.endStream, stream, encodeHeaders({ "x-t": "1" }));
const each = <T>(count: number, make: (stream: number) => T): T[] => Array.from({ length: count }, (_, i) => make(2 * i + 1));

interface Row {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly limits?: Partial<ListenerLimits>;
  readonly want: string;
}

const rows: readonly Row[] = [
  { name: "one without a body", frames: [whole(1)], want: "1 answered" },
  { name: "one with a body", frames: [open(1), last(1)], want: "1 answered" },
  { name: "one with an empty body", frames: [open(1), last(1, 0)], want: "1 answered" },
  { name: "one whose body comes in pieces", frames: [open(1), data(1, 9), data(1, 9), last(1)], want: "1 answered" },
  { name: "one whose body is padded", frames: [open(1), encodeFrame(frame.data, flag.padded | flag.endStream, 1, Buffer.of(2, 7, 0, 0))], want: "1 answered" },
  { name: "one with trailers", frames: [open(1), data(1, 9), trailers(1)], want: "1 answered" },
  { name: "one with trailers and no body", frames: [open(1), trailers(1)], want: "1 answered" },
  {
    name: "several at once, whose bodies come in another order",
    frames: [open(1), open(3), open(5), last(3), last(1), last(5)],
    want: "1 answered, 3 answered, 5 answered",
  },
  { name: "the next one is taken", frames: [open(1), last(1), whole(3, "/taken")], want: "1 answered, 3 answered" },
  { name: "one is taken in between", frames: [open(1), whole(3, "/taken"), last(1)], want: "1 answered, 3 answered" },
  {
    name: "PING and WINDOW_UPDATE in between",
    frames: [open(1), encodeFrame(frame.window, 0, 1, uint32(5)), encodeFrame(frame.window, 0, 0, uint32(5)), last(1)],
    want: "1 answered",
  },
  {
    name: "who is told and sends no more need not",
    frames: each(20, (id) => [open(id), reset(id)]).flat(),
    limits: { resetBurst: 5 },
    want: each(20, (id) => `${id} answered`).join(", "),
  },
  { name: "DATA after the end", frames: [open(1), last(1), data(1, 1)], want: "1 answered, 1 STREAM_CLOSED" },
  { name: "HEADERS after the end", frames: [open(1), last(1), whole(1)], want: "connection STREAM_CLOSED" },
  {
    name: "WINDOW_UPDATE and RST_STREAM after the end are no fault",
    frames: [open(1), last(1), encodeFrame(frame.window, 0, 1, uint32(5)), reset(1)],
    want: "1 answered",
  },
  { name: "as much as was announced", frames: [open(1, { "content-length": "5" }), last(1)], want: "1 answered" },
  { name: "less than was announced", frames: [open(1, { "content-length": "6" }), last(1)], want: "1 answered, 1 PROTOCOL_ERROR" },
  { name: "more than was announced", frames: [open(1, { "content-length": "4" }), last(1)], want: "1 answered, 1 PROTOCOL_ERROR" },
  { name: "a malformed one is not answered", frames: [request(1, "/", flag.endHeaders, { connection: "close" })], want: "1 PROTOCOL_ERROR" },
  { name: "one more than may be open", frames: [open(1), open(3), open(5)], limits: { streams: 2 }, want: "1 answered, 3 answered, 5 REFUSED_STREAM" },
];
for (const { name, frames, limits = {}, want } of rows)
  for (const oneByOne of [false, true])
    test(`refused${oneByOne ? ", each frame read by itself" : ""}: ${name}`, () =>
      withServer({ limits, refuse }, async ({ raw, heard }) => {
        if (oneByOne) {
          for (const part of frames) {
            raw.send(part);
            await reaction(raw);
          }
        } else raw.send(...frames);
        assert.equal(await reaction(raw), want);
        assert.deepEqual(
          heard.filter((line) => !line.startsWith("/taken")),
          [],
        );
      }));

test("refused: one that does not end is reset after a while", async () => {
  const clock = fakeClock();
  await withServer({ clock, refuse }, async ({ raw }) => {
    raw.send(open(1), data(1, 9));
    assert.equal(await reaction(raw), "1 answered");
    await clock.advance(1000);
    assert.equal(await reaction(raw), "1 answered, 1 NO_ERROR");
  });
});
