import { createGunzip } from "node:zlib";
import { Code, carve, newError } from "@tfs/std";
import type { Exchange, ExchangeHandler } from "./exchange.ts";
import type { Fields } from "./fields.ts";
import type { Budget } from "./http2/index.ts";

/** Body is a request's body on its way into memory. */
export interface Body {
  /** whole gives all of it. Throws as take does. */
  whole(): Promise<Uint8Array>;
  /**
   * take gives what has come; onSettled says when that is all. Throws ResourceExhausted past a limit (what still comes is dropped, so that the client gets to see the
   * answer) and Canceled if the client went away.
   */
  take(): Uint8Array;
  /** gunzipped is whole with a gzip coding undone (RFC 9110, section 8.4.1.3); undefined for what is not gzip, or larger than maxBytes then. */
  gunzipped(maxBytes: number): Promise<Uint8Array | undefined>;
  /** trailers are there once the body is whole. */
  readonly trailers: Fields | undefined;
  /** settled tells that whole would not wait; onSettled is called when that becomes so. */
  readonly settled: boolean;
  onSettled: () => void;
  /** onGone is called when the client gives up or is lost, before or after the body is whole. */
  onGone: () => void;
  /** release gives back what the body took, to the budget and as memory for the next one: what take gave, and views of it, must not be read any more. */
  release(): void;
}

export interface CollectOptions {
  /** budget bounds what the bodies of all who share it take together: one more is refused. Default no such bound. */
  readonly budget?: Budget;
}

/** collectBody takes an exchange's handler, and at most maxBytes of memory: in one piece if content-length told, and not more than comes. */
export function collectBody(exchange: Exchange, maxBytes: number, options: CollectOptions = {}): Body {
  const body = new Collected(exchange, maxBytes, options.budget);
  exchange.handler = body;
  return body;
}

/** A length that is announced and not yet sent is believed up to here. */
const trustBytes = 4 << 20;

const ignore = (): void => {};

class Collected implements Body, ExchangeHandler {
  readonly #exchange: Exchange;
  readonly #maxBytes: number;
  readonly #budget: Budget | undefined;
  trailers: Fields | undefined = undefined;
  onSettled: () => void = ignore;
  onGone: () => void = ignore;
  #buffer: Uint8Array = empty;
  #bytes = 0;
  /** What the budget counts as ours. */
  #held = 0;
  #state: "open" | "whole" | "gone" | "tooLarge" | "noRoom" | "released" = "open";

  constructor(exchange: Exchange, maxBytes: number, budget: Budget | undefined) {
    this.#exchange = exchange;
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    const announced = Number(exchange.fields.get("content-length") ?? 0);
    if (announced > maxBytes) this.#state = "tooLarge";
    else if (announced > 0) this.#buffer = bufferOf(Math.min(announced, trustBytes));
  }

  whole(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        try {
          resolve(this.take());
        } catch (err) {
          reject(err);
        }
      };
      if (this.#state === "open") this.onSettled = settle;
      else settle();
    });
  }

  async gunzipped(maxBytes: number): Promise<Uint8Array | undefined> {
    const unzip = createGunzip();
    unzip.end(await this.whole());
    const pieces: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const piece of unzip as AsyncIterable<Buffer>) {
        bytes += piece.length;
        if (bytes > maxBytes) return undefined;
        if (this.#state === "whole" && !this.#hold(piece.length)) this.#refuse("noRoom");
        if (this.#state !== "whole") break;
        pieces.push(piece);
      }
    } catch {
      return undefined;
    }
    return this.#state === "whole" ? Buffer.concat(pieces, bytes) : this.take();
  }

  get settled(): boolean {
    return this.#state !== "open";
  }

  take(): Uint8Array {
    switch (this.#state) {
      case "tooLarge":
        throw newError(Code.ResourceExhausted, `the body is larger than ${this.#maxBytes} bytes`);
      case "noRoom":
        throw newError(Code.ResourceExhausted, `the bodies of requests in flight are larger than ${this.#budget!.limitBytes} bytes together`);
      case "gone":
        throw newError(Code.Canceled, "the client went away");
      case "released":
        throw new Error("the body was released");
      default:
        return this.#bytes === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#bytes);
    }
  }

  release(): void {
    if (this.#state === "open" || this.#state === "whole") this.#state = "released"; // what still comes is dropped
    if (this.#held > 0) this.#budget!.release(this.#held);
    this.#held = 0;
    if (this.#buffer.length >= leastSpareBytes && this.#buffer.length <= trustBytes && spare.length < maxSpare) spare.push(this.#buffer);
    this.#buffer = empty;
    this.#bytes = 0;
  }

  onData(source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#exchange.consumed(length);
    if (this.#state !== "open") return;
    const bytes = this.#bytes + length;
    if (bytes > this.#maxBytes) return void this.#refuse("tooLarge");
    if (!this.#hold(length)) return void this.#refuse("noRoom");
    if (bytes > this.#buffer.length) {
      const larger = new Uint8Array(Math.min(Math.max(bytes, this.#buffer.length * 2), Math.max(this.#maxBytes, bytes)));
      larger.set(this.#buffer.subarray(0, this.#bytes));
      this.#buffer = larger;
    }
    if (length <= loopBytes) for (let i = 0; i < length; i++) this.#buffer[this.#bytes + i] = source[start + i]!;
    else this.#buffer.set(source.subarray(start, end), this.#bytes);
    this.#bytes = bytes;
  }

  onEnd(trailers: Fields | undefined): void {
    this.trailers = trailers;
    if (this.#state === "open") this.#settle("whole");
  }

  onReset(): void {
    if (this.#held > 0) this.#budget!.release(this.#held); // somebody may still read the bytes, so they are only counted as gone
    this.#held = 0;
    if (this.#state === "open") this.#settle("gone");
    else if (this.#state === "whole") this.#state = "gone";
    this.onGone();
  }

  onDrain(): void {}

  /** #hold counts bytes, if there is room for them. */
  #hold(bytes: number): boolean {
    const budget = this.#budget;
    if (budget === undefined) return true;
    if (budget.heldBytes + bytes > budget.limitBytes) return false;
    budget.hold(bytes);
    this.#held += bytes;
    return true;
  }

  #refuse(why: "tooLarge" | "noRoom"): void {
    this.#settle(why);
    this.release();
  }

  #settle(state: "whole" | "gone" | "tooLarge" | "noRoom"): void {
    const before = this.#state;
    this.#state = state;
    if (before === "open") this.onSettled();
  }
}

/** Large buffers that were released, for the next bodies: memory of that size would cost a collection of all garbage every few calls. At most 8 of up to 4 MiB. */
const spare: Uint8Array[] = [];
const maxSpare = 8;
const leastSpareBytes = 64 * 1024;

/** bufferOf makes room for a body, if it can where another one was that is not much larger. */
function bufferOf(bytes: number): Uint8Array {
  if (bytes >= leastSpareBytes) {
    for (let i = spare.length - 1; i >= 0; i--) {
      const found = spare[i]!;
      if (found.length < bytes || found.length > 2 * bytes) continue;
      spare.splice(i, 1);
      return found;
    }
    if (spare.length === maxSpare) spare.shift(); // of a size that is not asked for now
  }
  return bytes >= leastSpareBytes ? Buffer.allocUnsafeSlow(bytes) : carve(Uint8Array, bytes); // a Buffer is searched for a byte ten times as fast
}

/** Up to so many bytes a loop copies faster than a call. */
const loopBytes = 160;
const empty = new Uint8Array(0);
