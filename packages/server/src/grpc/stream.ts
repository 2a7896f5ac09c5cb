// Data plane. Many predictions in one call: some at a time, answered in order, and no further read than answers go out.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { StatusSchema } from "@tfs/proto/gen/google/rpc/status_pb.js";
import { PredictStreamResponseEnvelopeSchema, ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import type { ServerCall, ServerCallHandler } from "@tfs/rpc";
import { type Answer, type Codec, type FailureOf, pathOf, type Streaming, type Unary } from "@tfs/services";
import { background, type CancelCtx, type Ctx, done, type Failure, withTimeout } from "@tfs/std";
import { shuttingDown } from "./failure.ts";

/** Messages of one stream that are read and not answered yet, the answers that wait for a slow reader among them. */
const maxInFlight = 16;

export interface PredictStreamOptions {
  /** predict answers one message. */
  readonly predict: Unary;
  readonly failureOf: FailureOf;
  /** life ends the streams that are still open then, as its reason says; default it never does. */
  readonly life?: Ctx;
  /** log begins the log of a stream that opens; undefined if nobody keeps one. */
  readonly log?: () => StreamLog | undefined;
}

/** StreamLog is told of a stream's messages. */
export interface StreamLog {
  /** message gives the context to answer the next message in. */
  message(ctx: Ctx): Ctx;
  /** end is called once or more, when the stream is over. */
  end(): void;
}

/** PredictStream is the method, and every stream that is open. */
export interface PredictStream {
  readonly path: string;
  readonly method: Streaming;
  /** drain reads no further: what was read is answered, then each stream ends as Unavailable. One that comes later does at once. */
  drain(): void;
}

/** newPredictStream serves tfs.serving.v1's PredictStream: what Predict answers, or would fail with, message by message. */
export function newPredictStream({ predict, failureOf, life = background(), log }: PredictStreamOptions): PredictStream {
  const desc = ServingService.method.predictStream;
  const open = new Set<Talk>();
  let ended = false;
  const method: Streaming = {
    kind: "streaming",
    name: desc.name,
    open(call, codec) {
      if (ended) return call.end(shuttingDown);
      const talk = new Talk(call, { answer: predict[codec], wrap: wraps[codec], failureOf, life, log: log?.(), onOver: () => open.delete(talk) });
      open.add(talk);
      call.handler = talk;
    },
  };
  return {
    path: pathOf(desc),
    method,
    drain() {
      ended = true;
      for (const talk of open) talk.close(shuttingDown);
    },
  };
}

/** Wrap makes an answer of the stream from Predict's, or from what it failed with. */
interface Wrap {
  readonly response: (bytes: Uint8Array) => Uint8Array;
  readonly error: (failure: Failure) => Uint8Array;
}

const utf8 = new TextEncoder();
const wraps: Readonly<Record<Codec, Wrap>> = {
  proto: {
    response: (value) => toBinary(PredictStreamResponseEnvelopeSchema, create(PredictStreamResponseEnvelopeSchema, { answer: { case: "response", value } })),
    error: (failure) =>
      toBinary(PredictStreamResponseEnvelopeSchema, create(PredictStreamResponseEnvelopeSchema, { answer: { case: "error", value: statusOf(failure) } })),
  },
  json: {
    response: (bytes) => Buffer.concat([utf8.encode('{"response":'), bytes, utf8.encode("}")]),
    error: ({ code, message }) => utf8.encode(JSON.stringify({ error: { code, message } })), // details have no JSON form: which types they hold is not known here
  },
};

function statusOf({ code, message, details }: Failure) {
  return create(StatusSchema, { code, message, details: details.map((bytes) => fromBinary(AnySchema, bytes)) });
}

interface TalkOptions {
  readonly answer: Answer;
  readonly wrap: Wrap;
  readonly failureOf: FailureOf;
  readonly life: Ctx;
  readonly log: StreamLog | undefined;
  readonly onOver: () => void;
}

/** Place is where the answer to a message will be, in the order of the messages. */
interface Place {
  bytes: Uint8Array | undefined;
}

/** Talk is one stream. */
class Talk implements ServerCallHandler {
  readonly #call: ServerCall;
  readonly #options: TalkOptions;
  readonly #ctx: CancelCtx;
  readonly #places: Place[] = [];
  /** The client has said everything, or is heard no further: then `#last` says why. */
  #ended = false;
  #last: Failure | undefined = undefined;
  #held = false;
  #full = false;
  #over = false;

  constructor(call: ServerCall, options: TalkOptions) {
    this.#call = call;
    this.#options = options;
    this.#ctx = withTimeout(options.life, call.timeoutMs);
    void done(this.#ctx).then(() => this.#expire());
  }

  onMessage(bytes: Uint8Array): boolean {
    if (this.#ended) return false;
    const place: Place = { bytes: undefined };
    this.#places.push(place);
    void this.#run(place, bytes);
    this.#held = this.#full || this.#places.length >= maxInFlight;
    return !this.#held;
  }

  onEnd(): void {
    this.#ended = true;
    this.#send();
  }

  onCancel(): void {
    this.#finish();
  }

  onFault(failure: Failure): void {
    this.close(failure);
  }

  onDrain(): void {
    this.#full = false;
    this.#send();
  }

  /** close hears no further, and ends the call once what was heard is answered. */
  close(last: Failure): void {
    this.#ended = true;
    this.#last ??= last;
    this.#send();
  }

  async #run(place: Place, request: Uint8Array): Promise<void> {
    const { answer, wrap, failureOf, log } = this.#options;
    try {
      place.bytes = wrap.response(await answer(log?.message(this.#ctx) ?? this.#ctx, request, this.#call.exchange));
    } catch (err) {
      place.bytes = wrap.error(failureOf(err, "PredictStream", this.#call.exchange));
    }
    this.#send();
  }

  /** #send sends what is next and ready, for as long as the client reads; then there may be room for more messages. */
  #send(): void {
    if (this.#over) return;
    while (!this.#full) {
      const bytes = this.#places[0]?.bytes;
      if (bytes === undefined) break;
      this.#places.shift();
      this.#full = !this.#call.message(bytes);
    }
    if (this.#ended) {
      if (this.#places.length === 0) this.#end(this.#last);
    } else if (this.#held && !this.#full && this.#places.length < maxInFlight) {
      this.#held = false;
      this.#call.resume();
    }
  }

  #expire(): void {
    if (!this.#over) this.#end(this.#options.failureOf(this.#ctx.signal.reason, "PredictStream", this.#call.exchange));
  }

  #end(failure: Failure | undefined): void {
    this.#finish();
    this.#call.end(failure);
  }

  #finish(): void {
    this.#over = true;
    this.#options.log?.end();
    this.#options.onOver();
    this.#ctx.cancel();
  }
}
