import type { Body, Fields } from "@tfs/rpc";

/** A gzipped body may grow to this, as in TensorFlow Serving; past it the body counts as empty. */
const maxPlainBytes = 104_857_600;

/** isGzipped tells whether a body has to be gunzipped: like TensorFlow Serving, wherever the word stands. */
export function isGzipped(fields: Fields): boolean {
  return fields.get("content-encoding")?.includes("gzip") === true;
}

/** gunzipped gives the plain form of a body. What cannot be gunzipped counts as empty: the JSON error says so. Throws what Body.whole throws. */
export async function gunzipped(body: Body): Promise<Uint8Array> {
  return (await body.gunzipped(maxPlainBytes)) ?? nothing;
}

const nothing = new Uint8Array(0);
