// node:http2 at the other end of a real connection: what it encodes we read as it meant it, and what we encode it reads as we meant it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders, sensitiveHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { fieldsOf, newField, newFields } from "../fields.ts";
import { encodeFrame, frameFlag, frameType, type Raw, rawClient, rawServer, uint32 } from "../testing/index.ts";
import { type Block, encodeFields, newDecoder } from "./index.ts";

/** Every char that an HTTP/2 value may have, not at the ends, where space may not be. */
const inner = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).filter((c) => c === "\t" || (c >= " " && c !== "\x7f"));
const outer = inner.filter((c) => c !== "\t" && c !== " ");
const value = fc
  .tuple(fc.constantFrom("", ...outer), fc.string({ unit: fc.constantFrom(...inner), maxLength: 60 }), fc.constantFrom(...outer))
  .map(([first, middle, last]) => (first === "" ? "" : first + middle + last));
const name = fc.constantFrom("x-a", "x-b", "user-agent", "accept", "authorization", "grpc-timeout", "x-some-longer-name", "cache-control");
const sparse = fc.dictionary(name, fc.oneof(value, fc.constantFrom("1", "2", "gzip, deflate")), { maxKeys: 6 });
const headers = fc.array(fc.tuple(sparse, fc.subarray(["x-a", "authorization"])), { minLength: 1, maxLength: 20 });

const pairsOf = (of: IncomingHttpHeaders | Readonly<Record<string, string>>): readonly (readonly [string, unknown])[] =>
  Object.entries(of).map(([n, v]) => [n, v]);
/** blockOf reads the block in a HEADERS frame without padding; these are short enough for one frame. */
function read(decoder: { decode(buffer: Buffer, start: number, end: number): Block }, payload: Buffer, flags: number): Block {
  assert.equal(flags & 0x28, 0, "neither padding nor priority");
  return decoder.decode(payload, 0, payload.length);
}
const sizeSetting = (bytes: number) => Buffer.concat([Buffer.of(0, 1), uint32(bytes)]);

for (const tableBytes of [4096, 0, 200, 65_536])
  test(`node's requests and our responses, when we allow it a table of ${tableBytes} bytes`, async () => {
    let serve: (peer: Raw) => void = () => {};
    using server = await rawServer((peer) => serve(peer), sizeSetting(tableBytes));
    await fc.assert(
      fc.asyncProperty(headers, async (requests) => {
        const decoder = newDecoder({ maxTableBytes: 4096, maxListBytes: 1 << 20, kind: "request" });
        const got: Block[] = [];
        let seen = 0;
        serve = (peer) => {
          peer.socket.setNoDelay();
          peer.socket.on("data", () => {
            for (; seen < peer.frames.length; seen++) {
              const { type, flags, stream, payload } = peer.frames[seen]!;
              if (type === frameType.settings && (flags & frameFlag.ack) !== 0) decoder.setMaxTableBytes(tableBytes);
              if (type !== frameType.headers) continue;
              const block = read(decoder, payload, flags);
              got.push(block);
              const answer = newFields([newField(":status", "200"), ...block.fields.list.filter((field) => field.name.charCodeAt(0) !== 0x3a)]);
              peer.send(encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, stream, encodeFields(answer)));
            }
          });
        };
        const session: ClientHttp2Session = connect(`http://127.0.0.1:${server.port}`);
        try {
          await once(session, "remoteSettings");
          const answers = requests.map(async ([list, sensitive]) => {
            const all: OutgoingHttpHeaders = { ":method": "POST", ":path": "/p", ...list };
            const stream = session.request({ ...all, [sensitiveHeaders]: sensitive } as OutgoingHttpHeaders, { endStream: true });
            const [answer] = (await once(stream.resume(), "response")) as [IncomingHttpHeaders];
            return pairsOf(answer).filter(([n]) => n !== ":status");
          });
          assert.deepEqual(
            await Promise.all(answers),
            requests.map(([list]) => pairsOf(list)),
          );
        } finally {
          session.destroy();
        }
        const regular = got.map(({ fields }) => fields.list.filter((field) => field.name.charCodeAt(0) !== 0x3a));
        assert.deepEqual(
          regular.map((list) => list.map((field) => [field.name, field.value])),
          requests.map(([list]) => pairsOf(list)),
        );
        regular.forEach((list, i) => {
          for (const field of list) if (requests[i]![1].includes(field.name)) assert.ok(field.sensitive, field.name);
        });
        assert.ok(got.every(({ malformed }) => malformed === undefined));
      }),
      { numRuns: 15 },
    );
  });

test("our requests and node's responses", async () => {
  const server = createServer();
  server.on("stream", (stream, received) => {
    const back = Object.fromEntries(pairsOf(received).filter(([n]) => !n.startsWith(":"))) as OutgoingHttpHeaders;
    stream.respond({ ":status": 200, ...back }, { endStream: true, sendDate: false } as never);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const peer = rawClient((server.address() as AddressInfo).port);
  peer.socket.setNoDelay();
  const decoder = newDecoder({ maxTableBytes: 4096, maxListBytes: 1 << 20, kind: "response" });
  let seen = 0;
  let stream = 1;
  try {
    await fc.assert(
      fc.asyncProperty(headers, async (requests) => {
        for (const [list, sensitive] of requests) {
          const fields = newFields([
            ...fieldsOf([":method", "POST"], [":scheme", "http"], [":path", "/p"], [":authority", "a"]).list,
            ...Object.entries(list).map(([n, v]) => newField(n, v, sensitive.includes(n))),
          ]);
          peer.send(encodeFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, stream, encodeFields(fields)));
          await peer.until((frame) => frame.type === frameType.headers && frame.stream === stream);
          stream += 2;
          while (peer.frames[seen]!.type !== frameType.headers) seen++;
          const { payload, flags } = peer.frames[seen++]!;
          const block = read(decoder, payload, flags);
          assert.equal(block.malformed, undefined);
          assert.deepEqual(
            block.fields.list.filter((field) => field.name !== ":status" && field.name !== "date").map((field) => [field.name, field.value]),
            pairsOf(list),
          );
        }
      }),
      { numRuns: 20 },
    );
  } finally {
    peer.socket.destroy();
    await peer.closed;
    await new Promise((resolve) => server.close(resolve));
  }
});
