import type { IncomingHttpHeaders } from "node:http2";
import { sensitiveHeaders } from "node:http2";
import { Code, newError } from "@tfs/std";

/** Metadata is what travels beside messages: lower-case names; values of names ending in "-bin" are base64 (encodeBinary). */
export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/** Names that belong to one connection or to the gRPC envelope, not to the application. */
const reserved = new Set(["te", "content-type", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"]);

/** encodeBinary makes the text of one value of a "-bin" name: base64 without padding, as gRPC asks senders to write it. */
export function encodeBinary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64").replace(/=+$/, "");
}

/** decodeBinary reads one value of a "-bin" name, padded or not. Throws InvalidArgument for anything but base64. */
export function decodeBinary(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw newError(Code.InvalidArgument, `binary metadata is not base64: ${JSON.stringify(text.slice(0, 32))}`);
  return Buffer.from(text, "base64");
}

/** checkMetadata throws InvalidArgument for a name or value that gRPC does not let an application send. */
export function checkMetadata(metadata: Metadata): void {
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[0-9a-z_.-]+$/.test(name)) throw newError(Code.InvalidArgument, `metadata name ${JSON.stringify(name)} has characters other than 0-9 a-z _ . -`);
    if (reserved.has(name) || name.startsWith("grpc-")) throw newError(Code.InvalidArgument, `metadata name ${name} is reserved`);
    for (const text of typeof value === "string" ? [value] : value) {
      if (!/^[\x20-\x7e]*$/.test(text)) throw newError(Code.InvalidArgument, `metadata value of ${name} has characters outside printable ASCII`);
    }
  }
}

/** toMetadata keeps what an application may read of received headers or trailers: no pseudo-headers, nothing of the envelope. */
export function toMetadata(headers: IncomingHttpHeaders): Metadata {
  const metadata: Record<string, string | readonly string[]> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(":") && !name.startsWith("grpc-") && !reserved.has(name)) metadata[name] = value;
  }
  return metadata;
}

/**
 * splitHeaders gives headers as they were sent: names that came several times keep their values apart, where Node joins them with a comma.
 * `raw` is the flat name, value, name, value… list that Node hands out beside the object.
 */
export function splitHeaders(headers: IncomingHttpHeaders, raw: readonly string[]): IncomingHttpHeaders {
  const split: IncomingHttpHeaders = Object.create(null);
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [raw[i]!, raw[i + 1]!];
    const before = split[name];
    if (before === undefined) split[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else if (headers[name] !== before) split[name] = [before, value]; // equal: a name of which Node takes the first value only
  }
  // Names that must not enter compression tables stay marked; the types of headers have no place for Node's symbol.
  const sensitive = (headers as Record<symbol, unknown>)[sensitiveHeaders];
  if (sensitive !== undefined) (split as Record<symbol, unknown>)[sensitiveHeaders] = sensitive;
  return split;
}
