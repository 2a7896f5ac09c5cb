/**
 * Package connect knows what is Connect's own: names and HTTP statuses of codes, errors and ends of streams as JSON, calls by GET, timeouts.
 * Source: connectrpc.com/docs/protocol.
 *
 *     exchange.write(connectEnd(failure, trailers));
 *
 * @module
 */
export { connectCode, connectStatus } from "./code.ts";
export { connectEnd, connectError } from "./error.ts";
export type { Query } from "./query.ts";
export { messageOf, readQuery } from "./query.ts";
export { parseConnectTimeout } from "./timeout.ts";
