// Data plane: bytes in, bytes out. Both directions push back: a slow reader holds its writer back and nothing else.
import { type Call, type CallHandler, type Fields, type OpenOptions, parseTimeout, type Stream, type StreamHandler, trailersFor, trailersOnly } from "@tfs/rpc";
import { type Clock, deadlineExceeded, type Failure, toFailure } from "@tfs/std";
import type { Deadlines, Timed } from "./deadlines.ts";
import { answerFields } from "./hop.ts";

/** Backends starts calls on some backend. */
export interface Backends {
  open(fields: Fields, handler: CallHandler, options: OpenOptions): Call;
}

export interface ForwardOptions {
  readonly backends: Backends;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
}

/**
 * forward sends a call on, with `fields` for its backend, and passes back what comes: headers, messages, trailers. The deadline that is left travels on; a client
 * that goes away, or whose deadline passes, cancels. A failure between here and the backend ends the call with a status of its own.
 */
export function forward(client: Stream, fields: Fields, options: ForwardOptions): void {
  let deadline = Number.POSITIVE_INFINITY;
  if (client.timeout !== undefined) {
    try {
      deadline = options.clock.now() + parseTimeout(client.timeout);
    } catch (err) {
      client.respond(trailersOnly(toFailure(err)), true);
      return;
    }
  }
  const forwarding = new Forwarding(client, deadline, options.deadlines);
  forwarding.call = options.backends.open(fields, forwarding, { end: client.heard, deadline });
  client.handler = new FromClient(client, forwarding);
  if (deadline !== Number.POSITIVE_INFINITY) options.deadlines.add(forwarding);
}

/** Forwarding is a call on its way through, and hears its backend. */
class Forwarding implements CallHandler, Timed {
  readonly client: Stream;
  readonly deadline: number;
  readonly #deadlines: Deadlines;
  /** Set right after the backend's side is opened. */
  call!: Call;
  over = false;
  /** Bytes of the answer that the backend has no credit for yet. */
  owed = 0;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;

  constructor(client: Stream, deadline: number, deadlines: Deadlines) {
    this.client = client;
    this.deadline = deadline;
    this.#deadlines = deadlines;
  }

  onHeaders(fields: Fields, end: boolean): void {
    this.client.respond(answerFields(fields), end);
  }

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    const length = end - start;
    const { wire } = this.call;
    if (wire === undefined || this.client.send(wire, buffer, start, end, last, inPlace)) this.call.consumed(length);
    else this.owed += length;
  }

  onEnd(trailers: Fields | undefined): void {
    // Nothing is made up when none came: what such an end means is the client's to judge.
    this.client.end(trailers === undefined ? undefined : answerFields(trailers));
    this.finish();
  }

  onError(failure: Failure): void {
    this.finish();
    this.#refuse(failure);
  }

  onDrain(): void {
    // The backend takes more of the request, so the client may send more.
    this.fromClient?.settle();
  }
  fromClient: FromClient | undefined = undefined;

  expire(): void {
    if (this.over) return;
    this.over = true;
    this.call.cancel();
    this.#refuse(deadlineExceeded);
  }

  finish(): void {
    if (this.over) return;
    this.over = true;
    if (this.deadline !== Number.POSITIVE_INFINITY) this.#deadlines.remove(this);
  }

  #refuse(failure: Failure): void {
    if (this.client.responded) this.client.end(trailersFor(failure));
    else this.client.respond(trailersOnly(failure), true);
  }
}

/** FromClient hears the client. */
class FromClient implements StreamHandler {
  readonly #client: Stream;
  readonly #forwarding: Forwarding;
  /** Bytes of the request that the client has no credit for yet. */
  #owed = 0;

  constructor(client: Stream, forwarding: Forwarding) {
    this.#client = client;
    this.#forwarding = forwarding;
    forwarding.fromClient = this;
  }

  onHeaders(): void {} // a server's stream has none to come

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    const { call } = this.#forwarding;
    const length = end - start;
    if (call.send(this.#client.session.wire, buffer, start, end, last, inPlace)) this.#client.consumed(length);
    else this.#owed += length;
  }

  onEnd(): void {
    this.#forwarding.call.end();
  }

  onReset(): void {
    if (!this.#forwarding.over) this.#forwarding.call.cancel();
    this.#forwarding.finish();
  }

  onDrain(): void {
    const forwarding = this.#forwarding;
    const done = forwarding.owed - this.#client.queued;
    if (done <= 0) return;
    forwarding.owed -= done;
    forwarding.call.consumed(done);
  }

  settle(): void {
    const done = this.#owed - this.#forwarding.call.queued;
    if (done <= 0) return;
    this.#owed -= done;
    this.#client.consumed(done);
  }
}
