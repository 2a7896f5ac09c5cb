// Data plane. From headers, messages and an end to what each protocol writes.
import { Code, type Failure, newError } from "@tfs/std";
import { connectEnd, connectError, connectStatus } from "../connect/index.ts";
import type { Exchange } from "../exchange.ts";
import { type Field, type Fields, moreFields, newField, newFields } from "../fields.ts";
import { frameMessage, messagePrefix } from "../frame.ts";
import { trailersFor, trailersOk } from "../status.ts";
import { encodeText, webTrailers } from "../web/index.ts";
import type { Dialect } from "./dialect.ts";

/** Sender writes one answer. */
export interface Sender {
  /** headers come first, if at all. `encoding` is what messages are compressed with, where they are. */
  headers(metadata: Fields, encoding: string | undefined): void;
  /** message sends one; false asks to wait for room. */
  message(bytes: Uint8Array, compressed: boolean): boolean;
  /** end says how it went; `metadata` is what gRPC sends as trailers. `httpStatus` is for a failure whose HTTP status is another than its code's, where the protocol has one. */
  end(failure: Failure | undefined, metadata: Fields, httpStatus?: number): void;
}

/** newSender makes a sender for the dialect of the request. */
export function newSender(exchange: Exchange, dialect: Dialect): Sender {
  if (dialect.bare) return new Bare(exchange, dialect);
  return dialect.protocol === "grpc" ? new Trailing(exchange, dialect) : new Enveloped(exchange, dialect);
}

/** noFields is the metadata of whoever has none. */
export const noFields: Fields = newFields([]);
const ok = newField(":status", "200");

/** headFields are the fields of an answer in envelopes. */
export function headFields(dialect: Dialect, metadata: Fields, encoding: string | undefined): Fields {
  const list = [ok, newField("content-type", dialect.type)];
  if (encoding !== undefined && encoding !== "identity")
    list.push(newField(dialect.protocol === "connect" ? "connect-content-encoding" : "grpc-encoding", encoding));
  return newFields([...list, ...metadata.list]);
}

/** Up to this length a message is copied behind its prefix: that costs less than a frame of its own for the prefix. */
const copiedBytes = 32 * 1024;

function writeFramed(exchange: Exchange, bytes: Uint8Array, compressed: boolean): boolean {
  if (bytes.length <= copiedBytes) return exchange.write(frameMessage(bytes, compressed));
  exchange.write(messagePrefix(bytes.length, compressed));
  return exchange.write(bytes);
}

/** tailBytes end a body of gRPC-Web, or a stream of Connect. */
export function tailBytes(dialect: Dialect, failure: Failure | undefined, metadata: Fields): Uint8Array {
  if (dialect.protocol === "connect") return connectEnd(failure, metadata);
  const tail = webTrailers(statusAnd(failure, metadata));
  return dialect.textAnswer ? encodeText(tail) : tail;
}

function statusAnd(failure: Failure | undefined, metadata: Fields): Fields {
  const status = failure === undefined ? trailersOk : trailersFor(failure);
  return moreFields(status, metadata.list);
}

/** Trailing is gRPC: the status comes as trailers, or with the head of an answer that has no messages. */
class Trailing implements Sender {
  readonly #exchange: Exchange;
  readonly #dialect: Dialect;

  constructor(exchange: Exchange, dialect: Dialect) {
    this.#exchange = exchange;
    this.#dialect = dialect;
  }

  headers(metadata: Fields, encoding: string | undefined): void {
    this.#exchange.respond(headFields(this.#dialect, metadata, encoding));
  }

  message(bytes: Uint8Array, compressed: boolean): boolean {
    if (!this.#exchange.responded) this.headers(noFields, undefined);
    return writeFramed(this.#exchange, bytes, compressed);
  }

  end(failure: Failure | undefined, metadata: Fields): void {
    const tail = statusAnd(failure, metadata);
    if (this.#exchange.responded) this.#exchange.end(tail);
    else this.#exchange.respond(moreFields(headFields(this.#dialect, noFields, undefined), tail.list), true);
  }
}

/** Enveloped is gRPC-Web, and Connect's streams: the end is one more envelope. */
class Enveloped implements Sender {
  readonly #exchange: Exchange;
  readonly #dialect: Dialect;

  constructor(exchange: Exchange, dialect: Dialect) {
    this.#exchange = exchange;
    this.#dialect = dialect;
  }

  headers(metadata: Fields, encoding: string | undefined): void {
    this.#exchange.respond(headFields(this.#dialect, metadata, encoding));
  }

  message(bytes: Uint8Array, compressed: boolean): boolean {
    if (!this.#exchange.responded) this.headers(noFields, undefined);
    if (this.#dialect.textAnswer) return this.#exchange.write(encodeText(frameMessage(bytes, compressed)));
    return writeFramed(this.#exchange, bytes, compressed);
  }

  end(failure: Failure | undefined, metadata: Fields): void {
    if (!this.#exchange.responded) this.headers(noFields, undefined);
    this.#exchange.write(tailBytes(this.#dialect, failure, metadata));
    this.#exchange.end();
  }
}

/** Bare is a unary call of Connect: all is held until it is known how it went, since the status comes first. */
class Bare implements Sender {
  readonly #exchange: Exchange;
  readonly #dialect: Dialect;
  #metadata: Fields = noFields;
  #encoding: string | undefined = undefined;
  #message: Uint8Array | undefined = undefined;
  #compressed = false;
  #tooMany = false;

  constructor(exchange: Exchange, dialect: Dialect) {
    this.#exchange = exchange;
    this.#dialect = dialect;
  }

  headers(metadata: Fields, encoding: string | undefined): void {
    this.#metadata = metadata;
    this.#encoding = encoding;
  }

  message(bytes: Uint8Array, compressed: boolean): boolean {
    if (this.#message !== undefined) this.#tooMany = true;
    this.#message = bytes;
    this.#compressed = compressed;
    return true;
  }

  end(failure: Failure | undefined, metadata: Fields, httpStatus?: number): void {
    const wrong = failure ?? this.#cardinality();
    const list: Field[] = [];
    let body: Uint8Array;
    if (wrong !== undefined) {
      body = connectError(wrong);
      list.push(newField(":status", String(httpStatus ?? connectStatus(wrong.code))), newField("content-type", "application/json"));
    } else {
      body = this.#message!;
      list.push(ok, newField("content-type", this.#dialect.type));
      if (this.#compressed && this.#encoding !== undefined) list.push(newField("content-encoding", this.#encoding));
    }
    for (const field of this.#metadata.list) list.push(field);
    for (const { name, value, sensitive } of metadata.list) list.push(newField(`trailer-${name}`, value, sensitive));
    const fields = newFields(list);
    if (body.length === 0) return void this.#exchange.respond(fields, true);
    this.#exchange.respond(fields);
    this.#exchange.write(body);
    this.#exchange.end();
  }

  #cardinality(): Failure | undefined {
    if (this.#tooMany) return newError(Code.Internal, "more than one message answers a unary call");
    return this.#message === undefined ? newError(Code.Internal, "no message answers a unary call") : undefined;
  }
}
