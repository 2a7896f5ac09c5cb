import { type Clock, Code, type Failure, newError } from "@tfs/std";
import type { Fields } from "./fields.ts";
import { writeField } from "./hpack/index.ts";
import { h2, h2Name, type Stream, type StreamHandler } from "./http2/index.ts";
import type { Link } from "./link.ts";
import { codeFromReset } from "./status.ts";
import { writeTimeout } from "./timeout.ts";
import type { Wire } from "./wire.ts";

/** CallHandler hears how a call goes: onHeaders, then data, then onEnd; or onError at any point, which is the last. Never called from inside `open`. */
export interface CallHandler {
  /** Response fields. With `end` they are all there is (a trailers-only response) and onEnd follows. */
  onHeaders(fields: Fields, end: boolean): void;
  /** Response bytes buffer[start, end), the handler's during the call only. Each is owed one call.consumed(). `inPlace` as Stream.send knows it. */
  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void;
  /** The peer has said everything. The trailers of a trailers-only response are its fields. */
  onEnd(trailers: Fields | undefined): void;
  /** The call failed below gRPC. `refused`: the peer certainly has not processed it, so it may be sent again. */
  onError(failure: Failure, refused: boolean): void;
  /** Less waits to be sent than before: little or nothing. */
  onDrain(): void;
}

/** Call is one request on its way. */
export interface Call {
  /** write sends bytes, which the call then owns. False asks to wait for onDrain. */
  write(bytes: Uint8Array): boolean;
  /** send passes on bytes that lie in a read buffer, copying only what must wait; `last` ends the request. */
  send(wire: Wire, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): boolean;
  /** end says that the request is complete. */
  end(): void;
  /** cancel resets the stream (RST_STREAM CANCEL); the handler hears nothing more. */
  cancel(): void;
  /** consumed says that so many of the response's bytes are done with, so that as many more may come. */
  consumed(bytes: number): void;
  /** queued is how many bytes wait to be sent. */
  readonly queued: number;
  /** wire is the connection that the call uses; undefined while it waits for one. */
  readonly wire: Wire | undefined;
}

/** OpenOptions are what a request may have beside its fields. */
export interface OpenOptions {
  /** end: the request has no body. */
  readonly end?: boolean;
  /** deadline, on the clock: grpc-timeout goes with the request, and says how much is left of it when the request leaves. */
  readonly deadline?: number;
}

/** Desk is where a call reports to: its channel. */
export interface Desk {
  readonly clock: Clock;
  /** A call is over, one way or another. */
  done(call: Outgoing): void;
}

/** newOutgoing makes a call that waits for a link; whoever attaches one, or fails the call, comes later. */
export function newOutgoing(desk: Desk, fields: Fields, handler: CallHandler, options: OpenOptions): Outgoing {
  return new Outgoing(desk, fields, handler, options);
}

/** What grpc-timeout adds to a list of fields at most, as RFC 9113, section 6.5.2, counts it. */
const timeoutListBytes = 12 + 9 + 32;

/** Scratch for the one field that is encoded per call: its name lies ready, with the length of its value in the last byte before that. */
const tail = new Uint8Array(32);
const valueAt = writeField(tail, 0, "grpc-timeout", "");

/** encodeTimeout gives how much of the scratch is the field. */
function encodeTimeout(ms: number): number {
  const end = writeTimeout(tail, valueAt, ms);
  tail[valueAt - 1] = end - valueAt;
  return end;
}

class Outgoing implements Call, StreamHandler {
  readonly #desk: Desk;
  readonly #fields: Fields;
  readonly #handler: CallHandler;
  readonly #options: OpenOptions;
  #stream: Stream | undefined = undefined;
  #link: Link | undefined = undefined;
  /** Written before there was a stream: at most what a writer sends before it heeds `false`. */
  #early: Uint8Array[] | undefined = undefined;
  #earlyBytes = 0;
  #ended: boolean;
  #over = false;
  #headers: Fields | undefined = undefined;
  #bodied = false;

