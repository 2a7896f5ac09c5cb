import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Body, Fields } from "@tfs/rpc";

const unzip = promisify(gunzip);

/** A gzipped body may grow to this, as in TensorFlow Serving; past it the body counts as empty. */
const maxPlainBytes = 104_857_600;

/** readBody gives a request's body, gunzipped if its fields say so. Throws what Body.whole throws. */
export async function readBody(fields: Fields, received: Body): Promise<Uint8Array> {
  const body = await received.whole();
  if (!fields.get("content-encoding")?.includes("gzip")) return body;
  try {
    return await unzip(body, { maxOutputLength: maxPlainBytes });
  } catch {
    return new Uint8Array(0); // what cannot be gunzipped counts as empty: the JSON error says so
  }
}
