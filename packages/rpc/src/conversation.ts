import { Code, type Ctx, canceled, isFailure, messageOf, newError, throwIfDone } from "@tfs/std";
import { type Asked, type Attempt, type Hearer, moreMessages, newAttempt, noMessage, type Opener } from "./attempt.ts";
import { compress } from "./compression.ts";
import type { Fields } from "./fields.ts";
import { frameMessage, prefixBytes } from "./frame.ts";
import { checkMetadata, type Metadata, toMetadata } from "./metadata.ts";

export interface ConversationRequest extends Asked {
  /** messages to send; their end is the end of the request. When the call is over before, the iteration is left. */
  readonly messages: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** one: the answer has to be one message, which comes when the call has ended well; Unimplemented otherwise. Default any number. */
  readonly one?: boolean;
}

/**
 * converse starts a call of any number of messages each way, over anything that opens calls; it is what Channel.stream does. Throws InvalidArgument for
 * metadata that may not be sent, and the reason of a ctx that is done; whatever happens later is thrown to the reader.
 */
export function converse(ctx: Ctx, opener: Opener, request: ConversationRequest): Conversation {
  throwIfDone(ctx);
  if (request.metadata !== undefined) checkMetadata(request.metadata);
  return new Conversation(ctx, opener, request);
}

/** What was sent is kept up to so many bytes until the peer answers, so that a call which it refused unseen can be made again. */
const replayBytes = 64 * 1024;

interface Received {
  readonly bytes: Uint8Array;
  readonly compressed: boolean;
}

class Conversation implements Hearer, Disposable {
  /** headers of the answer, as soon as they have come; none if the call failed before, or its answer is nothing but a status. Never rejects. */
  readonly headers: Promise<Metadata>;
  /** trailers, once the call is over, whatever its status; none if it failed below gRPC. Never rejects. */
  readonly trailers: Promise<Metadata>;
  /**
   * messages of the answer, for one reader. The peer may send no further ahead than one message and the channel's streamWindowBytes. The iteration ends when
   * the status is OK, and throws any other, after the messages before it. Leaving it early cancels the call.
   */
  readonly messages: AsyncIterableIterator<Uint8Array>;
  readonly #ctx: Ctx;
  readonly #opener: Opener;
  readonly #request: ConversationRequest;
  readonly #source: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #tellHeaders!: (headers: Metadata) => void; // both set by the constructor, through its promises
  #tellTrailers!: (trailers: Metadata) => void;
  #attempt: Attempt;
  #replay: Uint8Array[] | undefined = [];
  #replayed = 0;
  #retried = false;
  #ended = false; // the request is complete
  #over = false;
  #err: Error | undefined = undefined;
  #received: Received[] = [];
  #count = 0; // messages that have come
  #owed = 0; // bytes that came and were not given back as credit
  #wakeReader: (() => void) | undefined = undefined;
  #wakeWriter: (() => void) | undefined = undefined;

