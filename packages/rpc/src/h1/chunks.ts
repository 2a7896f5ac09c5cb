// RFC 9112, section 7.1: a body in chunks, decoded where it lies.
import type { Fields } from "../fields.ts";
import { parseTrailers } from "./head.ts";

/** ChunkSink hears what is in the chunks. */
export interface ChunkSink {
  onChunk(buffer: Buffer, start: number, end: number): void;
}

/** A chunk's line, and all trailers together, may have this many bytes. */
const lineBytesMax = 1024;
const trailerBytesMax = 16 * 1024;

/** newChunks makes a decoder for one body. */
export function newChunks(sink: ChunkSink): Chunks {
  return new Chunks(sink);
}

class Chunks {
  readonly #sink: ChunkSink;
  /** done: the body has ended. */
  done = false;
  /** failed: what came is no chunked body. */
  failed = false;
  trailers: Fields | undefined = undefined;
  #state: "size" | "data" | "data end" | "trailers" = "size";
  #line = "";
  #left = 0;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** read takes bytes and gives the offset of the first that is not the body's. */
  read(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && !this.done && !this.failed) {
      if (this.#state === "data") {
        const length = Math.min(this.#left, end - at);
        this.#left -= length;
        if (this.#left === 0) this.#state = "data end";
        this.#sink.onChunk(buffer, at, at + length);
        at += length;
        continue;
      }
      const feed = buffer.indexOf(10, at);
      const stop = feed < 0 || feed >= end ? end : feed + 1;
      this.#line += buffer.toString("latin1", at, stop);
      at = stop;
      if (this.#line.length > (this.#state === "trailers" ? trailerBytesMax : lineBytesMax)) this.failed = true;
      else if (this.#line.endsWith("\n")) this.#onLine();
    }
    return at;
  }

  #onLine(): void {
    if (!this.#line.endsWith("\r\n") || (this.#state !== "trailers" && this.#line.indexOf("\r") < this.#line.length - 2)) {
      this.failed = true;
      return;
    }
    if (this.#state === "trailers") return void this.#onTrailerLine();
    const line = this.#line.slice(0, -2);
    this.#line = "";
    if (this.#state === "data end") {
      this.failed = line !== "";
      this.#state = "size";
      return;
    }
    // Extensions mean nothing to us, and must not hide anything: no control characters.
    const size = /^([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\x20-\x7e]*)?$/.exec(line);
    if (size === null) {
      this.failed = true;
      return;
    }
    this.#left = Number.parseInt(size[1]!, 16);
    this.#state = this.#left === 0 ? "trailers" : "data";
  }

  /** Trailers are kept until their empty line. */
  #onTrailerLine(): void {
    if (this.#line !== "\r\n" && !this.#line.endsWith("\r\n\r\n")) return;
    const trailers = parseTrailers(this.#line === "\r\n" ? "" : this.#line.slice(0, -4));
    if (trailers === undefined) this.failed = true;
    else if (trailers.list.length > 0) this.trailers = trailers;
    this.done = !this.failed;
    this.#line = "";
  }
}
export type { Chunks };
