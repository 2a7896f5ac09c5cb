import { type Body, type Exchange, type Fields, newField, newFields } from "@tfs/rpc";

/** Answer is what a plain HTTP request gets. */
export interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: Uint8Array;
}

/** Request is a plain HTTP request of either version. */
export interface Request {
  readonly exchange: Exchange;
  readonly body: Body;
  readonly method: string;
  /** target is path and query. */
  readonly target: string;
}

/** requestOf reads what every plain request has. */
export function requestOf(exchange: Exchange, body: Body): Request {
  return { exchange, body, method: exchange.fields.get(":method") ?? "", target: exchange.fields.get(":path") ?? "" };
}

/** send answers, unless the client is gone. */
export function send(exchange: Exchange, answer: Answer): void {
  const { status, type, body } = answer;
  if (body.length === 0) return void exchange.respond(fieldsOf(status, type, 0), true);
  // HTTP/1.1 says the length of what is written by itself, but for HEAD, to which nothing is. Fields without one are the same object again and again.
  const said = exchange.wire === "http1" && exchange.fields.get(":method") !== "HEAD";
  exchange.respond(said ? usualFields(status, type) : fieldsOf(status, type, body.length));
  exchange.write(body);
  exchange.end();
}

const usual = new Map<string, Fields>();

function usualFields(status: number, type: string | undefined): Fields {
  if (status === 200 && type === json) return ok;
  const key = `${status} ${type}`;
  let fields = usual.get(key);
  if (fields === undefined) {
    fields = fieldsOf(status, type);
    usual.set(key, fields); // there are as many as there are statuses in use
  }
  return fields;
}

/** json is the type of every answer of the REST API. */
export const json = "application/json";
const ok: Fields = fieldsOf(200, json);

function fieldsOf(status: number, type: string | undefined, length = -1): Fields {
  const fields = [newField(":status", String(status))];
  if (length >= 0) fields.push(newField("content-length", String(length)));
  if (type !== undefined) fields.push(newField("content-type", type));
  return newFields(fields);
}
