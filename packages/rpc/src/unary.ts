import { background, type Clock, Code, type Ctx, canceled, deadlineExceeded, type Failure, newError, remainingMs, throwIfDone, toFailure } from "@tfs/std";
import type { Call, CallHandler } from "./call.ts";
import { acceptEncoding, decompress } from "./compression.ts";
import { type Field, type Fields, newField, newFields } from "./fields.ts";
import { frameMessage, type Message, newDeframer } from "./frame.ts";
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
  open(fields: Fields, handler: CallHandler): Call;
}

/**
 * callUnary sends one message and gives one back, over anything that opens calls; it is what Channel.unary does. A status other than OK is thrown as
 * Failure. A call that was refused unseen is sent once more.
 */
export async function callUnary(ctx: Ctx, channel: Opener, request: UnaryRequest): Promise<UnaryReply> {
  throwIfDone(ctx);
  checkMetadata(request.metadata ?? {});
  const body = frameMessage(request.message);
  const first = await attempt(ctx, channel, request, body);
  const answer = "refused" in first ? await attempt(ctx, channel, request, body) : first;
  if ("refused" in answer) throw answer.refused;
  return await readReply(answer, request.maxMessageBytes);
}

/** Answer is a whole response whose status is OK. */
interface Answer {
  readonly messages: readonly Message[];
  readonly headers: Fields;
  readonly trailers: Fields | undefined;
}

/** attempt sends the request once. It throws what ends the call for good, and gives back the failure of a call that the peer has not seen. */
function attempt(ctx: Ctx, channel: Opener, request: UnaryRequest, body: Uint8Array): Promise<Answer | { readonly refused: Failure }> {
  return new Promise((resolve, reject) => {
    const deframer = newDeframer({ maxMessageBytes: request.maxMessageBytes });
    const messages: Message[] = [];
    let headers: Fields = nothing;

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
    const handler: CallHandler = {
      onHeaders(received) {
        headers = received;
        const fault = answerFault(received);
        if (fault !== undefined) abandon(fault);
      },
      onData(buffer, start, end) {
        call.consumed(end - start);
        try {
          messages.push(...deframer.push(Buffer.from(buffer.subarray(start, end))));
          if (messages.length > 1) throw newError(Code.Internal, "peer sent more than one message to a unary call");
        } catch (err) {
          abandon(err);
        }
      },
      onEnd(trailers) {
        settle();
        const failure = failureFromTrailers(trailers);
        if (failure !== undefined) reject(failure);
        else {
          try {
            deframer.end();
            resolve({ messages, headers, trailers });
          } catch (err) {
            reject(toFailure(err));
          }
        }
      },
      onError(failure, refused) {
        settle();
        if (refused && failure.code === Code.Unavailable && !ctx.signal.aborted) resolve({ refused: failure });
        else reject(failure);
      },
      onDrain() {},
    };
    const call = channel.open(requestFields(ctx, request), handler);
    const leftMs = remainingMs(ctx);
    const timer = leftMs > maxTimerMs ? undefined : request.clock.after(leftMs, () => abandon(deadlineExceeded), { background: true });
    const watched = ctx.signal !== background().signal;
    if (watched) ctx.signal.addEventListener("abort", onAbort, { once: true });
    call.write(body);
    call.end();
  });
}

/** setTimeout fires at once when asked for more (24.8 days); a deadline that far away needs no timer. */
const maxTimerMs = 0x7fffffff;

const nothing = newFields([]);
const teTrailers = newField("te", "trailers");
const grpcType = newField("content-type", "application/grpc");
const offered = newField("grpc-accept-encoding", acceptEncoding);
const post = newField(":method", "POST");

function requestFields(ctx: Ctx, request: UnaryRequest): Fields {
  const list: Field[] = [
    post,
    newField(":scheme", request.scheme),
    newField(":authority", request.authority),
    newField(":path", request.path),
    teTrailers,
    grpcType,
    offered,
  ];
  if (ctx.deadline !== Number.POSITIVE_INFINITY) list.push(newField("grpc-timeout", formatTimeout(remainingMs(ctx))));
  for (const [name, value] of Object.entries(request.metadata ?? {})) {
    for (const one of typeof value === "string" ? [value] : value) list.push(newField(name, one));
  }
  return newFields(list);
}

async function readReply(answer: Answer, maxBytes: number): Promise<UnaryReply> {
  const [message] = answer.messages;
  if (message === undefined) throw newError(Code.Internal, "peer answered OK without a message");
  return {
    message: await decompress(message, answer.headers.get("grpc-encoding"), maxBytes),
    headers: toMetadata(answer.headers),
    trailers: toMetadata(answer.trailers),
  };
}

/** A signal's reason is whatever its owner chose; what we throw is a Failure. */
function reasonOf(ctx: Ctx): unknown {
  return ctx.signal.reason instanceof Error ? ctx.signal.reason : canceled;
}
