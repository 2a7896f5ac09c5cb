import type { Fields } from "./fields.ts";
import type { Peer } from "./peer.ts";

/** Arrival is what is known of a request once its fields have come. */
export type Arrival = Pick<Exchange, "wire" | "fields" | "peer">;

/**
 * Exchange is one request and its answer as the side that serves it sees them, on HTTP/2 or HTTP/1.1 alike. Whoever is handed one sets `handler` in the same
 * turn, and answers with respond, write … end; or respond(fields, true). After the end, a reset, or handler.onReset every further call does nothing.
 */
export interface Exchange {
  readonly wire: "http1" | "http2";
  /** fields are the request's, with :method, :scheme, :authority and :path first, also over HTTP/1.1; without the one in `timeout`. */
  readonly fields: Fields;
  /** timeout is the value of grpc-timeout, which differs from request to request where all else is the same. */
  readonly timeout: string | undefined;
  readonly peer: Peer;
  handler: ExchangeHandler;
  /** responded tells whether respond was called. */
  readonly responded: boolean;
  /** respond sends the response fields, :status first; with `end` they are the whole answer. */
  respond(fields: Fields, end?: boolean): void;
  /** write sends body bytes, which belong to the exchange from then on. False asks to wait for onDrain. */
  write(bytes: Uint8Array): boolean;
  /** end completes the answer, with trailers if there are any (over HTTP/1.1: in the last chunk, to clients that said `TE: trailers`). */
  end(trailers?: Fields): void;
  /** reset gives up: RST_STREAM with this code, or a closed connection. */
  reset(code: number): void;
  /** consumed says that so many of the bytes given to onData are done with, so that as many more may come. */
  consumed(bytes: number): void;
}

/** ExchangeHandler hears the rest of a request. Nothing comes after onReset. */
export interface ExchangeHandler {
  /**
   * Body bytes: buffer[start, end). They are the reader's again when this returns: copy what is to be kept. Each is owed one consumed(). `last`: the body is
   * known to end with them, and onEnd follows. `inPlace`: the nine bytes in front of them may be written over, as Stream.send can make use of.
   */
  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void;
  /** The request is complete. */
  onEnd(trailers: Fields | undefined): void;
  /** The peer is gone, or gave up with this HTTP/2 error code; nothing can be sent any more. */
  onReset(code: number): void;
  /** After a write that gave false: room again. */
  onDrain(): void;
}

/** ignoreBody lets a request's body pass unread; whoever calls it answers. `onReset` is the handler's. */
export function ignoreBody(exchange: Exchange, onReset: (code: number) => void = nothing): void {
  exchange.handler = new Ignoring(exchange, onReset);
}

class Ignoring implements ExchangeHandler {
  readonly #exchange: Exchange;
  readonly onReset: (code: number) => void;

  constructor(exchange: Exchange, onReset: (code: number) => void) {
    this.#exchange = exchange;
    this.onReset = onReset;
  }

  onData(_: Buffer, start: number, end: number): void {
    this.#exchange.consumed(end - start);
  }

  onEnd(): void {}
  onDrain(): void {}
}

function nothing(): void {}
