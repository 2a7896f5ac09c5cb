import { promisify } from "node:util";
import { brotliDecompress, gunzip, gzip, inflate } from "node:zlib";
import { Code, newError } from "@tfs/std";
import type { Message } from "./frame.ts";

/** acceptEncoding is what we ask gRPC peers for: the value of grpc-accept-encoding. */
export const acceptEncoding = "identity,gzip,deflate";

/** readableEncodings lists what `decompress` understands. */
export const readableEncodings = "identity,gzip,deflate,br";

const decoders = new Map([
  ["gzip", promisify(gunzip)],
  ["deflate", promisify(inflate)], // gRPC's "deflate" is the zlib format, as HTTP's is
  ["br", promisify(brotliDecompress)],
]);

/** Compression is how a call's messages are compressed: a value of grpc-encoding. */
export type Compression = "gzip";

/** compress is the inverse of decompress. */
export const compress: (bytes: Uint8Array) => Promise<Uint8Array> = promisify(gzip);

/**
 * decompress gives a message's plain bytes. `encoding` is the stream's grpc-encoding. Throws Unimplemented for an unknown encoding, Internal for
 * a flag without encoding or broken data, ResourceExhausted when the plain form is larger than maxBytes (never more than that is produced).
 */
export async function decompress(message: Message, encoding: string | undefined, maxBytes: number): Promise<Uint8Array> {
  if (!message.compressed) return message.bytes;
  if (encoding === undefined || encoding === "identity") throw newError(Code.Internal, "message is flagged as compressed but no encoding is set");
  checkEncoding(encoding);
  const decode = decoders.get(encoding)!;
  try {
    return await decode(message.bytes, { maxOutputLength: maxBytes });
  } catch (err) {
    if (err instanceof RangeError) throw newError(Code.ResourceExhausted, `decompressed message is larger than the limit of ${maxBytes} bytes`, err);
    throw newError(Code.Internal, `message is not valid ${encoding}`, err);
  }
}

/** checkEncoding throws Unimplemented, naming what there is, for an encoding that decompress does not know. */
export function checkEncoding(encoding: string): void {
  if (encoding === "identity" || decoders.has(encoding)) return;
  throw newError(Code.Unimplemented, `compression ${JSON.stringify(encoding.slice(0, 32))} is not supported; supported: ${readableEncodings}`);
}
