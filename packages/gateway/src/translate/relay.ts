// Data plane: envelopes are gRPC's own, so bytes pass as they are; only the end of the answer is written anew. Both directions push back.
import {
  answerFault,
  type Boundary,
  type Call,
  type CallHandler,
  type Dialect,
  encodeText,
  type Exchange,
  type ExchangeHandler,
  type Fields,
  failureFromTrailers,
  h2,
  headFields,
  metadataFields,
  newBoundary,
  newFields,
  newTextDecoder,
  noFields,
  type Stream,
  tailBytes,
  type TextDecoder,
  webTrailers,
} from "@tfs/rpc";
import { deadlineExceeded, type Failure, toFailure } from "@tfs/std";
import type { Deadlines, Timed } from "../forward/index.ts";
import type { TranslateOptions } from "./translate.ts";

/** relay sends a call on, with `fields` for its backend. */
export function relay(client: Exchange, dialect: Dialect, fields: Fields, timeoutMs: number, options: TranslateOptions): void {
  const deadline = options.clock.now() + timeoutMs;
  const relaying = new Relay(client, dialect, deadline, options.deadlines);
  relaying.call = options.backends.open(fields, relaying, { deadline });
  const fromClient = new FromClient(client, relaying);
  relaying.fromClient = fromClient;
  client.handler = fromClient;
  options.deadlines.add(relaying);
}

/** Answers' heads and tails that were made before, by what they were made of: most answers begin and end like one before. */
const heads = new WeakMap<Fields, { readonly type: string; readonly fields: Fields }>();
const tails = new WeakMap<Fields, { readonly type: string; readonly bytes: Uint8Array }>();

function headOf(fields: Fields, dialect: Dialect): Fields {
  const known = heads.get(fields);
  if (known?.type === dialect.type) return known.fields;
  const made = headFields(dialect, metadataFields(fields), fields.get("grpc-encoding"));
  heads.set(fields, { type: dialect.type, fields: made });
  return made;
}

function tailOf(trailers: Fields | undefined, dialect: Dialect): Uint8Array {
  if (trailers?.get("grpc-status") === undefined) return tailBytes(dialect, failureFromTrailers(trailers), noFields);
  const known = tails.get(trailers);
  if (known?.type === dialect.type) return known.bytes;
  const bytes = newTail(trailers, dialect);
  tails.set(trailers, { type: dialect.type, bytes });
  return bytes;
}

const statusFields: ReadonlySet<string> = new Set(["grpc-status", "grpc-message", "grpc-status-details-bin"]);

/** gRPC-Web's trailers are gRPC's, as they came. */
function newTail(trailers: Fields, dialect: Dialect): Uint8Array {
  if (dialect.protocol === "connect") return tailBytes(dialect, failureFromTrailers(trailers), metadataFields(trailers));
  const status = trailers.list.filter(({ name }) => statusFields.has(name));
  const bytes = webTrailers(newFields([...status, ...metadataFields(trailers).list]));
  return dialect.textAnswer ? encodeText(bytes) : bytes;
}

/** Relay is a call on its way through, and hears its backend. */
class Relay implements CallHandler, Timed {
  readonly client: Exchange;
  readonly dialect: Dialect;
  readonly deadline: number;
  readonly #deadlines: Deadlines;
  /** Set right after they are made. */
  call!: Call;
  fromClient!: FromClient;
  over = false;
  /** Bytes of the answer that the backend has no credit for yet. */
  owed = 0;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  readonly #boundary: Boundary = newBoundary();

  constructor(client: Exchange, dialect: Dialect, deadline: number, deadlines: Deadlines) {
    this.client = client;
    this.dialect = dialect;
    this.deadline = deadline;
    this.#deadlines = deadlines;
  }

  onHeaders(fields: Fields, end: boolean): void {
    const fault = answerFault(fields);
    if (fault !== undefined) this.fail(fault);
    else if (!end) this.client.respond(headOf(fields, this.dialect)); // otherwise they are trailers, and come again as such
  }

