// Data plane. What the lines of a request's head mean together: whose it is, and where its body ends (RFC 9112, section 6.3).
import { isToken } from "../field_text.ts";
import { type Field, type Fields, newField, newFields } from "../fields.ts";
import { refusal } from "./refusal.ts";
import { isAuthority, type RequestLine } from "./scan.ts";

/** Head is what a request says before its body. */
export interface Head {
  /** Pseudo-fields first, then the rest in order, without what concerns this connection alone. */
  readonly fields: Fields;
  readonly timeout: string | undefined;
  /** length of the body in bytes; -1 if it is chunked. */
  readonly length: number;
  readonly http10: boolean;
  /** close: the connection ends after the answer. */
  readonly close: boolean;
  /** expects: the client waits for 100 (Continue) before it sends the body. */
  readonly expects: boolean;
  /** trailers: the client reads them. */
  readonly trailers: boolean;
  /** headOnly: the answer has no body. */
  readonly headOnly: boolean;
}

/** connectionFields mean something on one connection only: read here, never handed on, never taken from a handler (RFC 9110, section 7.6.1). */
export const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** As many digits as a length that a double counts exactly can have. */
const maxLengthDigits = 15;

/** readHead puts the lines together. `before` is the connection's previous head: where the fields are the same, so is the object. Throws a Refusal. */
export function readHead(start: RequestLine, lines: readonly Field[], encrypted: boolean, before: Head | undefined): Head {
  let host: Field | undefined;
  let length: string | undefined;
  let coding: string | undefined;
  let connection: string | undefined;
  let trailers = false;
  let timeout: string | undefined;
  let expects = false;
  const rest: Field[] = [];
  for (let i = 0; i < lines.length; i++) {
    const field = lines[i]!;
    switch (field.name) {
      case "host":
        if (host !== undefined) throw refusal(400, "more than one host");
        host = field;
        break;
      case "content-length":
        if (length !== undefined) throw refusal(400, "more than one content-length");
        length = field.value;
        rest.push(field);
        break;
      case "transfer-encoding":
        coding = joined(coding, field.value);
        break;
      case "connection":
        connection = joined(connection, field.value);
        break;
      case "te":
        trailers ||= hasToken(field.value, "trailers");
        if (field.value === "trailers") rest.push(field); // the one value that HTTP/2 knows
        break;
      case "grpc-timeout":
        if (timeout !== undefined) throw refusal(400, "more than one grpc-timeout");
        timeout = field.value;
        break;
      case "expect":
        if (field.value.toLowerCase() !== "100-continue") throw refusal(417, "only 100-continue can be expected");
        expects = !start.http10;
        break;
      default:
        if (!connectionFields.has(field.name)) rest.push(field);
    }
  }
  const authority = readAuthority(start, host, before);
  if (start.scheme !== undefined && start.scheme !== (encrypted ? "https" : "http")) throw refusal(400, `${start.scheme} is not what this connection speaks`);
  const list = [start.method, encrypted ? https : http, authority, start.path, ...(connection === undefined ? rest : withoutNamed(rest, connection))];
  return {
    fields: before !== undefined && sameFields(before.fields.list, list) ? before.fields : newFields(list),
    timeout,
    length: readLength(start, length, coding),
    http10: start.http10,
    close: start.http10 || (connection !== undefined && hasToken(connection, "close")),
    expects,
    trailers: trailers && !start.http10,
    headOnly: start.method.value === "HEAD",
  };
}

const http: Field = newField(":scheme", "http");
const https: Field = newField(":scheme", "https");
const authorityIndex = 2;

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}

function hasToken(list: string, token: string): boolean {
  return list === token || list.split(",").some((part) => part.trim().toLowerCase() === token);
}

/** withoutNamed leaves out the fields that `Connection` names (RFC 9110, section 7.6.1). */
function withoutNamed(fields: readonly Field[], connection: string): readonly Field[] {
  if (connection === "keep-alive" || connection === "close") return fields;
  const named = new Set(connection.split(",").map((part) => part.trim().toLowerCase()));
  return fields.filter((field) => !named.has(field.name));
}

function sameFields(a: readonly Field[], b: readonly Field[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** readAuthority is the target's, and then the host field does not count (RFC 9112, section 3.2.2); else the host's. */
function readAuthority(start: RequestLine, host: Field | undefined, before: Head | undefined): Field {
  if (host === undefined && !start.http10) throw refusal(400, "no host");
  if (host !== undefined && !isAuthority(host.value)) throw refusal(400, "the host is not a name with or without a port");
  const value = start.authority ?? host?.value ?? "";
  const last = before?.fields.list[authorityIndex];
  return last?.value === value ? last : newField(":authority", value);
}

/** readLength says where the body ends. Whatever two readers might understand in two ways is refused (RFC 9112, sections 6.1 to 6.3 and 11.2). */
function readLength(start: RequestLine, length: string | undefined, coding: string | undefined): number {
  if (coding !== undefined) {
    if (length !== undefined) throw refusal(400, "content-length and transfer-encoding at once");
    if (start.http10) throw refusal(400, "transfer-encoding in HTTP/1.0");
    const codings = coding.split(",").map((part) => part.trim().toLowerCase());
    if (codings.some((name) => !isToken(name))) throw refusal(400, "a transfer-encoding that is not a list of names");
    if (codings.indexOf("chunked") !== codings.length - 1) {
      throw codings.includes("chunked")
        ? refusal(400, "chunked must be the last transfer-encoding, and once")
        : refusal(501, "only chunked transfer-encoding is served");
    }
    if (codings.length > 1) throw refusal(501, "only chunked transfer-encoding is served");
    return -1;
  }
  if (length === undefined) return 0;
  if (!/^\d+$/.test(length)) throw refusal(400, "content-length is not a number");
  if (length.length > maxLengthDigits) throw refusal(400, "content-length is too large");
  return Number(length);
}
