// RFC 9112, sections 2 to 6: a request's first lines. Whatever can be read in two ways is refused: proxies that disagree are how requests are smuggled.
import { type Field, type Fields, newField, newFields } from "../fields.ts";

/** Head is what a request says before its body. */
export interface Head {
  /** fields begin with :method, :scheme, :authority and :path. */
  readonly fields: Fields;
  /** timeout is the value of grpc-timeout, which is not among the fields. */
  readonly timeout: string | undefined;
  readonly method: string;
  /** minor is the 1 of HTTP/1.1. */
  readonly minor: number;
  /** length of the body; -1 if it comes in chunks. */
  readonly length: number;
  /** keepAlive: the client can take another answer on this connection. */
  readonly keepAlive: boolean;
  /** waits: the client sends the body when it is told to go on (Expect: 100-continue). */
  readonly waits: boolean;
  /** trailers: the client takes fields behind a chunked body. */
  readonly trailers: boolean;
}

/** A request that cannot be served is its status. */
export type Refusal = 400 | 417 | 501 | 505;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const hostForm = /^[A-Za-z0-9\-._~%!$&'()*+,;=:[\]]*$/;
const badValue = /[\0-\x08\x0a-\x1f\x7f]/;
const badTarget = /[\0-\x20\x7f-\xff]/;

/** parseHead reads a head, without the empty line at its end. */
export function parseHead(text: string, encrypted: boolean): Head | Refusal {
  const lines = text.split("\r\n");
  const request = /^([^ ]+) ([^ ]+) HTTP\/(\d)\.(\d)$/.exec(lines[0]!);
  if (request === null) return 400;
  const [, method, target, major, minorDigit] = request as unknown as readonly string[];
  if (major !== "1") return 505;
  if (!token.test(method!) || badTarget.test(target!)) return 400;
  const minor = Number(minorDigit);
  const list: Field[] = [];
  let timeout: string | undefined;
  let host: string | undefined;
  let length: number | undefined;
  let coding: string | undefined;
  let connection = "";
  let expect: string | undefined;
  let te = "";
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!;
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!token.test(name)) return 400; // no colon, space before it, or a line that goes on with space
    const value = trim(line.slice(colon + 1));
    if (badValue.test(value)) return 400;
    switch (name) {
      case "host":
        if (host !== undefined || !hostForm.test(value)) return 400;
        host = value;
        continue; // it is :authority
      case "content-length":
        if (length !== undefined || !/^\d{1,15}$/.test(value)) return 400;
        length = Number(value);
        break;
      case "transfer-encoding":
        if (coding !== undefined) return 400;
        coding = value.toLowerCase();
        continue;
      case "connection":
        connection += `,${value.toLowerCase()}`;
        continue;
      case "keep-alive":
      case "proxy-connection":
      case "upgrade":
      case "http2-settings":
        continue; // of this hop; an upgrade is not taken up
      case "expect":
        expect = value.toLowerCase();
        continue;
      case "te":
        te += `,${value.toLowerCase()}`;
        break;
      case "grpc-timeout":
        if (timeout !== undefined) return 400;
        timeout = value;
        continue;
      default:
    }
    list.push(newField(name, value));
  }
  if (coding !== undefined) {
    if (length !== undefined || minor === 0) return 400;
    if (coding !== "chunked") return 501;
    length = -1;
  }
  if (host === undefined && minor > 0) return 400;
  if (expect !== undefined && expect !== "100-continue") return 417;
  const where = locate(method!, target!, host ?? "");
  if (where === undefined) return 400;
  const options = connection.split(",").map(trim);
  const pseudo = [
    newField(":method", method!),
    newField(":scheme", encrypted ? "https" : "http"),
    newField(":authority", where.authority),
    newField(":path", where.path),
  ];
  return {
    fields: newFields([...pseudo, ...list]),
    timeout,
    method: method!,
    minor,
    length: length ?? 0,
    keepAlive: options.includes("close") ? false : minor > 0 || options.includes("keep-alive"),
    waits: expect !== undefined && minor > 0,
    trailers: te.split(",").some((one) => trim(one) === "trailers"),
  };
}

/** parseTrailers reads the fields behind a chunked body; undefined if they are malformed. */
export function parseTrailers(text: string): Fields | undefined {
  const list: Field[] = [];
  for (const line of text === "" ? [] : text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = trim(line.slice(colon + 1));
    if (!token.test(name) || badValue.test(value)) return undefined;
    list.push(newField(name, value));
  }
  return newFields(list);
}

/** locate reads a target in origin, absolute or asterisk form (section 3.2). What an absolute one says of the host wins. */
function locate(method: string, target: string, host: string): { readonly authority: string; readonly path: string } | undefined {
  if (target.startsWith("/")) return { authority: host, path: target };
  if (target === "*") return method === "OPTIONS" ? { authority: host, path: "*" } : undefined;
  const absolute = /^https?:\/\/([^/?#]+)([^#]*)$/i.exec(target);
  if (absolute === null || method === "CONNECT" || !hostForm.test(absolute[1]!)) return undefined;
  const path = absolute[2]!;
  return { authority: absolute[1]!, path: path.startsWith("/") ? path : `/${path}` };
}

/** trim takes away spaces and tabs only. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x09;
}
