/**
 * Package http1 serves HTTP/1.1 (RFC 9112) on wires that somebody else accepted, one exchange at a time on each. It takes nothing that could be read in two ways.
 *
 *     const http1 = newHttp1({ limits, clock, onExchange: (exchange) => { exchange.handler = …; exchange.respond(fields, true); } });
 *     http1.accept(wire, buffer, start, end);
 *
 * @module
 */
export type { Http1, Http1Options } from "./server.ts";
export { newHttp1 } from "./server.ts";
