// Data plane. A call that its backend refused unseen is tried on the next one.
import type { Call, CallHandler, Channel, Fields, OpenOptions, Wire } from "@tfs/rpc";
import { Code, type Failure, newError } from "@tfs/std";
import { type Arena, newReplay, type Replay } from "./replay.ts";

/** Most bytes a call may have said before it is tied to its backend. */
const replayBytes = 64 * 1024;

/** Picker gives the backend for a call that was refused by those in `tried`; undefined when there is no other. */
export interface Picker {
  /** arena keeps what short calls have said. */
  readonly arena: Arena;
  pick(tried: readonly Channel[]): Channel | undefined;
}

/**
 * openFirst opens a call on the backend that is picked first; one that refuses it unseen is passed over for the next, each once. What the handler hears as onError is
 * final, and tells strangers nothing of the fleet: addresses stay in the cause.
 */
export function openFirst(picker: Picker, fields: Fields, handler: CallHandler, options: OpenOptions): Call {
  const attempt = new Attempt(picker, fields, handler, options);
  attempt.open();
  return attempt;
}

const none: readonly Channel[] = [];

class Attempt implements Call, CallHandler {
  readonly #picker: Picker;
  readonly #fields: Fields;
  readonly #handler: CallHandler;
  readonly #options: OpenOptions;
  readonly #replay: Replay;
  #tried: Channel[] | undefined = undefined;
  #channel: Channel | undefined = undefined;
  #current!: Call;
  #over = false;

  constructor(picker: Picker, fields: Fields, handler: CallHandler, options: OpenOptions) {
    this.#picker = picker;
    this.#fields = fields;
    this.#handler = handler;
    this.#options = options;
    this.#replay = newReplay(replayBytes, picker.arena);
  }

  /** open tries the next backend; false if there is none. */
  open(): boolean {
    const channel = this.#picker.pick(this.#tried ?? none);
    if (channel === undefined) return false;
    this.#channel = channel;
    this.#current = channel.open(this.#fields, this, this.#options);
    if (this.#tried !== undefined) this.#repeat();
    return true;
  }

  #repeat(): void {
    for (const chunk of this.#replay.said()) this.#current.write(chunk);
    if (this.#replay.ended) this.#current.end();
  }

  get queued(): number {
    return this.#current.queued;
  }

  get wire(): Wire | undefined {
    return this.#current.wire;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#replay.whole) this.#replay.push(bytes);
    return this.#current.write(bytes);
  }

  send(wire: Wire, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): boolean {
    if (this.#replay.whole) this.#replay.pushCopy(buffer, start, end);
    if (last) this.#replay.end();
    return this.#current.send(wire, buffer, start, end, last, inPlace);
  }

  end(): void {
    this.#replay.end();
    this.#current.end();
  }

  cancel(): void {
    this.#over = true;
    this.#current.cancel();
  }

  consumed(bytes: number): void {
    this.#current.consumed(bytes);
  }

  onHeaders(fields: Fields, end: boolean): void {
    this.#replay.drop();
    this.#handler.onHeaders(fields, end);
  }

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    this.#handler.onData(buffer, start, end, last, inPlace);
  }

  onEnd(trailers: Fields | undefined): void {
    this.#handler.onEnd(trailers);
  }

  onDrain(): void {
    this.#handler.onDrain();
  }

  onError(failure: Failure, refused: boolean): void {
    if (this.#over) return;
    if (refused && this.#replay.whole) {
      this.#tried ??= [];
      this.#tried.push(this.#channel!);
      if (this.open()) return;
    }
    this.#handler.onError(forStrangers(failure, refused), false);
  }
}

/** A failure of ours names an address; one that the backend meant for the caller passes as it is. */
function forStrangers(failure: Failure, refused: boolean): Failure {
  if (failure.code === Code.Unavailable)
    return newError(Code.Unavailable, refused ? "no model server is available" : "the connection to the model server was lost", failure);
  if (refused) return newError(failure.code, "too many calls wait for a model server", failure);
  return failure;
}
