/**
 * Package http2/testing puts either side of our HTTP/2 opposite a peer that does exactly what a test writes, and says in a word what became of it.
 *
 *     await withServer({}, async ({ raw }) => {
 *       raw.send(encodeFrame(frameType.data, 0, 0));
 *       assert.equal(await reaction(raw), "connection PROTOCOL_ERROR");
 *     });
 *
 * @module
 */
export { reaction } from "./reaction.ts";
export type { Served, Setup } from "./server.ts";
export { request, withServer } from "./server.ts";
