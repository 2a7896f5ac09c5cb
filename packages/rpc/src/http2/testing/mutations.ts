// Bytes changed at random: what of it is still a sequence of frames, and what it means, is for the two sides to agree on.
import fc from "fast-check";
import { encodeFrame } from "../../testing/index.ts";
import { flag, frame, frameBytes } from "../frame.ts";

/** Change is what happens to one place of a sequence. */
export interface Change {
  readonly at: number;
  readonly byte: number;
  readonly how: string;
}

export const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  byte: fc.nat(255),
  how: fc.constantFrom("set", "flip", "insert", "drop", "cut", "twice"),
});
/** mutate changes a byte, or a few. */
export function mutate(bytes: Buffer, { at, byte, how }: Change): Buffer {
  const place = bytes.length === 0 ? 0 : at % bytes.length;
  const [front, back] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (how === "set") return Buffer.concat([front, Buffer.of(byte), back.subarray(1)]);
  if (how === "flip") return Buffer.concat([front, Buffer.of((back[0] ?? 0) ^ (1 << (byte & 7))), back.subarray(1)]);
  if (how === "insert") return Buffer.concat([front, Buffer.of(byte), back]);
  if (how === "drop") return Buffer.concat([front, back.subarray(1)]);
  return how === "cut" ? front : Buffer.concat([front, back.subarray(0, byte), back]);
}

/** whole completes a frame and a header block of which the end is missing: before that, who waits for it and who does not have nothing in common. */
export function whole(bytes: Buffer): Buffer {
  let at = 0;
  let block = 0; // the stream of one that has not ended
  while (at < bytes.length) {
    if (bytes.length - at < 9) return whole(bytes.subarray(0, at));
    const [type, flags, stream] = [bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5)];
    if (type === frame.headers || type === frame.continuation) block = (flags & flag.endHeaders) === 0 ? stream : 0;
    at += 9 + bytes.readUIntBE(at, 3);
  }
  return Buffer.concat([
    bytes,
    Buffer.alloc(Math.min(at - bytes.length, 20_000)),
    ...(block === 0 ? [] : [encodeFrame(frame.continuation, flag.endHeaders, block)]),
  ]);
}

/** Extensions that nghttp2 knows and judges; to us they are frames of an unknown type (section 4.1): ALTSVC, ORIGIN, PRIORITY_UPDATE. */
const extensions = [0x0a, 0x0c, 0x10];
/** nghttp2 takes no more parameters in one SETTINGS. */
const parametersMax = 32;

/** Differences are what the bytes hold that one of the two need not bear, and the other may. */
export interface Differences {
  /** What only we close for: PRIORITY on no stream (RFC 9113, section 6.3), and a frame past the largest size (section 4.2), which nghttp2 lets CONTINUATION have. */
  readonly ours: boolean;
  /**
   * What no section names an error, and nghttp2 or Node closes for: answers to a PING or SETTINGS never sent, a GOAWAY, extensions, very many parameters and such as
   * extensions define (RFC 8441, section 3; RFC 9218, section 2.1).
   */
  readonly theirs: boolean;
}

/** differencesIn looks for them in a sequence. */
export function differencesIn(bytes: Buffer): Differences {
  let ours = false;
  let theirs = false;
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const [length, type, flags, stream] = [bytes.readUIntBE(at, 3), bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5) & 0x7fffffff];
    const answer = (flags & flag.ack) !== 0 && (type === frame.ping || type === frame.settings);
    ours ||= (type === frame.priority && stream === 0) || length > frameBytes;
    theirs ||=
      answer || type === frame.goaway || extensions.includes(type) || (type === frame.settings && oddParameters(bytes.subarray(at + 9, at + 9 + length)));
  }
  return { ours, theirs };
}

function oddParameters(payload: Buffer): boolean {
  if (payload.length > 6 * parametersMax) return true;
  for (let at = 0; at + 6 <= payload.length; at += 6) if ([8, 9].includes(payload.readUInt16BE(at)) && payload.readUInt32BE(at + 2) > 1) return true;
  return false;
}
