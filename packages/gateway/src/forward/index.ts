/**
 * Package forward passes a gRPC call on, bytes untouched: any method of any service, unary or streaming.
 *
 *     onExchange: (stream) => forward(stream, requestFields(stream.fields), { backends: pool, clock, deadlines: newDeadlines(clock) }),
 *
 * @module
 */
export type { Backends, ForwardOptions } from "./forward.ts";
export { forward } from "./forward.ts";
export type { Deadlines, Timed } from "./deadlines.ts";
export { newDeadlines } from "./deadlines.ts";
export { requestFields } from "./hop.ts";
