import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { Code, type Failure, newError } from "@tfs/std";
import type { Link } from "./link.ts";
import { splitHeaders } from "./metadata.ts";
import { codeFromReset } from "./status.ts";

/** CallHandler hears how a call goes: onHeaders, then data, then onTrailers, then onEnd; or onError at any point, which is the last. Never called from inside `open`. */
export interface CallHandler {
  /** Response headers. With `end` they are all there is (a trailers-only response) and onEnd follows. */
  onHeaders(headers: IncomingHttpHeaders, end: boolean): void;
  /** Response bytes as they come; the chunk is the handler's. False pauses them until call.resume(). */
  onData(chunk: Uint8Array): boolean;
  /** Trailers, after all data. */
  onTrailers(trailers: IncomingHttpHeaders): void;
  /** The peer has said everything. */
  onEnd(): void;
  /** The call failed below gRPC. `refused`: the peer certainly has not processed it, so it may be sent again. */
  onError(failure: Failure, refused: boolean): void;
  /** After a write that gave false: room again. */
  onDrain(): void;
}

/** Call is one request on its way. */
export interface Call {
  /** write sends bytes, which the call then owns. False asks to wait for onDrain. */
  write(chunk: Uint8Array): boolean;
  /** end says that the request is complete. */
  end(): void;
  /** cancel resets the stream (RST_STREAM CANCEL); the handler hears nothing more. */
  cancel(): void;
  resume(): void;
}

/** Desk is where a call reports to: its channel. */
export interface Desk {
  /** A call is over, one way or another. */
  done(call: Outgoing): void;
}

/** newOutgoing makes a call that waits for a link; whoever attaches one, or fails the call, comes later. */
export function newOutgoing(desk: Desk, headers: OutgoingHttpHeaders, handler: CallHandler): Outgoing {
  return new Outgoing(desk, headers, handler);
}

class Outgoing implements Call {
  readonly #desk: Desk;
  readonly #headers: OutgoingHttpHeaders;
  readonly #handler: CallHandler;
  #stream: ClientHttp2Stream | undefined;
  #link: Link | undefined;
  /** Written before there was a stream: at most what a writer sends before it heeds `false`. */
  #early: Uint8Array[] = [];
  #ended = false;
  #over = false;
  #answered = false;
  #complete = false;
  #trailers: IncomingHttpHeaders | undefined;

  constructor(desk: Desk, headers: OutgoingHttpHeaders, handler: CallHandler) {
    this.#desk = desk;
    this.#headers = headers;
    this.#handler = handler;
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#stream !== undefined) return this.#stream.write(chunk);
    this.#early.push(chunk);
    return false;
  }

  end(): void {
    this.#ended = true;
    if (!this.#over) this.#stream?.end();
  }

  cancel(): void {
    if (!this.#finish()) return;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#stream?.destroy(); // close alone waits for unread data to be read
  }

  resume(): void {
    this.#stream?.resume();
  }

  /** fail ends the call before a stream was opened for it. */
  fail(failure: Failure, refused: boolean): void {
    if (this.#finish()) this.#handler.onError(failure, refused);
  }

  /** attach opens the stream and sends what was written so far. */
  attach(link: Link): void {
    let stream: ClientHttp2Stream;
    try {
      stream = link.request(this.#headers);
    } catch (err) {
      // A session that closed meanwhile, or headers that HTTP/2 does not carry.
      const lost = link.failure;
      this.fail(lost ?? newError(Code.Internal, "request headers cannot be sent", err), lost !== undefined);
      return;
    }
    this.#link = link;
    this.#stream = stream;
    stream.on("response", (headers, flags, raw: unknown) => {
      this.#answered = true;
      const end = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      this.#complete = end;
      this.#handler.onHeaders(splitHeaders(headers, raw as readonly string[]), end); // the types lack the raw list
    });
    stream.on("data", (chunk: Buffer) => {
      if (!this.#handler.onData(chunk)) stream.pause();
    });
    stream.on("trailers", (trailers: IncomingHttpHeaders, _flags: number, raw: unknown) => {
      this.#trailers = splitHeaders(trailers, raw as readonly string[]);
    });
    stream.on("end", () => this.#onEnd());
    stream.on("drain", () => this.#over || this.#handler.onDrain());
    stream.on("error", () => {}); // "close" follows and knows more
    stream.on("close", () => this.#onClose(stream));
    let room = true;
    for (const chunk of this.#early) room = stream.write(chunk);
    const wrote = this.#early.length > 0;
    this.#early = [];
    if (this.#ended) stream.end();
    else if (wrote && room) process.nextTick(() => this.#over || this.#handler.onDrain());
  }

  /** "end" comes after all data, also when the stream was reset: only trailers or an END_STREAM on the headers or data make it a whole answer. */
  #onEnd(): void {
    if (this.#over) return;
    if (this.#trailers === undefined && !this.#complete) {
      // END_STREAM on a DATA frame: allowed by HTTP/2, not by gRPC. It is an end all the same unless a reset is what ended it.
      if (this.#stream!.rstCode !== constants.NGHTTP2_NO_ERROR || this.#stream!.aborted || !this.#answered || this.#link!.failure !== undefined) return;
    }
    if (!this.#finish()) return;
    if (!this.#ended) this.#stream!.close(constants.NGHTTP2_NO_ERROR); // the peer wants no more of the request: free the stream
    if (this.#trailers !== undefined) this.#handler.onTrailers(this.#trailers);
    this.#handler.onEnd();
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.#over) return;
    const lost = this.#link!.failure;
    const code = stream.rstCode ?? constants.NGHTTP2_INTERNAL_ERROR;
    const refused = code === constants.NGHTTP2_REFUSED_STREAM && !this.#answered;
    this.fail(refused || lost === undefined ? newError(codeFromReset(code), `stream reset by the peer: ${resetName(code)}`) : lost, refused);
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#early = [];
    this.#desk.done(this);
    return true;
  }
}
export type { Outgoing };

const resetNames = Object.fromEntries(
  Object.entries(constants)
    .filter(([name]) =>
      /^NGHTTP2_(NO_ERROR|[A-Z0-9_]+_ERROR|SETTINGS_TIMEOUT|STREAM_CLOSED|REFUSED_STREAM|CANCEL|ENHANCE_YOUR_CALM|INADEQUATE_SECURITY|HTTP_1_1_REQUIRED)$/.test(
        name,
      ),
    )
    .map(([name, code]) => [code, name.slice("NGHTTP2_".length)]),
);

function resetName(code: number): string {
  return resetNames[code] ?? String(code);
}
