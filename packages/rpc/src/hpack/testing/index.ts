/**
 * Package hpack/testing is the other side of header blocks: an encoder that uses all of RFC 7541, as peers do, and a decoder that is slow, plain and
 * remembers nothing but its table.
 *
 *     const peer = newPeer(4096);
 *     const block = peer.encode([{ name: ":method", value: "POST", as: "indexed", huffman: true }]);
 *     const list = newReference(4096).decode(block);
 *
 * @module
 */
export type { Header, How, Peer } from "./peer.ts";
export { huffmanOf, newPeer } from "./peer.ts";
export type { Reference } from "./reference.ts";
export { newReference } from "./reference.ts";
