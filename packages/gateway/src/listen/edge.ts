// Data plane of all but gRPC proper: what is the same for REST, gRPC-Web and Connect is done around those who answer, who know nothing of it.
import { codeFromHttp } from "@tfs/rest";
import { type Exchange, type ExchangeHandler, type Fields, type Field, moreFields, newFields, type Opened, type Peer, type Stream, type Wire } from "@tfs/rpc";
import { type Clock, Code } from "@tfs/std";
import type { Meter, Model } from "../metrics/index.ts";

export interface EdgeOptions {
  /** adds are fields for the answer. */
  readonly adds: readonly Field[];
  /** opened gives more of them, given the answer's own. */
  readonly opened: Opened | undefined;
}

/** Counted says as what a call counts; its status is what the HTTP status says. */
export interface Counted {
  readonly meter: Meter;
  readonly model: Model;
  readonly clock: Clock;
}

/** edgeOf gives an exchange whose answer gets more fields, and that is counted if `counted` says how. What it is given is not to be used beside it. */
export function edgeOf(exchange: Exchange, options: EdgeOptions, counted?: Counted): Exchange {
  return new Edge(exchange, options, counted);
}

const unset: ExchangeHandler = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

class Edge implements Exchange, ExchangeHandler {
  readonly wire: "http1" | "http2";
  readonly fields: Fields;
  readonly timeout: string | undefined;
  readonly peer: Peer;
  readonly #exchange: Exchange;
  readonly #options: EdgeOptions;
  readonly #counted: Counted | undefined;
  readonly #began: number;
  #handler: ExchangeHandler = unset;
  #received = 0;
  #sent = 0;
  #code: Code = Code.Unknown;
  #over = false;

  constructor(exchange: Exchange, options: EdgeOptions, counted: Counted | undefined) {
    this.wire = exchange.wire;
    this.fields = exchange.fields;
    this.timeout = exchange.timeout;
    this.peer = exchange.peer;
    this.#exchange = exchange;
    this.#options = options;
    this.#counted = counted;
    this.#began = counted === undefined ? 0 : counted.clock.now();
    counted?.meter.begin();
    exchange.handler = this;
  }

  get handler(): ExchangeHandler {
    return this.#handler;
  }

  set handler(handler: ExchangeHandler) {
    this.#handler = handler;
  }

  get responded(): boolean {
    return this.#exchange.responded;
  }

  respond(fields: Fields, end = false): void {
    const { adds, opened } = this.#options;
    this.#code = codeFromHttp(Number(fields.get(":status")));
    const all = moreFields(fields, adds);
    this.#exchange.respond(opened === undefined ? all : newFields([...all.list, ...opened(all)]), end);
    if (end) this.#finish(this.#code);
  }

  write(bytes: Uint8Array): boolean {
    this.#sent += bytes.length;
    return this.#exchange.write(bytes);
  }

  /** session and send are a Stream's: over HTTP/2 what is passed on leaves from where it lies, with an edge too. */
  get session(): Stream["session"] {
    return (this.#exchange as Stream).session;
  }

  send(wire: Wire, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): boolean {
    this.#sent += end - start;
    const room = (this.#exchange as Stream).send(wire, buffer, start, end, last, inPlace);
    if (last) this.#finish(this.#code);
    return room;
  }

  end(trailers?: Fields): void {
    this.#exchange.end(trailers);
    this.#finish(this.#code);
  }

  reset(code: number): void {
    this.#exchange.reset(code);
    this.#finish(Code.Canceled);
  }

  consumed(bytes: number): void {
    this.#exchange.consumed(bytes);
  }

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    this.#received += end - start;
    this.#handler.onData(buffer, start, end, last, inPlace);
  }

  onEnd(trailers: Fields | undefined): void {
    this.#handler.onEnd(trailers);
  }

  onReset(code: number): void {
    this.#finish(Code.Canceled);
    this.#handler.onReset(code);
  }

  onDrain(): void {
    this.#handler.onDrain();
  }

  #finish(code: Code): void {
    if (this.#over) return;
    this.#over = true;
    const counted = this.#counted;
    counted?.meter.end(counted.model, code, counted.clock.now() - this.#began, this.#received, this.#sent);
  }
}
