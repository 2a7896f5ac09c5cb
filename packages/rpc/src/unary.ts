import { background, type Clock, Code, type Ctx, canceled, deadlineExceeded, type Failure, newError, remainingMs, throwIfDone, toFailure } from "@tfs/std";
import type { Call, CallHandler, OpenOptions } from "./call.ts";
import { acceptEncoding, decompress } from "./compression.ts";
import { type Field, type Fields, newField, newFields } from "./fields.ts";
import { frameMessage, type Gatherer, type Message, newGatherer } from "./frame.ts";
import { checkMetadata, type Metadata, toMetadata } from "./metadata.ts";
import { answerFault, failureFromTrailers } from "./status.ts";
import { formatTimeout } from "./timeout.ts";

export interface UnaryReply {
  readonly message: Uint8Array;
  readonly headers: Metadata;
  readonly trailers: Metadata;
}

export interface UnaryRequest {
  /** path is "/package.Service/Method". */
  readonly path: string;
  readonly message: Uint8Array;
  readonly metadata?: Metadata;
  readonly clock: Clock;
  readonly authority: string;
  readonly scheme: "http" | "https";
  /** maxMessageBytes bounds the answer, decompressed. */
  readonly maxMessageBytes: number;
}

/** Opener starts calls: a channel, or whoever spreads calls over several. */
export interface Opener {
  open(fields: Fields, handler: CallHandler, options?: OpenOptions): Call;
}

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

/** openUnary sends one message, which has its prefix, and tells the handler what comes of it: callUnary without promises, timers and retries. `fields` are of unaryFields. */
export function openUnary(channel: Opener, fields: Fields, framed: Uint8Array, handler: UnaryHandler, options: UnaryOptions): UnaryCall {
  const call = new UnaryCall(handler, options.maxMessageBytes);
  call.begin(channel.open(fields, call, options), framed);
  return call;
}

class UnaryCall implements CallHandler {
  readonly #handler: UnaryHandler;
  readonly #maxBytes: number;
  readonly #reply: Gatherer;
  #call!: Call;
  #headers: Fields = nothing;
  #over = false;

  constructor(handler: UnaryHandler, maxBytes: number) {
    this.#handler = handler;
    this.#maxBytes = maxBytes;
    this.#reply = newGatherer(maxBytes);
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

  onEnd(trailers: Fields | undefined): void {
    if (this.#over) return;
    const failure = failureFromTrailers(trailers);
    if (failure !== undefined) return void this.#fail(failure, false);
    let message: Message | undefined;
    try {
      message = this.#reply.end();
    } catch (err) {
      return void this.#fail(toFailure(err), false);
    }
    if (message === undefined) return void this.#fail(newError(Code.Internal, "peer answered OK without a message"), false);
    if (message.compressed) return void this.#inflate(message, trailers);
    this.#over = true;
    this.#handler.onReply(message.bytes, this.#headers, trailers);
  }

  onError(failure: Failure, refused: boolean): void {
    this.#fail(failure, refused);
  }

  onDrain(): void {}

  async #inflate(message: Message, trailers: Fields | undefined): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = await decompress(message, this.#headers.get("grpc-encoding"), this.#maxBytes);
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

/**
 * callUnary sends one message and gives one back, over anything that opens calls; it is what Channel.unary does. A status other than OK is thrown as
 * Failure. A call that was refused unseen is sent once more.
 */
export async function callUnary(ctx: Ctx, channel: Opener, request: UnaryRequest): Promise<UnaryReply> {
  throwIfDone(ctx);
  checkMetadata(request.metadata ?? {});
  const framed = frameMessage(request.message);
  const first = await attempt(ctx, channel, request, framed);
  const reply = "refused" in first ? await attempt(ctx, channel, request, framed) : first;
  if ("refused" in reply) throw reply.refused;
  return { message: reply.message, headers: toMetadata(reply.headers), trailers: toMetadata(reply.trailers) };
}

/** Answer is a response whose status is OK. */
interface Answer {
  readonly message: Uint8Array;
  readonly headers: Fields;
  readonly trailers: Fields | undefined;
}

/** attempt sends the request once. It throws what ends the call for good, and gives back the failure of a call that the peer has not seen. */
function attempt(ctx: Ctx, channel: Opener, request: UnaryRequest, framed: Uint8Array): Promise<Answer | { readonly refused: Failure }> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      timer?.cancel();
      if (watched) ctx.signal.removeEventListener("abort", onAbort);
    };
    const abandon = (err: unknown): void => {
      settle();
      call.cancel();
      reject(err);
    };
    const onAbort = (): void => abandon(reasonOf(ctx));
    const handler: UnaryHandler = {
      onReply(message, headers, trailers) {
        settle();
        resolve({ message, headers, trailers });
      },
      onFailure(failure, refused) {
        settle();
        if (refused && failure.code === Code.Unavailable && !ctx.signal.aborted) resolve({ refused: failure });
        else reject(failure);
      },
    };
    const call = openUnary(channel, requestFields(ctx, request), framed, handler, { maxMessageBytes: request.maxMessageBytes });
    const leftMs = remainingMs(ctx);
    const timer = leftMs > maxTimerMs ? undefined : request.clock.after(leftMs, () => abandon(deadlineExceeded), { background: true });
    const watched = ctx.signal !== background().signal;
    if (watched) ctx.signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** setTimeout fires at once when asked for more (24.8 days); a deadline that far away needs no timer. */
const maxTimerMs = 0x7fffffff;

const nothing = newFields([]);
const teTrailers = newField("te", "trailers");
const grpcType = newField("content-type", "application/grpc");
const offered = newField("grpc-accept-encoding", acceptEncoding);
const post = newField(":method", "POST");

/** unaryFields are the request fields of every call of a method, to be made once where there are many. */
export function unaryFields({ path, authority, scheme }: Pick<UnaryRequest, "path" | "authority" | "scheme">): Fields {
  return newFields([post, newField(":scheme", scheme), newField(":authority", authority), newField(":path", path), teTrailers, grpcType, offered]);
}

function requestFields(ctx: Ctx, request: UnaryRequest): Fields {
  const list: Field[] = [...unaryFields(request).list];
  if (ctx.deadline !== Number.POSITIVE_INFINITY) list.push(newField("grpc-timeout", formatTimeout(remainingMs(ctx))));
  for (const [name, value] of Object.entries(request.metadata ?? {})) {
    for (const one of typeof value === "string" ? [value] : value) list.push(newField(name, one));
  }
  return newFields(list);
}

/** A signal's reason is whatever its owner chose; what we throw is a Failure. */
function reasonOf(ctx: Ctx): unknown {
  return ctx.signal.reason instanceof Error ? ctx.signal.reason : canceled;
}