  onData(buffer: Buffer, start: number, end: number, _last: boolean, inPlace: boolean): void {
    if (this.over) return;
    if (!this.#boundary.pass(buffer, start, end)) return void this.#breakOff();
    const length = end - start;
    if (this.#pass(buffer, start, end, inPlace)) this.call.consumed(length);
    else this.owed += length;
  }

  #pass(buffer: Buffer, start: number, end: number, inPlace: boolean): boolean {
    const { client, dialect } = this;
    if (dialect.textAnswer) return client.write(encodeText(buffer.subarray(start, end)));
    const { wire } = this.call;
    if (client.wire === "http2" && wire !== undefined) return (client as Stream).send(wire, buffer, start, end, false, inPlace);
    return client.write(Uint8Array.prototype.slice.call(buffer, start, end));
  }

  onEnd(trailers: Fields | undefined): void {
    if (this.over) return;
    if (!this.#boundary.clean) return void this.#breakOff();
    this.finish();
    this.#end(tailOf(trailers, this.dialect));
  }

  onError(failure: Failure): void {
    this.finish();
    this.#refuse(failure);
  }

  onDrain(): void {
    this.fromClient.settle();
  }

  expire(): void {
    this.fail(deadlineExceeded);
  }

  /** fail ends the call on both sides. */
  fail(failure: Failure): void {
    if (this.over) return;
    this.finish();
    this.call.cancel();
    this.#refuse(failure);
  }

  finish(): void {
    if (this.over) return;
    this.over = true;
    this.#deadlines.remove(this);
  }

  /** settle gives the backend credit for what the client has taken. */
  settle(): void {
    const done = this.owed;
    this.owed = 0;
    if (done > 0) this.call.consumed(done);
  }

  #refuse(failure: Failure): void {
    if (this.#boundary.clean) this.#end(tailBytes(this.dialect, failure, noFields));
    else this.client.reset(h2.internal); // within a message nothing else can be said
  }

  #breakOff(): void {
    this.finish();
    this.call.cancel();
    this.client.reset(h2.internal);
  }

  #end(tail: Uint8Array): void {
    if (!this.client.responded) this.client.respond(headOf(noFields, this.dialect));
    this.client.write(tail);
    this.client.end();
  }
}

/** FromClient hears the client. */
class FromClient implements ExchangeHandler {
  readonly #client: Exchange;
  readonly #relay: Relay;
  readonly #text: TextDecoder | undefined;
  /** Bytes of the request that the client has no credit for yet. */
  #owed = 0;

  constructor(client: Exchange, relaying: Relay) {
    this.#client = client;
    this.#relay = relaying;
    this.#text = relaying.dialect.text ? newTextDecoder() : undefined;
  }

  onData(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void {
    const length = end - start;
    if (this.#relay.over) return void this.#client.consumed(length);
    let taken: boolean;
    try {
      taken = this.#pass(buffer, start, end, last, inPlace);
    } catch (err) {
      this.#client.consumed(length);
      this.#relay.fail(toFailure(err));
      return;
    }
    if (taken) this.#client.consumed(length);
    else this.#owed += length;
  }

  #pass(buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): boolean {
    const { call } = this.#relay;
    if (this.#text !== undefined) return call.write(this.#text.push(buffer.subarray(start, end)));
    const client = this.#client;
    if (client.wire === "http2") return call.send((client as Stream).session.wire, buffer, start, end, last, inPlace);
    return call.write(Uint8Array.prototype.slice.call(buffer, start, end));
  }

  onEnd(): void {
    if (this.#relay.over) return;
    try {
      this.#text?.end();
    } catch (err) {
      this.#relay.fail(toFailure(err));
      return;
    }
    this.#relay.call.end();
  }

  onReset(): void {
    if (!this.#relay.over) this.#relay.call.cancel();
    this.#relay.finish();
  }

  onDrain(): void {
    this.#relay.settle();
  }

  /** settle gives the client credit for what the backend has taken. */
  settle(): void {
    const done = this.#owed;
    this.#owed = 0;
    if (done > 0) this.#client.consumed(done);
  }
}
