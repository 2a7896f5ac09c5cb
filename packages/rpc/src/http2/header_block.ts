import { flag, h2 } from "./frame.ts";

/** Frames that carry nothing cost us and not their sender: a block may have this many. */
const framesMax = 64;

/** newHeaderBlock takes blocks of at most maxBytes, compressed. */
export function newHeaderBlock(maxBytes: number): HeaderBlock {
  return new HeaderBlock(maxBytes);
}

/** HeaderBlock is a header block that comes in HEADERS and any number of CONTINUATION frames (RFC 9113, section 4.3). */
class HeaderBlock {
  readonly #maxBytes: number;
  /** stream is the one whose block is incomplete; 0 if none is. */
  stream = 0;
  endStream = false;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  begin(stream: number, flags: number, buffer: Buffer, start: number, end: number): void {
    this.stream = stream;
    this.endStream = (flags & flag.endStream) !== 0;
    this.#parts = [Buffer.from(buffer.subarray(start, end))];
    this.#bytes = end - start;
  }

  /** add gives an error code if there is too much of it, else 0. */
  add(buffer: Buffer, start: number, end: number): number {
    this.#bytes += end - start;
    if (this.#bytes > this.#maxBytes || this.#parts.length >= framesMax) return h2.calm;
    this.#parts.push(Buffer.from(buffer.subarray(start, end)));
    return h2.noError;
  }

  /** take gives the whole block and is empty again. */
  take(): Buffer {
    const whole = Buffer.concat(this.#parts, this.#bytes);
    this.stream = 0;
    this.#parts = [];
    return whole;
  }
}
export type { HeaderBlock };
