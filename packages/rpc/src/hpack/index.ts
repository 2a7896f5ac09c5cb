/**
 * Package hpack turns header blocks into fields and fields into header blocks (RFC 7541). The decoder keeps its peer's table and remembers what came before;
 * the encoder uses no table, so that a field is encoded once and for all connections.
 *
 *     const { fields, apart } = newDecoder({ maxTableBytes: 4096, maxListBytes: 32768, kind: "request", apart: "grpc-timeout" }).decode(buffer, start, end);
 *     const block = encodeFields(fields);
 *
 * @module
 */
export type { Block } from "./blocks.ts";
export { trailersFault } from "./check.ts";
export type { Decoder, DecoderOptions } from "./decoder.ts";
export { newDecoder } from "./decoder.ts";
export { encodeField, encodeFields, encodeTableSize, writeField } from "./encoder.ts";
