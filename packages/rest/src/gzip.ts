/** A gzipped body may grow to this, as in TensorFlow Serving; past it the body counts as empty. */
const maxPlainBytes = 104_857_600;

/** Headers are the fields of a request. */
export interface Headers {
  /** get gives the value of the first field of that name, which is in lower case. */
  get(name: string): string | undefined;
}

/** Gzipped is a request's body on its way into memory. */
export interface Gzipped {
  /** gunzipped gives the plain form of the whole body; undefined if it is none, or larger than maxBytes. */
  gunzipped(maxBytes: number): Promise<Uint8Array | undefined>;
}

/** isGzipped tells whether a body has to be gunzipped: like TensorFlow Serving, wherever the word stands. */
export function isGzipped(headers: Headers): boolean {
  return headers.get("content-encoding")?.includes("gzip") === true;
}

/** gunzipped gives the plain form of a body. What cannot be gunzipped counts as empty: the JSON error says so. Throws what the body throws. */
export async function gunzipped(body: Gzipped): Promise<Uint8Array> {
  return (await body.gunzipped(maxPlainBytes)) ?? nothing;
}

const nothing = new Uint8Array(0);
