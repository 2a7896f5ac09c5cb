import { background, type Clock, Code, type Ctx, canceled, deadlineExceeded, type Failure, newError, remainingMs, toFailure } from "@tfs/std";
import { type Assembler, newAssembler } from "./assembler.ts";
import type { Call, CallHandler, OpenOptions } from "./call.ts";
import { acceptEncoding, type Compression, decompress } from "./compression.ts";
import { type Field, type Fields, newField, newFields } from "./fields.ts";
import type { Metadata } from "./metadata.ts";
import { type Called, callFields } from "./request.ts";
import { answerFault, failureFromTrailers } from "./status.ts";

/** Asked is what every call says, whatever it sends. */
export interface Asked extends Called {
  readonly metadata?: Metadata;
  /** compression of what is sent; default none. What comes is read compressed or not. */
  readonly compression?: Compression;
  readonly clock: Clock;
  /** maxMessageBytes bounds each message of the answer, decompressed. */
  readonly maxMessageBytes: number;
}

/** Opener starts calls: a channel, or whoever spreads calls over several. */
export interface Opener {
  open(fields: Fields, handler: CallHandler, options?: OpenOptions): Call;
}

/** Hearer is told what an attempt comes to: onHeaders, messages, and onOver, which is the last; or onOver at any point. */
export interface Hearer {
  /** An answer that goes on with messages has begun. */
  onHeaders(headers: Fields): void;
  /** A message as it was sent; its bytes are the hearer's. */
  onMessage(bytes: Uint8Array, compressed: boolean): void;
  /** So many bytes have come, those of messages included. Each is owed one attempt.consumed(). */
  onBytes(bytes: number): void;
  /** The call is over; without `err` its status is OK. `refused`: the peer has certainly not seen it, and it may be asked again. */
  onOver(err: Error | undefined, refused: boolean): void;
  onDrain(): void;
}

/** Answers of more or less than the one message that was asked for: UNIMPLEMENTED (grpc/doc/statuscodes.md, "Response cardinality violation"). */
export const noMessage: Failure = newError(Code.Unimplemented, "peer answered OK without a message");
export const moreMessages: Failure = newError(Code.Unimplemented, "peer sent more than one message where one was due");
export const brokenMessage: Failure = newError(Code.Internal, "the answer ended inside a message");

/** newAttempt asks once: it opens a call, and holds what comes back against gRPC's rules. */
export function newAttempt(ctx: Ctx, opener: Opener, asked: Asked, hearer: Hearer): Attempt {
  return new Attempt(ctx, opener, asked, hearer);
}

class Attempt implements CallHandler {
  readonly #ctx: Ctx;
  readonly #hearer: Hearer;
  readonly #maxMessageBytes: number;
  readonly #assembler: Assembler;
  readonly #call: Call;
  readonly #timer: Disposable | undefined;
  readonly #onAbort: (() => void) | undefined;
  /** headers of the answer; undefined as long as there are none, and if it is nothing but a status. */
  headers: Fields | undefined = undefined;
  trailers: Fields | undefined = undefined;
  over = false;
  #httpStatus = 200;

  constructor(ctx: Ctx, opener: Opener, asked: Asked, hearer: Hearer) {
    this.#ctx = ctx;
    this.#hearer = hearer;
    this.#maxMessageBytes = asked.maxMessageBytes;
    this.#assembler = newAssembler(hearer, asked);
    const leftMs = remainingMs(ctx);
    this.#call = opener.open(fieldsOf(asked), this, { deadline: asked.clock.now() + leftMs });
    this.#timer = leftMs > maxTimerMs ? undefined : asked.clock.after(leftMs, () => this.abandon(deadlineExceeded), { background: true });
    if (ctx.signal === background().signal) this.#onAbort = undefined;
    else {
      this.#onAbort = () => this.abandon(reasonOf(ctx));
      ctx.signal.addEventListener("abort", this.#onAbort, { once: true });
    }
  }

  /** write sends a framed message. False asks to wait for onDrain. */
  write(framed: Uint8Array): boolean {
    return this.#call.write(framed);
  }

  /** end says that no more messages follow. */
  end(): void {
    this.#call.end();
  }

  consumed(bytes: number): void {
    this.#call.consumed(bytes);
  }

  /** plain gives a received message's plain bytes. Throws as decompress does, but Internal for an encoding that we never offered (grpc/doc/compression.md). */
  async plain(bytes: Uint8Array, compressed: boolean): Promise<Uint8Array> {
    const encoding = this.headers?.get("grpc-encoding");
    if (compressed && encoding !== undefined && !offered.has(encoding)) {
      throw newError(Code.Internal, `peer compressed its answer with ${JSON.stringify(encoding.slice(0, 32))}, which was not offered: ${acceptEncoding}`);
    }
    return await decompress({ bytes, compressed }, encoding, this.#maxMessageBytes);
  }

  /** abandon resets the call, unless it is over. */
  abandon(err: Error): void {
    if (this.over) return;
    this.#call.cancel();
    this.#end(err, false);
  }

  onHeaders(fields: Fields, end: boolean): void {
    this.#httpStatus = Number(fields.get(":status"));
    const fault = answerFault(fields);
    if (fault !== undefined) return void this.abandon(fault);
    if (end) return;
    this.headers = fields;
    this.#hearer.onHeaders(fields);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    try {
      this.#assembler.push(buffer, start, end);
    } catch (err) {
      return void this.abandon(toFailure(err));
    }
    if (!this.over) this.#hearer.onBytes(end - start);
  }

  onEnd(trailers: Fields | undefined): void {
    this.trailers = trailers;
    const failure = failureFromTrailers(trailers, this.#httpStatus);
    if (failure === undefined && this.#assembler.inside) this.#end(brokenMessage, false);
    else this.#end(failure, false);
  }

  onError(failure: Failure, refused: boolean): void {
    // The peer knows the deadline too, and may have given up a moment before us.
    if (failure.code === Code.Canceled && this.#ctx.deadline <= performance.now()) this.#end(deadlineExceeded, false);
    else this.#end(failure, refused && failure.code === Code.Unavailable && !this.#ctx.signal.aborted);
  }

  onDrain(): void {
    if (!this.over) this.#hearer.onDrain();
  }

  #end(err: Error | undefined, refused: boolean): void {
    this.over = true;
    this.#timer?.[Symbol.dispose]();
    if (this.#onAbort !== undefined) this.#ctx.signal.removeEventListener("abort", this.#onAbort);
    this.#hearer.onOver(err, refused);
  }
}
export type { Attempt };

/** setTimeout fires at once when asked for more (24.8 days); a deadline that far away needs no timer. */
const maxTimerMs = 0x7fffffff;

const offered: ReadonlySet<string> = new Set(acceptEncoding.split(","));

function fieldsOf({ compression, metadata, ...asked }: Asked): Fields {
  const fields = callFields(asked);
  if (compression === undefined && metadata === undefined) return fields;
  const list: Field[] = [...fields.list];
  if (compression !== undefined) list.push(newField("grpc-encoding", compression));
  for (const [name, value] of Object.entries(metadata ?? {})) {
    for (const one of typeof value === "string" ? [value] : value) list.push(newField(name, one));
  }
  return newFields(list);
}

/** A signal's reason is whatever its owner chose; what we throw is an error. */
function reasonOf(ctx: Ctx): Error {
  return ctx.signal.reason instanceof Error ? ctx.signal.reason : canceled;
}
