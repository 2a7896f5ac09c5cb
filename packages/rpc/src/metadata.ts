import { Code, newError } from "@tfs/std";
import type { Fields } from "./fields.ts";

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

/** toMetadata keeps what an application may read of received fields: no pseudo-fields, nothing of the envelope. Names that came several times keep their values apart. */
export function toMetadata(fields: Fields | undefined): Metadata {
  const metadata: Record<string, string | string[]> = Object.create(null);
  for (const { name, value } of fields?.list ?? []) {
    if (name.startsWith(":") || name.startsWith("grpc-") || reserved.has(name)) continue;
    const before = metadata[name];
    if (before === undefined) metadata[name] = value;
    else if (typeof before === "string") metadata[name] = [before, value];
    else before.push(value);
  }
  return metadata;
}
