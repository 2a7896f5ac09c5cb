/** Kind is the protocol that the first bytes of a connection speak. */
export type Kind = "http1" | "http2";

/** The HTTP/2 client connection preface: RFC 9113, section 3.4. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * classify tells the protocol from the first bytes of a connection, as early as they differ from the HTTP/2 preface; undefined asks for more.
 * Whatever is not HTTP/2 goes to the HTTP/1.1 parser, which answers garbage with 400.
 */
export function classify(bytes: Uint8Array): Kind | undefined {
  const n = Math.min(bytes.length, preface.length);
  for (let i = 0; i < n; i++) if (bytes[i] !== preface[i]) return "http1";
  return n === preface.length ? "http2" : undefined;
}
