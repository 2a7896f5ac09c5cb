import { flag, h2 } from "./frame.ts";

/** HeaderBlock is a header block that comes in HEADERS and any number of CONTINUATION frames (RFC 9113, section 4.3). */
export interface HeaderBlock {
  /** stream is the one whose block is incomplete; 0 if none is. */
  readonly stream: number;
  readonly endStream: boolean;
  begin(stream: number, flags: number, buffer: Buffer, start: number, end: number): void;
  /** add gives an error code if there is too much of it, else 0. */
  add(buffer: Buffer, start: number, end: number): number;
  /** take gives the whole block and is empty again. */
  take(): Buffer;
}

/** Frames that carry nothing cost us and not their sender: a block may have this many. */
const framesMax = 64;

/** newHeaderBlock takes blocks of at most maxBytes, compressed. */
export function newHeaderBlock(maxBytes: number): HeaderBlock {
  let stream = 0;
  let endStream = false;
  let parts: Buffer[] = [];
  let bytes = 0;
  return {
    get stream() {
      return stream;
    },
    get endStream() {
      return endStream;
    },
    begin(id, flags, buffer, start, end) {
      stream = id;
      endStream = (flags & flag.endStream) !== 0;
      parts = [Buffer.from(buffer.subarray(start, end))];
      bytes = end - start;
    },
    add(buffer, start, end) {
      bytes += end - start;
      if (bytes > maxBytes || parts.length >= framesMax) return h2.calm;
      parts.push(Buffer.from(buffer.subarray(start, end)));
      return h2.noError;
    },
    take() {
      const whole = Buffer.concat(parts, bytes);
      stream = 0;
      parts = [];
      return whole;
    },
  };
}
