import type { Exchange, ExchangeHandler } from "../exchange.ts";
import type { Fields } from "../fields.ts";
import type { Peer } from "../peer.ts";
import type { Head } from "./head.ts";

/** Carrier is the connection as its requests need it. It leaves calls without effect that come from a request it is done with. */
export interface Carrier {
  readonly peer: Peer;
  respond(request: Request, fields: Fields, end: boolean): void;
  write(request: Request, bytes: Uint8Array): boolean;
  end(request: Request, trailers: Fields | undefined): void;
  reset(request: Request): void;
  consumed(request: Request, bytes: number): void;
}

/** newRequest makes the handle that a handler has on one request. */
export function newRequest(carrier: Carrier, head: Head): Request {
  return new Request(carrier, head);
}

const silent: ExchangeHandler = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

class Request implements Exchange {
  readonly wire = "http1";
  readonly fields: Fields;
  readonly timeout: string | undefined;
  handler: ExchangeHandler = silent;
  responded = false;
  readonly #carrier: Carrier;

  constructor(carrier: Carrier, head: Head) {
    this.#carrier = carrier;
    this.fields = head.fields;
    this.timeout = head.timeout;
  }

  get peer(): Peer {
    return this.#carrier.peer;
  }

  respond(fields: Fields, end = false): void {
    this.#carrier.respond(this, fields, end);
  }

  write(bytes: Uint8Array): boolean {
    return this.#carrier.write(this, bytes);
  }

  end(trailers?: Fields): void {
    this.#carrier.end(this, trailers);
  }

  reset(): void {
    this.#carrier.reset(this);
  }

  consumed(bytes: number): void {
    this.#carrier.consumed(this, bytes);
  }
}
export type { Request };
