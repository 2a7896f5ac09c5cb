// Data plane. The grammar of one line: RFC 9112, sections 3 and 5. Control characters and line ends are lines.ts's business.
import { isTokenCode, tokens } from "../field_text.ts";
import { type Field, newField } from "../fields.ts";
import { refusal } from "./refusal.ts";

/** RequestLine is the first line of a request. */
export interface RequestLine {
  readonly method: Field;
  /** path is path and query, or "*". */
  readonly path: Field;
  /** target's scheme and authority, if it was in absolute form. */
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  readonly http10: boolean;
}

const tab = 9;
const space = 32;
const hash = 35;
const colon = 58;
const slash = 47;

/** Fields that must not enter a compression table further on (RFC 7541, section 7.1.3). */
const secrets: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** scanField reads `name: value` with its name in lower case. Throws a Refusal with 400; a line that continues the one before (obs-fold) is one reason. */
export function scanField(buffer: Buffer, start: number, end: number): Field {
  let at = start;
  let capital = false;
  for (; at < end; at++) {
    const kind = tokens[buffer[at]!]!;
    if (kind === 1) continue;
    if (kind === 0) break;
    capital = true;
  }
  if (at === end) throw refusal(400, "a field without a colon");
  if (buffer[at] !== colon || at === start) throw refusal(400, fieldFault(buffer[start]!, buffer[at]!, at === start));
  let from = at + 1;
  let to = end;
  while (from < to && isBlank(buffer[from]!)) from++;
  while (to > from && isBlank(buffer[to - 1]!)) to--;
  const written = buffer.toString("latin1", start, at);
  const name = capital ? written.toLowerCase() : written;
  return newField(name, buffer.toString("latin1", from, to), secrets.has(name));
}

function fieldFault(first: number, found: number, atStart: boolean): string {
  if (atStart && isBlank(first)) return "a field continued on a second line";
  if (atStart) return "a field without a name";
  return isBlank(found) ? "blanks in a field name" : "a character that no field name may hold";
}

function isBlank(byte: number): boolean {
  return byte === space || byte === tab;
}

/** scanRequestLine reads `method target HTTP/1.1`. Throws a Refusal: 400, 501 for CONNECT, 505 for versions other than 1.0 and 1.1. */
export function scanRequestLine(buffer: Buffer, start: number, end: number): RequestLine {
  let at = start;
  while (at < end && isTokenCode(buffer[at]!)) at++;
  if (at === start || at === end || buffer[at] !== space) throw refusal(400, "the request line does not begin with a method and one space");
  const method = buffer.toString("latin1", start, at);
  // The connection preface of HTTP/2 keeps this method from any other use (RFC 9113, section 11.6).
  if (method === "PRI") throw refusal(400, "PRI is not a method of HTTP/1.1");
  const from = at + 1;
  let to = from;
  while (to < end && isTargetByte(buffer[to]!)) to++;
  if (buffer[to] === hash) throw refusal(400, "the target has a fragment, which stays with the client");
  if (to === from || to === end || buffer[to] !== space) throw refusal(400, "the request line does not hold one target between single spaces");
  const http10 = scanVersion(buffer.toString("latin1", to + 1, end));
  if (method === "CONNECT") throw refusal(501, "CONNECT is not served");
  return { method: newField(":method", method), http10, ...scanTarget(method, buffer.toString("latin1", from, to), buffer[from]!) };
}

/** Visible ASCII but for "#": a fragment is no part of a target (RFC 9112, section 3.2), and the rest has to be percent-encoded. */
function isTargetByte(byte: number): boolean {
  return byte > space && byte < 127 && byte !== hash;
}

function scanVersion(version: string): boolean {
  if (version === "HTTP/1.1") return false;
  if (version === "HTTP/1.0") return true;
  throw /^HTTP\/\d\.\d$/.test(version) ? refusal(505, "HTTP/1.1 is spoken here") : refusal(400, "the request line does not end with a version");
}

function scanTarget(method: string, target: string, first: number): Pick<RequestLine, "path" | "scheme" | "authority"> {
  if (first === slash) return { path: newField(":path", target), scheme: undefined, authority: undefined };
  if (target === "*" && method === "OPTIONS") return { path: newField(":path", "*"), scheme: undefined, authority: undefined };
  const absolute = /^(https?):\/\/([^/?]+)(.*)$/i.exec(target);
  if (absolute === null || !isAuthority(absolute[2]!)) throw refusal(400, "the target is neither a path nor an http URL");
  const rest = absolute[3]!;
  const bare = rest === "" && method === "OPTIONS" ? "*" : "/"; // RFC 9112, section 3.2.4
  const path = rest.startsWith("/") ? rest : rest === "" ? bare : `/${rest}`;
  return { path: newField(":path", path), scheme: absolute[1]!.toLowerCase(), authority: absolute[2]! };
}

/** isAuthority tells whether the text is uri-host [":" port] (RFC 9110, section 7.2), without user information. It may be empty. */
export function isAuthority(text: string): boolean {
  return /^(?:\[[0-9A-Fa-f:.]+\]|[-\w.~!$&'()*+,;=%]*)(?::\d*)?$/.test(text);
}
