/**
 * Package rpc/testing is an HTTP/2 peer that does exactly what a test writes: frames by hand, on either end of a connection.
 *
 *     const peer = rawClient(port);
 *     peer.send(encodeFrame(frameType.headers, frameFlag.endHeaders, 1, encodeHeaders({ ":method": "POST", … })));
 *     const reset = await peer.until((frame) => frame.type === frameType.rstStream);
 *
 * @module
 */
export type { Frame } from "./frames.ts";
export { clientPreface, encodeFrame, encodeHeaders, frameFlag, frameType, newFrameReader, uint32 } from "./frames.ts";
export type { Raw } from "./raw.ts";
export { rawClient, rawServer } from "./raw.ts";
