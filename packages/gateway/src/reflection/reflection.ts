import {
  decompress,
  type Exchange,
  type ExchangeHandler,
  frameMessage,
  grpcAnswer,
  type Message,
  newDeframer,
  trailersFor,
  trailersOk,
  trailersOnly,
} from "@tfs/rpc";
import { Code, type Failure, newError, toFailure } from "@tfs/std";
import type { Schema } from "../schema/index.ts";
import { type Answerer, newAnswerer } from "./answer.ts";

/** Reflection answers the streams of one gateway. */
export interface Reflection {
  /** serve answers a call whose path isReflection, request by request. */
  serve(exchange: Exchange): void;
  /** drain ends every stream, so that none holds up the end. */
  drain(): void;
}

/** A question is a name: larger ones are refused. */
const maxRequestBytes = 16 << 10;
/** What one stream may ask ahead of the answers it reads. */
const maxWaitingBytes = 64 << 10;
const maxStreams = 100;

const draining = newError(Code.Unavailable, "the gateway is shutting down");

/** newReflection makes the service. There may be 100 streams; each may have 64 KiB of questions waiting while its client does not read answers. */
export function newReflection(schema: Schema): Reflection {
  const answerer = newAnswerer(schema);
  const open = new Set<Conversation>();
  return {
    serve(exchange) {
      if (open.size >= maxStreams) {
        exchange.respond(trailersOnly(newError(Code.ResourceExhausted, `${maxStreams} reflection streams are open already`)), true);
        return;
      }
      const conversation = new Conversation(exchange, answerer, () => open.delete(conversation));
      open.add(conversation);
      exchange.handler = conversation;
    },
    drain() {
      for (const conversation of open) conversation.end(draining);
    },
  };
}

/** Conversation is one stream: each question is answered before the next is looked at. */
class Conversation implements ExchangeHandler {
  readonly #exchange: Exchange;
  readonly #answerer: Answerer;
  readonly #onOver: () => void;
  readonly #deframer = newDeframer({ maxMessageBytes: maxRequestBytes });
  /** Names of the files that this client has. */
  readonly #had = new Set<string>();
  #asked: Message[] = [];
  #waitingBytes = 0;
  #heard = false;
  #working = false;
  #full = false;
  #over = false;

  constructor(exchange: Exchange, answerer: Answerer, onOver: () => void) {
    this.#exchange = exchange;
    this.#answerer = answerer;
    this.#onOver = onOver;
  }

  onData(buffer: Buffer, start: number, end: number): void {
    if (this.#over) return void this.#exchange.consumed(end - start);
    this.#waitingBytes += end - start;
    if (this.#waitingBytes > maxWaitingBytes) return void this.end(newError(Code.ResourceExhausted, `more than ${maxWaitingBytes} bytes of questions wait`));
    try {
      this.#asked.push(...this.#deframer.push(Buffer.from(buffer.subarray(start, end))));
    } catch (err) {
      return void this.end(toFailure(err));
    }
    void this.#work();
  }

  onEnd(): void {
    this.#heard = true;
    void this.#work();
  }

  onReset(): void {
    this.#over = true;
    this.#onOver();
  }

  onDrain(): void {
    this.#full = false;
    void this.#work();
  }

  /** end is the last word: a failure, or none. */
  end(failure?: Failure): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver();
    this.#asked = [];
    this.#exchange.consumed(this.#waitingBytes);
    if (failure !== undefined && !this.#exchange.responded) this.#exchange.respond(trailersOnly(failure), true);
    else {
      if (!this.#exchange.responded) this.#exchange.respond(grpcAnswer);
      this.#exchange.end(failure === undefined ? trailersOk : trailersFor(failure));
    }
  }

  /** #work answers what was asked, for as long as the client reads. Never throws. */
  async #work(): Promise<void> {
    if (this.#working || this.#full || this.#over) return;
    this.#working = true;
    try {
      for (let message = this.#next(); message !== undefined; message = this.#next()) await this.#answer(message);
      if (this.#asked.length > 0) return;
      this.#exchange.consumed(this.#waitingBytes);
      this.#waitingBytes = 0;
      if (!this.#heard) return;
      this.#deframer.end();
      this.end();
    } catch (err) {
      this.end(toFailure(err));
    } finally {
      this.#working = false;
    }
  }

  #next(): Message | undefined {
    return this.#full || this.#over ? undefined : this.#asked.shift();
  }

  async #answer(message: Message): Promise<void> {
    const request = await decompress(message, this.#exchange.fields.get("grpc-encoding"), maxRequestBytes);
    if (this.#over) return;
    const response = this.#answerer.answer(request, this.#had);
    if (!this.#exchange.responded) this.#exchange.respond(grpcAnswer);
    this.#full = !this.#exchange.write(frameMessage(response));
  }
}
