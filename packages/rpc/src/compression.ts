import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { Code, newError } from "@tfs/std";
import type { Message } from "./frame.ts";

/** acceptEncoding lists what `decompress` understands: the value of grpc-accept-encoding. */
export const acceptEncoding = "identity,gzip,deflate";

const decoders = new Map([
  ["gzip", promisify(gunzip)],
  ["deflate", promisify(inflate)], // gRPC's "deflate" is the zlib format
]);

/**
 * decompress gives a message's plain bytes. `encoding` is the stream's grpc-encoding. Throws Unimplemented for an unknown encoding, Internal for
 * a flag without encoding or broken data, ResourceExhausted when the plain form is larger than maxBytes (never more than that is produced).
 */
export async function decompress(message: Message, encoding: string | undefined, maxBytes: number): Promise<Uint8Array> {
  if (!message.compressed) return message.bytes;
  if (encoding === undefined || encoding === "identity") throw newError(Code.Internal, "message is flagged as compressed but grpc-encoding is not set");
  const decode = decoders.get(encoding);
  if (decode === undefined) throw newError(Code.Unimplemented, `grpc-encoding "${encoding.slice(0, 32)}" is not supported; supported: ${acceptEncoding}`);
  try {
    return await decode(message.bytes, { maxOutputLength: maxBytes });
  } catch (err) {
    if (err instanceof RangeError) throw newError(Code.ResourceExhausted, `decompressed message is larger than the limit of ${maxBytes} bytes`, err);
    throw newError(Code.Internal, `message is not valid ${encoding}`, err);
  }
}
