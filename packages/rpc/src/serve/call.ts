import { Code, type Failure, newError, toFailure } from "@tfs/std";
import { checkEncoding } from "../compression.ts";
import { messageOf, parseConnectTimeout } from "../connect/index.ts";
import { type Exchange, type ExchangeHandler, ignoreBody } from "../exchange.ts";
import type { Fields } from "../fields.ts";
import type { Budget } from "../http2/index.ts";
import { parseTimeout } from "../timeout.ts";
import { newTextDecoder, type TextDecoder } from "../web/index.ts";
import type { Dialect } from "./dialect.ts";
import { newReader, type Reader, type ReaderSink } from "./reader.ts";
import { newSender, noFields, type Sender } from "./sender.ts";

/** ServerCall is one call as the side that serves it sees it, the same for gRPC, gRPC-Web and Connect: messages in; headers, messages, and a status with trailers out. */
export interface ServerCall {
  readonly exchange: Exchange;
  readonly dialect: Dialect;
  /** timeoutMs is how long the client waits; Infinity if it said nothing. Whoever serves the call watches the clock. */
  readonly timeoutMs: number;
  handler: ServerCallHandler;
  /** over tells that the call has ended, one way or another. After that every further call does nothing. */
  readonly over: boolean;
  /** headers sends metadata before the first message; `encoding` is what messages are compressed with that say so. */
  headers(metadata: Fields, encoding?: string): void;
  /** message sends one, which the call then owns. False asks to wait for onDrain. */
  message(bytes: Uint8Array, compressed?: boolean): boolean;
  /** end completes the answer: with a failure, or without for OK. `metadata` is what gRPC sends as trailers. */
  end(failure?: Failure, metadata?: Fields): void;
  /** refuse ends a call that does not get as far as its method; Connect's unary calls answer it with this HTTP status: 404 no such method, 405 wrong verb, 415 wrong codec. */
  refuse(failure: Failure, httpStatus: number): void;
  /** resume asks for more messages after the handler's false. */
  resume(): void;
}

/** ServerCallHandler hears the rest of a call. Nothing comes after onCancel. */
export interface ServerCallHandler {
  /** A message, the handler's to keep; `compressed` only if the call hands messages on as they came. False holds back what follows until resume. May throw a Failure, which ends the call. */
  onMessage(bytes: Uint8Array, compressed: boolean): boolean;
  /** The client has said everything. */
  onEnd(): void;
  /** Nobody waits for the answer any more: the client is gone, or was told why its request cannot be read. */
  onCancel(): void;
  /** After a message that gave false: room again. */
  onDrain(): void;
  /** The rest of the request cannot be read. Who has this ends the call, with this failure, when what came before is answered; without it the call ends at once, and onCancel follows. */
  onFault?(failure: Failure): void;
}

export interface ServeOptions {
  /** maxMessageBytes bounds one message of the request, before and after it is decompressed. */
  readonly maxMessageBytes: number;
  /** passes lists compressions whose messages are handed on as they came; all others are decompressed. Default none. */
  readonly passes?: readonly string[];
  /** held counts what the request takes, from its first byte until the call is over; a request that would pass its limit fails with ResourceExhausted. Default: it is not counted. */
  readonly held?: Budget;
}

/**
 * serveCall reads an exchange as a call and takes its handler; whoever calls it sets the call's own `handler` in the same turn. A request whose fields are wrong has
 * its answer when this returns, and gives undefined.
 */
export function serveCall(exchange: Exchange, dialect: Dialect, options: ServeOptions): ServerCall | undefined {
  const timeoutMs = admitCall(exchange, dialect);
  return timeoutMs === undefined ? undefined : new Served(exchange, dialect, timeoutMs, options);
}

/** admitCall checks a request's fields, and gives the time that the client allows: in milliseconds, Infinity if it says nothing. A request whose fields are wrong is answered: undefined. */
export function admitCall(exchange: Exchange, dialect: Dialect): number | undefined {
  try {
    const timeoutMs = timeoutOf(exchange, dialect);
    checkVersion(exchange, dialect);
    checkEncoding(dialect.encoding);
    return timeoutMs;
  } catch (err) {
    refuseCall(exchange, dialect, toFailure(err));
    return undefined;
  }
}

/** refuseCall answers an exchange whose body is not wanted. */
export function refuseCall(exchange: Exchange, dialect: Dialect, failure: Failure): void {
  ignoreBody(exchange);
  newSender(exchange, dialect).end(failure, noFields);
}

function timeoutOf(exchange: Exchange, { protocol }: Dialect): number {
  const text = protocol === "connect" ? exchange.fields.get("connect-timeout-ms") : exchange.timeout;
  if (text === undefined) return Number.POSITIVE_INFINITY;
  return protocol === "connect" ? parseConnectTimeout(text) : parseTimeout(text);
}

