import { acceptsGzip } from "@tfs/rest";
import { type Exchange, type Field, newField, newFields } from "@tfs/rpc";
import type { Compressor } from "./compress.ts";

/** Answer is a response to write. */
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly type?: string;
  /** outside says that the answer is none of the API's, and has no CORS fields. */
  readonly outside?: boolean;
  /** more fields. */
  readonly more?: readonly Field[];
}

export const json = "application/json";

export interface WriteOptions {
  readonly cors: boolean;
  /** compressor, if answers may be compressed. */
  readonly compressor: Compressor | undefined;
}

const corsFields: readonly Field[] = [
  newField("access-control-allow-origin", "*"),
  newField("access-control-allow-methods", "POST, GET"),
  newField("access-control-allow-headers", "Content-Type"),
];

/** A body up to here leaves in one piece, for which HTTP/1.1 finds the length by itself; and fields that are the same object each time are printed once. */
const wholeBytes = 32 * 1024;

/** newWriter makes what sends answers, compressed if the client takes that and it is worth it. It never throws. */
export function newWriter({ cors, compressor }: WriteOptions): (exchange: Exchange, answer: Answer) => void {
  const last = [...(compressor === undefined ? [] : [newField("vary", "accept-encoding")]), ...(cors ? corsFields : [])];
  const usual = newFields([newField(":status", "200"), newField("content-type", json), ...last]);

  function isUsual({ wire, fields }: Exchange, { status, body, type, outside, more }: Answer): boolean {
    if (status !== 200 || type !== json || outside === true || more !== undefined) return false;
    return wire === "http1" && body.length > 0 && body.length <= wholeBytes && fields.get(":method") !== "HEAD";
  }

  function send(exchange: Exchange, answer: Answer, zipped: Uint8Array | undefined): void {
    if (zipped === undefined && isUsual(exchange, answer)) exchange.respond(usual);
    else {
      const fields = newFields(fieldsOf(answer, zipped));
      if (answer.body.length === 0) return void exchange.respond(fields, true);
      exchange.respond(fields);
    }
    exchange.write(zipped ?? answer.body);
    exchange.end();
  }

  function fieldsOf({ status, body, type, outside, more }: Answer, zipped: Uint8Array | undefined): Field[] {
    const fields = [newField(":status", String(status)), newField("content-length", String((zipped ?? body).length))];
    if (type !== undefined) fields.push(newField("content-type", type));
    if (zipped !== undefined) fields.push(newField("content-encoding", "gzip"));
    if (compressor !== undefined) fields.push(newField("vary", "accept-encoding"));
    if (more !== undefined) fields.push(...more);
    if (cors && outside !== true) fields.push(...corsFields);
    return fields;
  }

  return (exchange, answer) => {
    if (compressor === undefined || !acceptsGzip(exchange.fields.get("accept-encoding"))) return send(exchange, answer, undefined);
    void compressor.gzipped(answer.body).then((zipped) => send(exchange, answer, zipped));
  };
}