  constructor(ctx: Ctx, opener: Opener, request: ConversationRequest) {
    this.#ctx = ctx;
    this.#opener = opener;
    this.#request = request;
    this.headers = new Promise((resolve) => (this.#tellHeaders = resolve));
    this.trailers = new Promise((resolve) => (this.#tellTrailers = resolve));
    const { messages } = request;
    this.#source = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    this.messages = {
      [Symbol.asyncIterator]: () => this.messages,
      next: () => this.#next(),
      return: async () => {
        this[Symbol.dispose]();
        return { done: true, value: undefined };
      },
    };
    this.#attempt = newAttempt(ctx, opener, request, this);
    void this.#send(); // it rejects never, and ends with the call
  }

  /** dispose cancels the call unless it is over, and forgets what was not read. */
  [Symbol.dispose](): void {
    this.#attempt.abandon(canceled);
    this.#received = [];
    this.#err = undefined;
  }

  onHeaders(headers: Fields): void {
    this.#replay = undefined;
    this.#tellHeaders(toMetadata(headers));
  }

  onMessage(bytes: Uint8Array, compressed: boolean): void {
    if (++this.#count > 1 && this.#request.one === true) return void this.#attempt.abandon(moreMessages);
    this.#received.push({ bytes, compressed });
    this.#wakeReader?.();
  }

  onBytes(bytes: number): void {
    this.#owed += bytes;
    // A message must be able to become whole, however large. As long as none waits for the reader, that is all there is.
    if (this.#received.length === 0) this.#credit(this.#owed);
  }

  onOver(err: Error | undefined, refused: boolean): void {
    if (refused && !this.#retried && this.#replay !== undefined) return void this.#again(this.#replay);
    this.#over = true;
    this.#err = err ?? (this.#count === 0 && this.#request.one === true ? noMessage : undefined);
    this.#replay = undefined;
    this.#tellHeaders({});
    this.#tellTrailers(toMetadata(this.#attempt.trailers));
    this.#wakeReader?.();
    this.#wakeWriter?.();
    if (!this.#ended) void this.#leaveSource();
  }

  onDrain(): void {
    this.#wakeWriter?.();
  }

  /** #again makes a call that the peer has not seen once more, with all that was sent. */
  #again(sent: readonly Uint8Array[]): void {
    this.#retried = true;
    this.#attempt = newAttempt(this.#ctx, this.#opener, this.#request, this);
    let room = true;
    for (const framed of sent) room = this.#attempt.write(framed);
    if (this.#ended) this.#attempt.end();
    else if (room) this.#wakeWriter?.();
  }

  async #send(): Promise<void> {
    try {
      for (;;) {
        const step = await this.#source.next();
        if (this.#over) return;
        if (step.done === true) break;
        const framed = this.#request.compression === undefined ? frameMessage(step.value) : frameMessage(await compress(step.value), true);
        if (this.#over) return;
        this.#remember(framed);
        if (!this.#attempt.write(framed)) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
        if (this.#over) return;
      }
      this.#ended = true;
      this.#attempt.end();
    } catch (err) {
      this.#ended = true; // an iterator that threw is left already
      this.#attempt.abandon(isFailure(err) ? err : newError(Code.Unknown, `the messages to send ended with an error: ${messageOf(err)}`, err));
    }
  }

  #remember(framed: Uint8Array): void {
    if (this.#replay === undefined) return;
    this.#replayed += framed.length;
    if (this.#replayed <= replayBytes) this.#replay.push(framed);
    else this.#replay = undefined;
  }

  async #leaveSource(): Promise<void> {
    this.#ended = true;
    try {
      await this.#source.return?.();
    } catch {
      // The call is over, and its reader knows how: nobody is left to tell.
    }
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#wakeReader !== undefined) throw new Error("messages are read by two at a time");
    // One message is an answer only when the status says so.
    while ((this.#received.length === 0 || this.#request.one === true) && !this.#over) await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    this.#wakeReader = undefined;
    if (this.#err !== undefined && (this.#request.one === true || this.#ctx.signal.aborted)) this.#received = []; // whoever cancelled waits for nothing
    const message = this.#received.shift();
    if (message === undefined) return this.#end();
    this.#credit(this.#received.length === 0 ? this.#owed : Math.min(this.#owed, prefixBytes + message.bytes.length));
    return { done: false, value: message.compressed ? await this.#plain(message) : message.bytes };
  }

  /** #end is the end of the messages: an error is thrown once. */
  #end(): IteratorResult<Uint8Array> {
    const err = this.#err;
    this.#err = undefined;
    if (err !== undefined) throw err;
    return { done: true, value: undefined };
  }

  async #plain(message: Received): Promise<Uint8Array> {
    try {
      return await this.#attempt.plain(message.bytes, message.compressed);
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  #credit(bytes: number): void {
    this.#owed -= bytes;
    this.#attempt.consumed(bytes);
  }
}
export type { Conversation };
