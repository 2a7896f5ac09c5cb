/**
 * Package serve is the serving side of a call, whichever of gRPC, gRPC-Web and Connect it came by.
 *
 *     const dialect = dialectOf(exchange.fields); // undefined: plain HTTP
 *     const call = serveCall(exchange, dialect, { maxMessageBytes });
 *     if (call !== undefined) call.handler = { onMessage, onEnd, onCancel, onDrain };
 *
 * @module
 */
export type { ServeOptions, ServerCall, ServerCallHandler } from "./call.ts";
export { admitCall, refuseCall, serveCall } from "./call.ts";
export type { Dialect, Protocol } from "./dialect.ts";
export { dialectOf } from "./dialect.ts";
export { metadataFields } from "./metadata.ts";
export type { Reader, ReaderOptions, ReaderSink } from "./reader.ts";
export { newReader } from "./reader.ts";
export { headFields, noFields, tailBytes } from "./sender.ts";