function checkVersion(exchange: Exchange, { protocol, query }: Dialect): void {
  if (protocol !== "connect") return;
  const [version, want] = query === undefined ? [exchange.fields.get("connect-protocol-version"), "1"] : [query.version, "v1"];
  if (version !== undefined && version !== want)
    throw newError(Code.InvalidArgument, `Connect's protocol version ${JSON.stringify(version.slice(0, 32))} is not served; ${want} is`);
}

const deaf: ServerCallHandler = { onMessage: () => true, onEnd() {}, onCancel() {}, onDrain() {} };

class Served implements ServerCall, ExchangeHandler, ReaderSink {
  readonly exchange: Exchange;
  readonly dialect: Dialect;
  readonly timeoutMs: number;
  handler: ServerCallHandler = deaf;
  readonly #sender: Sender;
  readonly #reader: Reader;
  readonly #text: TextDecoder | undefined;
  readonly #budget: Budget | undefined;
  #held = 0;
  #over = false;

  constructor(exchange: Exchange, dialect: Dialect, timeoutMs: number, options: ServeOptions) {
    const { bare, encoding } = dialect;
    this.exchange = exchange;
    this.dialect = dialect;
    this.timeoutMs = timeoutMs;
    this.#sender = newSender(exchange, dialect);
    this.#reader = newReader(this, { maxMessageBytes: options.maxMessageBytes, bare, encoding, plain: options.passes?.includes(encoding) !== true });
    this.#text = dialect.text ? newTextDecoder() : undefined;
    this.#budget = options.held;
    exchange.handler = this;
  }

  get over(): boolean {
    return this.#over;
  }

  headers(metadata: Fields, encoding?: string): void {
    if (!this.#over) this.#sender.headers(metadata, encoding);
  }

  message(bytes: Uint8Array, compressed = false): boolean {
    return this.#over || this.#sender.message(bytes, compressed);
  }

  end(failure?: Failure, metadata: Fields = noFields): void {
    if (this.#over) return;
    this.#stop();
    this.#sender.end(failure, metadata);
  }

  refuse(failure: Failure, httpStatus: number): void {
    if (this.#over) return;
    this.#stop();
    this.#sender.end(failure, noFields, httpStatus);
  }

  resume(): void {
    this.#reader.resume();
  }

  // What the exchange says.

  onData(buffer: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#over) return void this.exchange.consumed(length);
    if (!this.#hold(length)) return void this.exchange.consumed(length);
    if (this.#text === undefined) return void this.#reader.push(buffer, start, end, length);
    try {
      const bytes = this.#text.push(buffer.subarray(start, end));
      this.#reader.push(bytes, 0, bytes.length, length);
    } catch (err) {
      this.exchange.consumed(length);
      this.onFault(toFailure(err));
    }
  }

  onEnd(): void {
    if (this.#over) return;
    try {
      const { query } = this.dialect;
      if (query !== undefined) {
        const message = messageOf(query);
        this.#reader.push(message, 0, message.length, 0);
      }
      this.#text?.end();
    } catch (err) {
      return void this.onFault(toFailure(err));
    }
    this.#reader.end();
  }

  onReset(): void {
    if (this.#over) return;
    this.#stop();
    this.handler.onCancel();
  }

  onDrain(): void {
    if (!this.#over) this.handler.onDrain();
  }

  // What the reader says.

  onMessage(bytes: Uint8Array, compressed: boolean): boolean {
    // A message that was compressed is larger than what came.
    if (bytes.length > this.#held && !this.#hold(bytes.length - this.#held)) return true;
    return this.handler.onMessage(bytes, compressed);
  }

  onLast(): void {
    this.handler.onEnd();
  }

  onFault(failure: Failure): void {
    if (this.#over) return;
    this.#reader.stop();
    if (this.handler.onFault !== undefined) return void this.handler.onFault(failure);
    this.end(failure);
    this.handler.onCancel();
  }

  credit(bytes: number): void {
    this.exchange.consumed(bytes);
  }

  /** #hold counts bytes; without room for them the call fails. */
  #hold(bytes: number): boolean {
    const budget = this.#budget;
    if (budget === undefined) return true;
    if (budget.heldBytes + bytes > budget.limitBytes) {
      this.onFault(newError(Code.ResourceExhausted, `the requests in flight are larger than ${budget.limitBytes} bytes together`));
      return false;
    }
    budget.hold(bytes);
    this.#held += bytes;
    return true;
  }

  #stop(): void {
    this.#over = true;
    if (this.#held > 0) this.#budget!.release(this.#held);
    this.#held = 0;
    this.#reader.stop();
  }
}
