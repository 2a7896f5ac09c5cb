// A client in debt with resets has its requests held until all that it said in one breath has been read: one that it takes back at once costs nobody more
// (CVE-2023-44487).
import type { Fields } from "../fields.ts";
import type { Session } from "./session.ts";
import type { Stream, StreamHandler } from "./stream.ts";

/** newHeld holds nothing. */
export function newHeld(session: Session): Held {
  return new Held(session);
}

class Held {
  readonly #session: Session;
  #requests: Request[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  /** any tells whether something is held. */
  get any(): boolean {
    return this.#requests.length > 0;
  }

  /** add holds a request that has begun. */
  add(stream: Stream): void {
    const request = new Request(stream);
    stream.handler = request;
    this.#requests.push(request);
  }

  /** release hands on what was not taken back. Call it at the end of each read: what is held is then no more than was read at once. */
  release(): void {
    const requests = this.#requests;
    this.#requests = [];
    for (const request of requests) if (!request.stream.over) this.#handOn(request);
  }

  #handOn({ stream, chunks, ended, trailers }: Request): void {
    stream.heard = false;
    this.#session.options.onStream!(stream);
    for (let i = 0; i < chunks.length && !stream.over; i++) {
      const last = ended && trailers === undefined && i === chunks.length - 1;
      if (last) stream.heard = true;
      stream.handler.onData(chunks[i]!, 0, chunks[i]!.length, last, false);
    }
    if (ended && !stream.over) this.#session.streams.heardEnd(stream, trailers);
  }
}
export type { Held };

/** Request is what has come of a request that is held. */
class Request implements StreamHandler {
  readonly stream: Stream;
  readonly chunks: Buffer[] = [];
  ended = false;
  trailers: Fields | undefined = undefined;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  onHeaders(): void {} // a server's stream has none to come

  onData(buffer: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.from(buffer.subarray(start, end)));
  }

  onEnd(trailers: Fields | undefined): void {
    this.ended = true;
    this.trailers = trailers;
  }

  onReset(): void {} // release passes it over

  onDrain(): void {}
}
