// Data plane, message by message: for unary calls of Connect, for JSON, and for compressions that gRPC servers do not know.
import {
  answerFault,
  type Call,
  type CallHandler,
  type Fields,
  failureFromTrailers,
  frameMessage,
  metadataFields,
  newReader,
  noFields,
  type Reader,
  type ReaderSink,
  type ServerCall,
  type ServerCallHandler,
} from "@tfs/rpc";
import { Code, deadlineExceeded, type Failure } from "@tfs/std";
import type { Deadlines, Timed } from "../forward/index.ts";
import type { Plan } from "./plan.ts";
import type { TranslateOptions } from "./translate.ts";

/** translateMessages serves a call by one of gRPC. */
export function translateMessages(client: ServerCall, plan: Plan & { readonly is: "translate" }, options: TranslateOptions): void {
  const toClient = new ToClient(client, plan, options.clock.now() + client.timeoutMs, options);
  toClient.call = options.backends.open(plan.fields, toClient, { deadline: toClient.deadline });
  client.handler = new FromClient(toClient, plan);
  options.deadlines.add(toClient);
}

/** ToClient hears the backend. */
class ToClient implements CallHandler, ReaderSink, Timed {
  readonly client: ServerCall;
  readonly deadline: number;
  readonly #plan: Plan & { readonly is: "translate" };
  readonly #deadlines: Deadlines;
  readonly #maxAnswerBytes: number;
  /** Set right after the backend's side is opened. */
  call!: Call;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  /** Reads the answer; undefined while there is none, and for one that is nothing but trailers. */
  #reader: Reader | undefined = undefined;
  #trailers: Fields | undefined = undefined;
  /** A message has come. */
  #answered = false;
  #ended = false;

  constructor(client: ServerCall, plan: Plan & { readonly is: "translate" }, deadline: number, options: TranslateOptions) {
    this.client = client;
    this.deadline = deadline;
    this.#plan = plan;
    this.#deadlines = options.deadlines;
    this.#maxAnswerBytes = options.maxAnswerBytes;
  }

  onHeaders(fields: Fields, end: boolean): void {
    const fault = answerFault(fields);
    if (fault !== undefined) return void this.onFault(fault);
    if (end) return;
    const { dialect, json } = this.#plan;
    const encoding = fields.get("grpc-encoding");
    this.#reader = newReader(this, { maxMessageBytes: this.#maxAnswerBytes, bare: false, encoding, plain: json !== undefined });
    this.client.headers(metadataFields(fields), dialect.codec === "json" ? undefined : encoding);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.#reader?.push(buffer, start, end, end - start);
  }

  onEnd(trailers: Fields | undefined): void {
    this.#ended = true;
    this.#trailers = trailers;
    if (this.#reader === undefined) this.onLast();
    else this.#reader.end();
  }

  onError(failure: Failure): void {
    this.#ended = true;
    this.#end(failure, noFields);
  }

  onDrain(): void {
    this.client.resume();
  }

  onMessage(bytes: Uint8Array, compressed: boolean): boolean {
    const { json } = this.#plan;
    this.#answered = true;
    return this.client.message(json === undefined ? bytes : json.responseToJson(bytes), compressed);
  }

  onLast(): void {
    this.#end(failureFromTrailers(this.#trailers), this.#trailers === undefined ? noFields : metadataFields(this.#trailers));
  }

  onFault(failure: Failure): void {
    this.cancel();
    // A backend that says why it broke off within a message is believed.
    const said = this.#trailers === undefined ? undefined : failureFromTrailers(this.#trailers);
    this.#end(said ?? failure, noFields);
  }

  credit(bytes: number): void {
    this.call.consumed(bytes);
  }

  expire(): void {
    this.onFault(deadlineExceeded);
  }

  /** resume goes on with an answer that waited for its reader. */
  resume(): void {
    this.#reader?.resume();
  }

  /** cancel tells the backend that nobody waits. */
  cancel(): void {
    this.finish();
    this.#reader?.stop();
    if (!this.#ended) this.call.cancel();
    this.#ended = true;
  }

  finish(): void {
    this.#deadlines.remove(this);
  }

  #end(failure: Failure | undefined, metadata: Fields): void {
    this.finish();
    // What no descriptor names and no backend has is not there: Connect's own servers say that by status 404.
    if (failure?.code === Code.Unimplemented && !this.#plan.known && !this.#answered) this.client.refuse(failure, 404);
    else this.client.end(failure, metadata);
  }
}

/** FromClient hears the client. */
class FromClient implements ServerCallHandler {
  readonly #to: ToClient;
  readonly #plan: Plan & { readonly is: "translate" };

  constructor(to: ToClient, plan: Plan & { readonly is: "translate" }) {
    this.#to = to;
    this.#plan = plan;
  }

  onMessage(bytes: Uint8Array, compressed: boolean): boolean {
    const { json } = this.#plan;
    const message = json === undefined ? bytes : json.requestFromJson(bytes);
    return this.#to.call.write(frameMessage(message, compressed));
  }

  onEnd(): void {
    this.#to.call.end();
  }

  onCancel(): void {
    this.#to.cancel();
  }

  onDrain(): void {
    this.#to.resume();
  }
}
