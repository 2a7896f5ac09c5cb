// Data plane: bytes in, bytes out. Both directions push back: a slow reader holds its writer back and nothing else.
import { type Call, type CallHandler, type Fields, type OpenOptions, parseTimeout, type Stream, type StreamHandler, trailersFor, trailersOnly } from "@tfs/rpc";
import { type Clock, Code, deadlineExceeded, type Failure, toFailure } from "@tfs/std";
import { type Meter, type Model, statusOf } from "../metrics/index.ts";
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
  /** meter counts the calls. */
  readonly meter: Meter;
}

/** A call whose first message comes in more pieces than this is for nobody known: who sends it byte by byte has it looked at so often and no oftener. */
const maxLooks = 4;
const empty: Buffer = Buffer.alloc(0);

/**
 * forward sends a call on, with `fields` for its backend, and passes back what comes: headers, messages, trailers. The deadline that is left travels on; a client
 * that goes away, or whose deadline passes, cancels. A failure between here and the backend ends the call with a status of its own.
 */
export function forward(client: Stream, fields: Fields, options: ForwardOptions): void {
  const { clock, meter } = options;
  const began = clock.now();
  meter.begin();
  let deadline = Number.POSITIVE_INFINITY;
  if (client.timeout !== undefined) {
    try {
      deadline = began + parseTimeout(client.timeout);
    } catch (err) {
      const failure = toFailure(err);
      client.respond(trailersOnly(failure), true);
      meter.end(meter.unknown, failure.code, 0, 0, 0);
      return;
    }
  }
  const forwarding = new Forwarding(client, deadline, began, options);
  forwarding.call = options.backends.open(fields, forwarding, { end: client.heard, deadline });
  client.handler = new FromClient(client, forwarding);
  if (deadline !== Number.POSITIVE_INFINITY) options.deadlines.add(forwarding);
}

/** Forwarding is a call on its way through, and hears its backend. */
class Forwarding implements CallHandler, Timed {
  readonly client: Stream;
  readonly deadline: number;
  readonly #began: number;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #meter: Meter;
  /** Set right after the backend's side is opened. */
  call!: Call;
  over = false;
  /** Bytes of the answer that the backend has no credit for yet. */
  owed = 0;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  /** Bytes of the request, and of the answer. */
  received = 0;
  sent = 0;
  /** model is whom the call is for; undefined until enough has come to tell. */
  model: Model | undefined;
  /** The pieces of the first message that did not tell. */
  #head: Buffer = empty;
  #looks = 0;

  constructor(client: Stream, deadline: number, began: number, options: ForwardOptions) {
    const { meter } = options;
    this.client = client;
    this.deadline = deadline;
    this.#began = began;
    this.#clock = options.clock;
    this.#deadlines = options.deadlines;
    this.#meter = meter;
    this.model = meter.looks ? undefined : meter.unknown;
  }

  /** look is given what comes of the request while the model is not known. Mostly the first piece tells, and nothing is kept. */
  look(buffer: Buffer, start: number, end: number): void {
    if (this.#looks === 0) this.model = this.#meter.look(buffer, start, end);
    else {
      this.#head = Buffer.concat([this.#head, buffer.subarray(start, end)]);
      this.model = this.#meter.look(this.#head, 0, this.#head.length);
    }
    if (++this.#looks === maxLooks) this.model ??= this.#meter.unknown;
    if (this.model !== undefined) this.#head = empty;
    else if (this.#looks === 1) this.#head = Buffer.from(buffer.subarray(start, end));
  }

  onHeaders(fields: Fields, end: boolean): void {
    this.client.respond(answerFields(fields), end);
  }

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    const length = end - start;
    this.sent += length;
    const { wire } = this.call;
    if (wire === undefined || this.client.send(wire, buffer, start, end, last, inPlace)) this.call.consumed(length);
    else this.owed += length;
  }

  onEnd(trailers: Fields | undefined): void {
    // Nothing is made up when none came: what such an end means is the client's to judge.
    this.client.end(trailers === undefined ? undefined : answerFields(trailers));
    this.finish(statusOf(trailers));
  }

  onError(failure: Failure): void {
    this.finish(failure.code);
    this.#refuse(failure);
  }

  onDrain(): void {
    // The backend takes more of the request, so the client may send more.
    this.fromClient?.settle();
  }
  fromClient: FromClient | undefined = undefined;

  expire(): void {
    if (this.over) return;
    this.finish(Code.DeadlineExceeded);
    this.call.cancel();
    this.#refuse(deadlineExceeded);
  }

  /** finish is called with the call's status, by whoever knows it first. */
  finish(code: Code): void {
    if (this.over) return;
    this.over = true;
    if (this.deadline !== Number.POSITIVE_INFINITY) this.#deadlines.remove(this);
    this.#meter.end(this.model ?? this.#meter.unknown, code, this.#clock.now() - this.#began, this.received, this.sent);
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
    this.#forwarding.received += length;
    if (this.#forwarding.model === undefined && length > 0) this.#forwarding.look(buffer, start, end);
    if (call.send(this.#client.session.wire, buffer, start, end, last, inPlace)) this.#client.consumed(length);
    else this.#owed += length;
  }

  onEnd(): void {
    this.#forwarding.call.end();
  }

  onReset(): void {
    if (!this.#forwarding.over) this.#forwarding.call.cancel();
    this.#forwarding.finish(Code.Canceled);
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
