import { Code, newError } from "@tfs/std";
import type { Exchange, ExchangeHandler } from "./exchange.ts";
import type { Fields } from "./fields.ts";

/** Body is a request's body on its way into memory. */
export interface Body {
  /** whole gives all of it. Throws ResourceExhausted past the limit (what still comes is dropped, so that the client gets to see the answer) and Canceled if the client goes away. */
  whole(): Promise<Uint8Array>;
  /** trailers are there once the body is whole. */
  readonly trailers: Fields | undefined;
  /** onGone is called when the client gives up or is lost, before or after the body is whole. */
  onGone: () => void;
}

/** collectBody takes an exchange's handler, and at most maxBytes of memory: in one piece if content-length told, and not more than comes. */
export function collectBody(exchange: Exchange, maxBytes: number): Body {
  const body = new Collected(exchange, maxBytes);
  exchange.handler = body;
  return body;
}

/** A length that is announced and not yet sent is believed up to here. */
const trustBytes = 4 << 20;

class Collected implements Body, ExchangeHandler {
  readonly #exchange: Exchange;
  readonly #maxBytes: number;
  trailers: Fields | undefined = undefined;
  onGone: () => void = () => {};
  #buffer: Uint8Array;
  #bytes = 0;
  #tooLarge = false;
  #state: "open" | "whole" | "gone" = "open";
  #settled: (() => void) | undefined = undefined;

  constructor(exchange: Exchange, maxBytes: number) {
    this.#exchange = exchange;
    this.#maxBytes = maxBytes;
    const announced = Number(exchange.fields.get("content-length") ?? 0);
    this.#tooLarge = announced > maxBytes;
    this.#buffer = this.#tooLarge || !(announced > 0) ? empty : new Uint8Array(Math.min(announced, trustBytes));
  }

  async whole(): Promise<Uint8Array> {
    if (this.#state === "open" && !this.#tooLarge) await new Promise<void>((resolve) => (this.#settled = resolve));
    if (this.#tooLarge) throw newError(Code.ResourceExhausted, `the body is larger than ${this.#maxBytes} bytes`);
    if (this.#state === "gone") throw newError(Code.Canceled, "the client went away");
    return this.#bytes === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#bytes);
  }

  onData(source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#exchange.consumed(length);
    if (this.#tooLarge) return;
    const bytes = this.#bytes + length;
    if (bytes > this.#maxBytes) {
      this.#tooLarge = true;
      this.#buffer = empty;
      this.#settled?.();
      return;
    }
    if (bytes > this.#buffer.length) {
      const larger = new Uint8Array(Math.min(Math.max(bytes, this.#buffer.length * 2), Math.max(this.#maxBytes, bytes)));
      larger.set(this.#buffer.subarray(0, this.#bytes));
      this.#buffer = larger;
    }
    this.#buffer.set(source.subarray(start, end), this.#bytes);
    this.#bytes = bytes;
  }

  onEnd(trailers: Fields | undefined): void {
    this.trailers = trailers;
    if (this.#state === "open") this.#state = "whole";
    this.#settled?.();
  }

  onReset(): void {
    if (this.#state === "open") this.#state = "gone";
    this.#settled?.();
    this.onGone();
  }

  onDrain(): void {}
}

const empty = new Uint8Array(0);
