import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { Code, newError } from "@tfs/std";
import type { Request } from "./plain.ts";

const unzip = promisify(gunzip);

/** A gzipped body may grow to this, as in TensorFlow Serving; past it the body counts as empty. */
const maxPlainBytes = 104_857_600;

/** readBody collects a request's body, gunzipped if it says so. Throws ResourceExhausted past maxBytes, Canceled if the client goes away. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => newError(Code.ResourceExhausted, `the request body is larger than ${maxBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (err) {
    throw newError(Code.Canceled, "the client went away", err);
  }
  if (size > maxBytes) throw tooLarge();
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
  if (!String(request.headers["content-encoding"] ?? "").includes("gzip")) return body;
  try {
    return await unzip(body, { maxOutputLength: maxPlainBytes });
  } catch {
    return new Uint8Array(0); // what cannot be gunzipped counts as empty: the JSON error says so
  }
}
