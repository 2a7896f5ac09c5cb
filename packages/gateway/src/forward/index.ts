/**
 * Package forward passes a gRPC call on, bytes untouched: any method of any service, unary or streaming.
 *
 *     onStream: (stream, headers, _flags, raw) => forward(stream, headers, raw, { backends: pool, clock }),
 *
 * @module
 */
export type { Backends, ForwardOptions } from "./forward.ts";
export { forward } from "./forward.ts";
