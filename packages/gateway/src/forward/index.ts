/**
 * Package forward passes a gRPC call on, bytes untouched: any method of any service, unary or streaming.
 *
 * @module
 */
export type { ForwardOptions } from "./forward.ts";
export { forward } from "./forward.ts";
