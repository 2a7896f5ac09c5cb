// Data plane. A call of one message each way for who makes many: no promises, no timers, no retries.
import { type Failure, toFailure } from "@tfs/std";
import { type Assembler, type MessageSink, newAssembler } from "./assembler.ts";
import { brokenMessage, moreMessages, noMessage, type Opener } from "./attempt.ts";
import type { Call, CallHandler } from "./call.ts";
import { decompress } from "./compression.ts";
import { type Fields, newFields } from "./fields.ts";
import { answerFault, failureFromTrailers } from "./status.ts";

/** UnaryHandler hears how a call ends: one of these, once, and nothing after a cancel. */
export interface UnaryHandler {
  /** The peer said OK, with a message. */
  onReply(message: Uint8Array, headers: Fields, trailers: Fields | undefined): void;
  /** `refused`: the peer has certainly not processed the call. */
  onFailure(failure: Failure, refused: boolean): void;
}

export interface UnaryOptions {
  /** deadline, on the clock, goes with the request as grpc-timeout; to stop when it has passed is the caller's business. Default none. */
  readonly deadline?: number;
  /** maxMessageBytes bounds the answer, decompressed. */
  readonly maxMessageBytes: number;
}

/** openUnary sends one message, which has its prefix, and tells the handler what comes of it: callUnary without promises, timers and retries. `fields` are of callFields. */
export function openUnary(channel: Opener, fields: Fields, framed: Uint8Array, handler: UnaryHandler, options: UnaryOptions): UnaryCall {
  const call = new UnaryCall(handler, options.maxMessageBytes);
  call.begin(channel.open(fields, call, options), framed);
  return call;
}

class UnaryCall implements CallHandler, MessageSink {
  readonly #handler: UnaryHandler;
  readonly #maxBytes: number;
  readonly #reply: Assembler;
  #message: Uint8Array | undefined = undefined;
  #compressed = false;
  #call!: Call;
  #headers: Fields = nothing;
  #over = false;

  constructor(handler: UnaryHandler, maxBytes: number) {
    this.#handler = handler;
    this.#maxBytes = maxBytes;
    this.#reply = newAssembler(this, { maxMessageBytes: maxBytes });
  }

  begin(call: Call, framed: Uint8Array): void {
    this.#call = call;
    call.write(framed);
    call.end();
  }

  /** cancel gives up; the handler hears nothing more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call.cancel();
  }

  onHeaders(fields: Fields): void {
    this.#headers = fields;
    const fault = answerFault(fields);
    if (fault !== undefined) this.#abandon(fault);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    if (this.#over) return;
    this.#call.consumed(end - start);
    try {
      this.#reply.push(buffer, start, end);
    } catch (err) {
      this.#abandon(toFailure(err));
    }
  }

  onMessage(bytes: Uint8Array, compressed: boolean): void {
    if (this.#over) return;
    if (this.#message !== undefined) return void this.#abandon(moreMessages);
    this.#message = bytes;
    this.#compressed = compressed;
  }

  onEnd(trailers: Fields | undefined): void {
    if (this.#over) return;
    const failure = failureFromTrailers(trailers) ?? (this.#reply.inside ? brokenMessage : undefined);
    if (failure !== undefined) return void this.#fail(failure, false);
    if (this.#message === undefined) return void this.#fail(noMessage, false);
    if (this.#compressed) return void this.#inflate(this.#message, trailers);
    this.#over = true;
    this.#handler.onReply(this.#message, this.#headers, trailers);
  }

  onError(failure: Failure, refused: boolean): void {
    this.#fail(failure, refused);
  }

  onDrain(): void {}

  async #inflate(message: Uint8Array, trailers: Fields | undefined): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = await decompress({ compressed: true, bytes: message }, this.#headers.get("grpc-encoding"), this.#maxBytes);
    } catch (err) {
      return void this.#fail(toFailure(err), false);
    }
    if (this.#over) return;
    this.#over = true;
    this.#handler.onReply(bytes, this.#headers, trailers);
  }

  #abandon(failure: Failure): void {
    this.#call.cancel();
    this.#fail(failure, false);
  }

  #fail(failure: Failure, refused: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.onFailure(failure, refused);
  }
}
export type { UnaryCall };

const nothing = newFields([]);
