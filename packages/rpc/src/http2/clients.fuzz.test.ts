// The same bytes go to a client of ours and to one of node:http2, each with three calls under way: what they hear must be alike, as in servers.fuzz.test.ts.
import assert from "node:assert/strict";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { after, before, test } from "node:test";
import { discard, systemClock } from "@tfs/std";
import fc from "fast-check";
import { newChannel } from "../index.ts";
import { fieldsFrom, frameType, type Raw, rawServer } from "../testing/index.ts";
import { h2 } from "./frame.ts";
import { change, differencesIn, mutate, whole } from "./testing/mutations.ts";
import { cut, sizes, steps, write } from "./testing/script.ts";
import { isFarewell, isGoaway, say, turns } from "./testing/speaker.ts";

const short = process.env["TFS_SHORT"] === "1";
const seed = short ? { seed: 20_261_126 } : {};
const calls = 3;

/** Heard is what a caller has heard. */
interface Heard {
  fields: string;
  bytes: number;
  end: string;
}
/** Outcome is what became of the calls, and of the connection. */
interface Outcome {
  readonly heard: readonly Heard[];
  readonly closed: boolean;
  /** codes are those of resets that the client sent, but for NO_ERROR. */
  readonly codes: readonly number[];
}

const request = { ":method": "POST", ":scheme": "http", ":path": "/", ":authority": "a" };
const nothing = (): Heard[] => Array.from({ length: calls }, () => ({ fields: "", bytes: 0, end: "" }));
const pairs = (list: readonly string[]): string => Array.from({ length: list.length / 2 }, (_, i) => `${list[2 * i]}: ${list[2 * i + 1]}`).join();

let server: Awaited<ReturnType<typeof rawServer>>;
let arrived: (peer: Raw) => void = () => {};
before(async () => {
  server = await rawServer((peer) => arrived(peer));
});
after(() => server[Symbol.dispose]());

/** talk answers the calls that `start` makes with the pieces. */
async function talk(pieces: readonly Uint8Array[], start: (heard: Heard[]) => () => Promise<void>): Promise<Outcome> {
  const came = new Promise<Raw>((resolve) => {
    arrived = resolve;
  });
  const heard = nothing();
  const stop = start(heard);
  const peer = await came;
  await peer.until((frame) => frame.type === frameType.headers && frame.stream === 2 * calls - 1);
  let gone = false;
  void peer.closed.then(() => {
    gone = true;
  });
  const count = (): number => heard.reduce((sum, one) => sum + one.fields.length + one.bytes + one.end.length, 0);
  await say(
    peer.socket,
    pieces,
    () => peer.frames.length * 1000 + count() + (gone ? 0.5 : 0),
    () => gone || peer.frames.some(isFarewell),
  );
  const closed = gone || peer.frames.some(isGoaway);
  const codes = peer.frames.filter(({ type }) => type === frameType.rstStream).map(({ payload }) => payload.readUInt32BE(0));
  const outcome = { heard: structuredClone(heard), closed, codes: codes.filter((code) => code !== 0) };
  await stop();
  peer.socket.destroy();
  await turns(2);
  return outcome;
}

function ours(heard: Heard[]): () => Promise<void> {
  const channel = newChannel({ address: `127.0.0.1:${server.port}`, clock: systemClock(), logger: discard() });
  for (const mine of heard) {
    const call = channel.open(
      fieldsFrom(request),
      {
        onHeaders: (fields) => void (mine.fields = fields.list.map(({ name, value }) => `${name}: ${value}`).join()),
        onData(_buffer, start, end) {
          mine.bytes += end - start;
          call.consumed(end - start);
        },
        onEnd: (trailers) =>
          void (mine.end += `${trailers === undefined ? "" : `trailers ${trailers.list.map(({ name, value }) => `${name}: ${value}`).join()} `}end`),
        onError: () => void (mine.end = "failed"),
        onDrain() {},
      },
      { end: true },
    );
  }
  return () => channel.destroy();
}

function node(heard: Heard[]): () => Promise<void> {
  const session = connect(`http://127.0.0.1:${server.port}`);
  session.on("error", () => {}); // its streams tell
  for (const mine of heard) {
    const stream = session.request(request, { endStream: true });
    stream.on("response", (_headers: IncomingHttpHeaders, _flags: number, raw: unknown) => void (mine.fields = pairs(raw as readonly string[])));
    stream.on("data", (chunk: Buffer) => void (mine.bytes += chunk.length));
    stream.on("trailers", (_headers: IncomingHttpHeaders, _flags: number, raw: unknown) => void (mine.end = `trailers ${pairs(raw as readonly string[])} `));
    stream.on("end", () => void (mine.end += "end"));
    stream.on("error", () => void (mine.end = "failed"));
    stream.on("close", () => void (stream.rstCode !== 0 && (mine.end = "failed")));
    stream.resume();
  }
  return async () => session.destroy();
}

/** verdict is how all of it went: for a call that failed it matters that it did. */
const failed = ({ heard, closed, codes }: Outcome): boolean => closed || codes.length > 0 || heard.some(({ end }) => end === "failed");

test("clients: valid sequences, however they are cut, are heard alike", () =>
  fc.assert(
    fc.asyncProperty(steps, sizes, async (list, cuts) => {
      const pieces = cut(Buffer.concat(write(list, "server", calls)), cuts);
      const [mine, its] = [await talk(pieces, ours), await talk(pieces, node)];
      assert.deepEqual(
        mine.heard.map((one) => (one.end === "failed" ? "failed" : one)),
        its.heard.map((one) => (one.end === "failed" ? "failed" : one)),
      );
      assert.deepEqual([mine.closed, mine.codes], [false, []]);
      assert.deepEqual([its.closed, its.codes], [false, []]);
    }),
    { ...seed, numRuns: short ? 200 : 2_000 },
  ));

test("clients: sequences with bytes changed are borne by both or by neither", () =>
  fc.assert(
    fc.asyncProperty(steps, fc.array(change, { minLength: 1, maxLength: 3 }), sizes, async (list, changes, cuts) => {
      const bytes = whole(changes.reduce(mutate, Buffer.concat(write(list, "server", calls))));
      const pieces = cut(bytes, cuts);
      const [mine, its] = [await talk(pieces, ours), await talk(pieces, node)];
      if (!failed(mine) && !failed(its)) assert.deepEqual(mine.heard, its.heard, bytes.toString("hex"));
      else if (failed(its) ? differencesIn(bytes).theirs : differencesIn(bytes).ours) return;
      // Section 8.2.1: an answer with a value that none may have is malformed; nghttp2 leaves the field out.
      else if (!failed(its)) assert.ok(!mine.closed && mine.codes.every((code) => code === h2.protocol), `${JSON.stringify(mine)}: ${bytes.toString("hex")}`);
      else assert.ok(failed(mine), `${JSON.stringify(its)} by nghttp2: ${bytes.toString("hex")}`);
    }),
    { ...seed, numRuns: short ? 300 : 3_000 },
  ));
