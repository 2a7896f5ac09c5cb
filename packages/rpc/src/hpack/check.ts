// What RFC 9113, sections 8.2 and 8.3, calls malformed.
import { isFieldText, isToken, tokens } from "../field_text.ts";
import type { Field, Fields } from "../fields.ts";

/** Fields that belong to one connection of HTTP/1.1 (section 8.2.2). */
const connectionFields = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);

/** fieldFault says what is wrong with one field; undefined if nothing is. */
export function fieldFault({ name, value }: Field): string | undefined {
  if (name === "" || name === ":") return "a field without a name";
  for (let i = 0; i < name.length; i++) {
    if (tokens[name.charCodeAt(i)] !== 1 && (i > 0 || !isPseudo(name))) return "a field name with a character that none may have";
  }
  if (connectionFields.has(name)) return `${name} belongs to HTTP/1.1`;
  if (name === "te" && value !== "trailers") return "te is not trailers";
  return valueFault(name, value);
}

/** valueFault says what is wrong with the value of a field of a sound name: RFC 9110, section 5.5, has no control characters but the tab. Undefined if nothing is. */
export function valueFault(name: string, value: string): string | undefined {
  if (!isFieldText(value)) return `the value of ${name} has a control character`;
  if (value.length > 0 && (isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(value.length - 1)))) return `the value of ${name} has space around it`;
  return undefined;
}

function isSpace(c: number): boolean {
  return c === 0x20 || c === 0x09;
}

/** What pseudo-fields other than the method may have: RFC 3986, sections 3.1 and 3.2, and of a path anything that is seen. */
const schemeText = /^[A-Za-z][A-Za-z\d+\-.]*$/;
const authorityText = /^[\w\-.~!$&'()*+,;=:@[\]%]*$/;
const pathText = /^[\x21-\x7e\x80-\xff]+$/;

function isHttp(scheme: string): boolean {
  return scheme === "http" || scheme === "https";
}

/** requestFault says what is wrong with a request's fields taken together. */
export function requestFault(list: readonly Field[]): string | undefined {
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let host: string | undefined;
  let regular = false;
  for (const { name, value } of list) {
    if (!isPseudo(name)) {
      regular = true;
      if (name !== "host") continue;
      if (host !== undefined) return "host comes twice";
      host = value;
      continue;
    }
    if (regular) return `${name} comes after regular fields`;
    if (name === ":method" && method === undefined) method = value;
    else if (name === ":scheme" && scheme === undefined) scheme = value;
    else if (name === ":path" && path === undefined) path = value;
    else if (name === ":authority" && authority === undefined) authority = value;
    else return `${name} is unknown or comes twice`;
  }
  if (method === undefined || method === "") return ":method is missing";
  if (!isToken(method)) return ":method has a character that none may have";
  if (!authorityText.test(authority ?? host ?? "")) return ":authority has a character that none may have";
  if (method === "CONNECT") return authority === undefined || path !== undefined || scheme !== undefined ? "CONNECT takes :authority alone" : undefined;
  if (scheme === undefined || scheme === "") return ":scheme is missing";
  if (isHttp(scheme) && (authority === "" || host === "")) return ":authority is empty"; // RFC 9113, section 8.3.1
  if (!schemeText.test(scheme)) return ":scheme has a character that none may have";
  if (path === undefined || path === "") return ":path is missing";
  if (!pathText.test(path)) return ":path has a character that none may have";
  // RFC 9113, section 8.3.1: a path begins with "/", but for OPTIONS of the server as a whole; other schemes have paths of their own.
  if (path.charCodeAt(0) !== 0x2f && isHttp(scheme) && !(path === "*" && method === "OPTIONS")) return ":path does not begin with /";
  if (host !== undefined && authority !== undefined && host !== authority) return ":authority and host differ";
  return undefined;
}

/** responseFault says what is wrong with a response's fields taken together; what has no :status may be trailers. */
export function responseFault(list: readonly Field[]): string | undefined {
  for (let i = 0; i < list.length; i++) {
    const { name } = list[i]!;
    if (isPseudo(name) && (i > 0 || name !== ":status")) return `${name} in a response`;
  }
  return /^[1-9]\d\d$/.test(list[0]?.name === ":status" ? list[0].value : "") ? undefined : ":status is missing";
}

/** trailersFault says what is wrong with trailers; undefined if nothing is. It looks at the same fields once. */
export function trailersFault(fields: Fields): string | undefined {
  if (fields.trailers === "unknown") fields.trailers = checkTrailers(fields.list);
  return fields.trailers;
}

function checkTrailers(list: readonly Field[]): string | undefined {
  for (let i = 0; i < list.length; i++) {
    const field = list[i]!;
    const fault = fieldFault(field);
    if (fault !== undefined) return fault;
    if (isPseudo(field.name)) return `${field.name} in trailers`;
  }
  return undefined;
}

/** isPseudo tells the names that begin with a colon. */
export function isPseudo(name: string): boolean {
  return name.charCodeAt(0) === 0x3a;
}
