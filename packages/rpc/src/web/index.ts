/**
 * Package web knows what is gRPC-Web's own: trailers as the last frame of the body, and bodies in base64.
 * Source: grpc/doc/PROTOCOL-WEB.md.
 *
 *     exchange.write(webTrailers(trailersOk));
 *
 * @module
 */
export type { TextDecoder } from "./text.ts";
export { encodeText, newTextDecoder } from "./text.ts";
export { webTrailers } from "./trailers.ts";
