import type { OutgoingHttpHeaders } from "node:http2";
import { collectBody } from "../body.ts";
import type { Exchange } from "../exchange.ts";
import { type Fields, fieldsOf, newField, newFields } from "../fields.ts";

/** serveBody calls `serve` with a request's whole body; what it gives goes back, as a gRPC answer to gRPC requests and as a plain one to others. */
export function serveBody(exchange: Exchange, serve: (body: Uint8Array) => Uint8Array): void {
  const grpc = exchange.fields.get("content-type")?.startsWith("application/grpc") === true;
  collectBody(exchange, 1 << 30)
    .whole()
    .then(
      (body) => {
        exchange.respond(grpc ? fieldsOf([":status", "200"], ["content-type", "application/grpc"]) : fieldsOf([":status", "200"]));
        exchange.write(serve(body));
        exchange.end(grpc ? fieldsOf(["grpc-status", "0"]) : undefined);
      },
      () => {}, // the client is gone
    );
}

/** nodeHeaders gives fields in the shape that node:http2 takes. */
export function nodeHeaders(fields: Fields): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  for (const { name, value } of fields.list) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [...(typeof before === "string" ? [before] : before), value];
  }
  return headers;
}

/** fieldsFrom is the inverse of nodeHeaders; pseudo-fields come first, as HTTP/2 wants them. */
export function fieldsFrom(headers: OutgoingHttpHeaders): Fields {
  const list = Object.entries(headers).flatMap(([name, value]) => (Array.isArray(value) ? value : [String(value)]).map((one) => newField(name, one)));
  return newFields([...list.filter(({ name }) => name.startsWith(":")), ...list.filter(({ name }) => !name.startsWith(":"))]);
}
