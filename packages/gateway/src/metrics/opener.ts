// Data plane of gRPC-Web and Connect, whose calls are counted where they are gRPC.
import type { Call, CallHandler, Fields, OpenOptions, Wire } from "@tfs/rpc";
import { type Clock, Code, type Failure } from "@tfs/std";
import type { Meter, Model } from "./metrics.ts";
import { statusOf } from "./status.ts";

/** Backends starts calls on some backend. */
export interface Backends {
  open(fields: Fields, handler: CallHandler, options: OpenOptions): Call;
}

/** countBackends gives backends whose calls are counted. The model is that which the first piece of a call's body tells; what never gets as far as a backend is not counted. */
export function countBackends(backends: Backends, options: { readonly meter: Meter; readonly clock: Clock }): Backends {
  const { meter, clock } = options;
  return { open: (fields, handler, how) => new Counted(handler, how.deadline ?? Number.POSITIVE_INFINITY, meter, clock).open(backends, fields, how) };
}

class Counted implements Call, CallHandler {
  readonly #handler: CallHandler;
  readonly #deadline: number;
  readonly #meter: Meter;
  readonly #clock: Clock;
  readonly #began: number;
  #call!: Call;
  #model: Model | undefined = undefined;
  #received = 0;
  #sent = 0;
  #over = false;

  constructor(handler: CallHandler, deadline: number, meter: Meter, clock: Clock) {
    this.#handler = handler;
    this.#deadline = deadline;
    this.#meter = meter;
    this.#clock = clock;
    this.#began = clock.now();
    meter.begin();
  }

  open(backends: Backends, fields: Fields, how: OpenOptions): Call {
    this.#call = backends.open(fields, this, how);
    return this;
  }

  get queued(): number {
    return this.#call.queued;
  }

  get wire(): Wire | undefined {
    return this.#call.wire;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#model === undefined) this.#look(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
    this.#received += bytes.length;
    return this.#call.write(bytes);
  }

  send(wire: Wire, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): boolean {
    if (this.#model === undefined) this.#look(buffer, start, end);
    this.#received += end - start;
    return this.#call.send(wire, buffer, start, end, last, inPlace);
  }

  end(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#finish(this.#clock.now() < this.#deadline ? Code.Canceled : Code.DeadlineExceeded);
    this.#call.cancel();
  }

  consumed(bytes: number): void {
    this.#call.consumed(bytes);
  }

  onHeaders(fields: Fields, end: boolean): void {
    this.#handler.onHeaders(fields, end);
  }

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    this.#sent += end - start;
    this.#handler.onData(buffer, start, end, last, inPlace);
  }

  onEnd(trailers: Fields | undefined): void {
    this.#finish(statusOf(trailers));
    this.#handler.onEnd(trailers);
  }

  onError(failure: Failure, refused: boolean): void {
    this.#finish(failure.code);
    this.#handler.onError(failure, refused);
  }

  onDrain(): void {
    this.#handler.onDrain();
  }

  #look(buffer: Buffer, start: number, end: number): void {
    if (end > start) this.#model = this.#meter.look(buffer, start, end) ?? this.#meter.unknown;
  }

  #finish(code: Code): void {
    if (this.#over) return;
    this.#over = true;
    this.#meter.end(this.#model ?? this.#meter.unknown, code, this.#clock.now() - this.#began, this.#received, this.#sent);
  }
}
