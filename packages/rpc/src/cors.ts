// Browsers ask, before they let a page of another origin send a request or read an answer (Fetch standard, "CORS protocol"). Nothing here allows credentials: cookies and
// client certificates stay out of it, so that any page that may call at all calls as a stranger.
import { Code, newError } from "@tfs/std";
import type { Exchange, ExchangeHandler } from "./exchange.ts";
import { type Field, type Fields, newField, newFields } from "./fields.ts";

/** Cors says what pages of other origins may do. */
export interface Cors {
  /** preflight gives the whole answer to a browser's question whether a page may send what it wants to; undefined if the request is no such question, or the page may not. */
  preflight(request: Fields): Fields | undefined;
  /** open gives what an answer to this request has to say to be read by its page. */
  open(request: Fields): Opened;
}

/** Opened adds fields to an answer, given its own: what pages may read of an answer is listed in it. */
export type Opened = (answer: Fields) => readonly Field[];

/** What browsers let pages read without being told (Fetch standard, "CORS-safelisted response-header name"), and what is about CORS itself. */
const readable = /^(?::.*|access-control-.*|vary|cache-control|content-language|content-length|content-type|expires|last-modified|pragma)$/;

/** Request headers that clients of REST, gRPC-Web and Connect send. */
const requestHeaders = [
  "authorization",
  "connect-accept-encoding",
  "connect-content-encoding",
  "connect-protocol-version",
  "connect-timeout-ms",
  "content-encoding",
  "content-type",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-timeout",
  "traceparent",
  "tracestate",
  "x-grpc-web",
  "x-request-id",
  "x-user-agent",
].join(", ");

/** Chromium keeps an answer no longer than this, in seconds; others longer. */
const maxAgeSeconds = 7200;

const noContent = newField(":status", "204");
const varyOrigin = newField("vary", "origin");
const allows = [
  newField("access-control-allow-methods", "GET, POST"),
  newField("access-control-allow-headers", requestHeaders),
  newField("access-control-max-age", String(maxAgeSeconds)),
];

/** newCors lets pages of these origins in, or of all with "*", but for pages without an origin ("null": sandboxes, files). Undefined without origins: then nothing is said. */
export function newCors(origins: readonly string[]): Cors | undefined {
  if (origins.length === 0) return undefined;
  const all = origins.includes("*");
  const fields = new Map(origins.map((origin) => [origin, newField("access-control-allow-origin", origin)]));
  const allowOrigin = (request: Fields): Field | undefined => {
    const origin = request.get("origin");
    if (origin === undefined || origin === "null") return undefined;
    return fields.get(all ? "*" : origin);
  };
  return {
    preflight(request) {
      if (request.get(":method") !== "OPTIONS" || request.get("access-control-request-method") === undefined) return undefined;
      const origin = allowOrigin(request);
      return origin && newFields([noContent, origin, ...allows, varyOrigin]);
    },
    open(request) {
      const origin = allowOrigin(request);
      if (origin === undefined) return () => [varyOrigin];
      return (answer) => {
        const names = new Set(answer.list.map(({ name }) => name).filter((name) => !readable.test(name)));
        const opened = [origin, varyOrigin];
        if (names.size > 0) opened.push(newField("access-control-expose-headers", [...names].join(", ")));
        return opened;
      };
    },
  };
}

const maxOrigins = 100;

/** checkOrigins holds what an option of that name lists to what newCors takes. Throws InvalidArgument. */
export function checkOrigins(option: string, origins: readonly string[]): void {
  if (origins.length > maxOrigins) throw newError(Code.InvalidArgument, `${option} has ${origins.length} origins; there may be ${maxOrigins}`);
  if (origins.includes("*") && origins.length > 1) throw newError(Code.InvalidArgument, `${option}: * lets all origins in, so it stands alone`);
  for (const origin of origins) {
    if (origin === "*") continue;
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    // "null", which pages in sandboxes and files have in common, is no origin that can be trusted: it does not parse either.
    if (url === undefined || url.origin !== origin)
      throw newError(Code.InvalidArgument, `${option}: ${JSON.stringify(origin)} is not SCHEME://HOST[:PORT] in lower case`);
  }
}

/** openTo gives an exchange whose answer says what `opened` has it say. What it is given is not to be used beside it. */
export function openTo(exchange: Exchange, opened: Opened): Exchange {
  return new Open(exchange, opened);
}

class Open implements Exchange {
  readonly wire: Exchange["wire"];
  readonly fields: Fields;
  readonly timeout: string | undefined;
  readonly peer: Exchange["peer"];
  readonly #exchange: Exchange;
  readonly #opened: Opened;

  constructor(exchange: Exchange, opened: Opened) {
    this.wire = exchange.wire;
    this.fields = exchange.fields;
    this.timeout = exchange.timeout;
    this.peer = exchange.peer;
    this.#exchange = exchange;
    this.#opened = opened;
  }

  get handler(): ExchangeHandler {
    return this.#exchange.handler;
  }

  set handler(handler: ExchangeHandler) {
    this.#exchange.handler = handler;
  }

  get responded(): boolean {
    return this.#exchange.responded;
  }

  respond(fields: Fields, end?: boolean): void {
    this.#exchange.respond(newFields([...fields.list, ...this.#opened(fields)]), end);
  }

  write(bytes: Uint8Array): boolean {
    return this.#exchange.write(bytes);
  }

  end(trailers?: Fields): void {
    this.#exchange.end(trailers);
  }

  reset(code: number): void {
    this.#exchange.reset(code);
  }

  consumed(bytes: number): void {
    this.#exchange.consumed(bytes);
  }
}
