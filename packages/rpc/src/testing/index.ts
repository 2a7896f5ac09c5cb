/**
 * Package rpc/testing is the other side: a server made of node:http2, HTTP/2 peers that do exactly what a test writes, frame by frame, on either
 * end of a connection, and programs that run beside the test.
 *
 *     await using backend = await startBackend((stream) => reply(stream, bytes));
 *     const peer = rawClient(port);
 *     peer.send(encodeFrame(frameType.headers, frameFlag.endHeaders, 1, encodeHeaders({ ":method": "POST", … })));
 *     const reset = await peer.until((frame) => frame.type === frameType.rstStream);
 *
 * @module
 */
export type { Backend, BackendOptions, Serve } from "./backend.ts";
export { echo, reply, startBackend } from "./backend.ts";
export type { CertificateName } from "./certificates.ts";
export { certificate, certificateFile } from "./certificates.ts";
export { fieldsFrom, nodeHeaders, serveBody } from "./exchanges.ts";
export type { Frame } from "./frames.ts";
export { clientPreface, encodeFrame, encodeHeaders, frameFlag, frameType, newFrameReader, uint32 } from "./frames.ts";
export type { Program } from "./program.ts";
export { freePort, root, run, start } from "./program.ts";
export type { Raw } from "./raw.ts";
export { rawClient, rawServer } from "./raw.ts";
export { missing, tool } from "./tool.ts";