  constructor(desk: Desk, fields: Fields, handler: CallHandler, options: OpenOptions) {
    this.#desk = desk;
    this.#fields = fields;
    this.#handler = handler;
    this.#options = options;
    this.#ended = options.end === true;
  }

  get queued(): number {
    return this.#stream === undefined ? this.#earlyBytes : this.#stream.queued;
  }

  get wire(): Wire | undefined {
    return this.#stream?.session.wire;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#stream !== undefined) return this.#stream.write(bytes);
    this.#early ??= [];
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    return false;
  }

  send(wire: Wire, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): boolean {
    if (this.#over) return true;
    if (this.#stream !== undefined) {
      if (last) this.#ended = true;
      return this.#stream.send(wire, buffer, start, end, last, inPlace);
    }
    this.write(Uint8Array.prototype.slice.call(buffer, start, end));
    if (last) this.end();
    return false;
  }

  end(): void {
    this.#ended = true;
    if (!this.#over) this.#stream?.end();
  }

  cancel(): void {
    if (this.#finish()) this.#stream?.reset(h2.cancel);
  }

  consumed(bytes: number): void {
    this.#stream?.consumed(bytes);
  }

  /** fail ends the call before a stream was opened for it. */
  fail(failure: Failure, refused: boolean): void {
    if (this.#finish()) this.#handler.onError(failure, refused);
  }

  /** attach opens the stream and sends what was written so far. */
  attach(link: Link): void {
    if (this.#fields.bytes + timeoutListBytes > link.headerBytes) {
      const failure = newError(Code.ResourceExhausted, `request headers of ${this.#fields.bytes} bytes: the peer takes ${link.headerBytes}`);
      process.nextTick(() => this.fail(failure, false)); // never from inside `open`
      return;
    }
    const early = this.#early;
    const headersOnly = this.#ended && early === undefined;
    const { deadline } = this.#options;
    const tailBytes = deadline === undefined || deadline === Number.POSITIVE_INFINITY ? 0 : encodeTimeout(deadline - this.#desk.clock.now());
    const stream = link.request(this.#fields, this, headersOnly, tail, tailBytes);
    this.#stream = stream;
    this.#link = link;
    if (headersOnly) return;
    if (early !== undefined) {
      this.#early = undefined;
      for (const bytes of early) stream.write(bytes);
    }
    if (this.#ended) stream.end();
    else if (early !== undefined && stream.queued === 0) process.nextTick(() => this.#over || this.#handler.onDrain());
  }

  onHeaders(fields: Fields, end: boolean): void {
    this.#headers = fields;
    if (!this.#over) this.#handler.onHeaders(fields, end);
  }

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    this.#bodied = true;
    if (!this.#over) this.#handler.onData(buffer, start, end, last, inPlace);
  }

  onEnd(trailers: Fields | undefined): void {
    if (!this.#finish()) return;
    // Fields with nothing behind them are trailers and all.
    const only = trailers === undefined && !this.#bodied && this.#headers?.get("grpc-status") !== undefined ? this.#headers : trailers;
    this.#handler.onEnd(only);
  }

  onReset(code: number): void {
    // Some servers say so when they have answered and not read: it is an end, and what it lacks is the caller's to judge.
    if (code === h2.noError && this.#headers !== undefined) return void this.onEnd(undefined);
    const lost = this.#link!.failure;
    const refused = code === h2.refused && this.#headers === undefined;
    this.fail(refused || lost === undefined ? newError(codeFromReset(code), `stream reset by the peer: ${h2Name(code)}`) : lost, refused);
  }

  onDrain(): void {
    if (!this.#over) this.#handler.onDrain();
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#early = undefined;
    this.#earlyBytes = 0;
    this.#desk.done(this);
    return true;
  }
}
export type { Outgoing };
