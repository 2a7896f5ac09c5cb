import { STATUS_CODES } from "node:http";
import type { Fields } from "../fields.ts";

/** Framing is how a client learns where an answer's body ends. */
export type Framing = "length" | "chunks" | "close" | "none";

export interface AnswerOptions {
  /** length of the whole body, if the fields do not tell; -1 if nobody knows. */
  readonly length: number;
  /** close: no other answer follows on this connection. */
  readonly close: boolean;
  /** minor is the client's HTTP/1.x; 0 knows no chunks. */
  readonly minor: number;
  readonly head: boolean;
  readonly date: string;
}

/** Fields that are the connection's own business. */
const ours = new Set(["connection", "keep-alive", "transfer-encoding", "proxy-connection", "upgrade", "te"]);

/** formatHead writes an answer's first lines, :status first among the fields, and says how its body is framed. */
export function formatHead(fields: Fields, options: AnswerOptions): { readonly text: string; readonly framing: Framing } {
  const status = fields.list[0]!.value;
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  let length = false;
  let date = false;
  for (const { name, value } of fields.list) {
    if (name.charCodeAt(0) === 0x3a || ours.has(name)) continue;
    if (name === "content-length") length = true;
    else if (name === "date") date = true;
    text += `${name}: ${value}\r\n`;
  }
  if (!date) text += `date: ${options.date}\r\n`;
  const bodiless = options.head || status === "204" || status === "304";
  let framing: Framing = bodiless ? "none" : "length";
  if (!length && !bodiless) {
    if (options.length >= 0) text += `content-length: ${options.length}\r\n`;
    else if (options.minor > 0) {
      text += "transfer-encoding: chunked\r\n";
      framing = "chunks";
    } else framing = "close";
  }
  const close = options.close || framing === "close";
  text += close ? "connection: close\r\n\r\n" : "connection: keep-alive\r\n\r\n";
  return { text, framing };
}

/** formatTrailers writes what comes behind the last chunk. */
export function formatTrailers(trailers: Fields | undefined): string {
  let text = "0\r\n";
  for (const { name, value } of trailers?.list ?? []) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}

/** refusal is a whole answer that says only its status, and closes. */
export function refusal(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
}
