import { type Body, type Exchange, newField, newFields } from "@tfs/rpc";

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
  const fields = [newField(":status", String(answer.status)), newField("content-length", String(answer.body.length))];
  if (answer.type !== undefined) fields.push(newField("content-type", answer.type));
  if (answer.body.length === 0) return void exchange.respond(newFields(fields), true);
  exchange.respond(newFields(fields));
  exchange.write(answer.body);
  exchange.end();
}
