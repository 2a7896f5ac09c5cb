/**
 * Package http1 is the serving side of HTTP/1.1 (RFC 9110, RFC 9112) over connections that somebody else accepted. It reads strictly: what two
 * readers might understand in two ways is refused, so that no request can hide in another one.
 *
 *     const http1 = newHttp1({ limits, clock, logger, onExchange: (exchange) => serve(exchange) });
 *     http1.accept(wire, bytes, 0, bytes.length); // what was read to tell the protocol
 *     http1.drain(); // answers in flight get out, idle connections close
 *
 * @module
 */
export type { Http1, Http1Options } from "./server.ts";
export { newHttp1 } from "./server.ts";
