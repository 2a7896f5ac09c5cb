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

/** write sends an answer, compressed if the client takes that and it is worth it. Never throws. */
export async function write(exchange: Exchange, answer: Answer, { cors, compressor }: WriteOptions): Promise<void> {
  const { status, type } = answer;
  const zipped = compressor !== undefined && acceptsGzip(exchange.fields.get("accept-encoding")) ? await compressor.gzipped(answer.body) : undefined;
  const body = zipped ?? answer.body;
  const fields = [newField(":status", String(status)), newField("content-length", String(body.length))];
  if (type !== undefined) fields.push(newField("content-type", type));
  if (zipped !== undefined) fields.push(newField("content-encoding", "gzip"));
  if (compressor !== undefined) fields.push(newField("vary", "accept-encoding"));
  if (answer.more !== undefined) fields.push(...answer.more);
  if (cors && answer.outside !== true) fields.push(...corsFields);
  if (body.length === 0) return void exchange.respond(newFields(fields), true);
  exchange.respond(newFields(fields));
  exchange.write(body);
  exchange.end();
}
