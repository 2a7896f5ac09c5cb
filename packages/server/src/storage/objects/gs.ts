import { type Clock, Code, type Ctx, newError, race } from "@tfs/std";
import { begin, type Exchange, exchange, networkFault, refusal } from "../http.ts";
import type { ObjectStore } from "./objects.ts";
import { importPeer, once } from "./peer.ts";

export interface GsOptions {
  readonly clock: Clock;
  /** emulator is the host of a server other than Google's, as STORAGE_EMULATOR_HOST has it; it is asked without credentials. */
  readonly emulator?: string;
  /** endpoint is another address of Google's service, such as one within a private network; it is asked with credentials. */
  readonly endpoint?: string;
  /** anonymous asks without credentials, for buckets that everybody may read. */
  readonly anonymous?: boolean;
}

const peer = "google-auth-library";
const google = "https://storage.googleapis.com";

/**
 * newGs reads buckets by the JSON API, which is two requests. Only credentials need a library of Google's, and it is loaded when the first bucket is read.
 * Source: cloud.google.com/storage/docs/json_api/v1/objects (list, get).
 */
export function newGs(options: GsOptions): ObjectStore {
  const { clock, emulator, endpoint = google, anonymous = false } = options;
  const base = (emulator === undefined ? endpoint : `${/^https?:\/\//i.test(emulator) ? "" : "http://"}${emulator}`).replace(/\/+$/, "");
  const open = once(async () => {
    const { GoogleAuth } = await importPeer("gs", peer, () => import("google-auth-library"));
    return new GoogleAuth({ scopes: "https://www.googleapis.com/auth/devstorage.read_only" });
  });

  async function credentials(ctx: Ctx, what: string): Promise<Record<string, string>> {
    if (anonymous || emulator !== undefined) return {};
    const auth = await open();
    try {
      return Object.fromEntries(await race(ctx, auth.getRequestHeaders()));
    } catch (err) {
      if (ctx.signal.aborted) throw ctx.signal.reason;
      const { code = "", response } = err as { readonly code?: unknown; readonly response?: unknown };
      if (response === undefined && /^E[A-Z_]+$/.test(String(code)))
        throw newError(Code.Unavailable, `${what}: where tokens for it are given out ${networkFault(err)}`, err);
      throw newError(Code.Unauthenticated, `${what}: no usable Google credentials were found (gcloud auth application-default login, or --gs_anonymous)`, err);
    }
  }

  async function request(ctx: Ctx, what: string, path: string, query: Readonly<Record<string, string>>, headers: Record<string, string>): Promise<Exchange> {
    const address = `${base}/storage/v1/b/${path}`;
    if (!URL.canParse(address)) throw newError(Code.InvalidArgument, `${what}: ${base} is no URL (STORAGE_EMULATOR_HOST, --gs_endpoint)`);
    const url = new URL(address);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return { clock, what, url, headers: { ...(await credentials(ctx, what)), ...headers } };
  }

  return {
    async page(ctx, bucket, { prefix, folders, token }) {
      const what = `gs://${bucket}/${prefix}`;
      const query = {
        prefix,
        fields: "prefixes,nextPageToken,items(name,size,generation,contentEncoding)",
        ...(folders ? { delimiter: "/" } : {}),
        ...(token === undefined ? {} : { pageToken: token }),
      };
      return await exchange(ctx, await request(ctx, what, `${encodeURIComponent(bucket)}/o`, query, {}), async (response, child) => {
        const text = await begin(child, clock, what, () => response.text());
        if (response.status !== 200) throw refusal(what, response.status, saidIn(text));
        const { prefixes = [], items = [], nextPageToken } = listingIn(what, text);
        return {
          prefixes,
          // What is stored compressed is given out uncompressed, and then nobody knows its size before.
          objects: items.map(({ name, size, generation, contentEncoding = "" }) => ({
            key: name,
            sizeBytes: contentEncoding === "" ? Number(size) : undefined,
            stamp: String(generation ?? ""),
          })),
          next: nextPageToken || undefined,
        };
      });
    },
    async read(ctx, bucket, object, offset, use) {
      const what = `gs://${bucket}/${object.key}`;
      const query = { alt: "media", ...(object.stamp === "" ? {} : { ifGenerationMatch: object.stamp }) };
      const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
      const path = `${encodeURIComponent(bucket)}/o/${encodeURIComponent(object.key)}`;
      await exchange(ctx, await request(ctx, what, path, query, headers), async (response, child) => {
        const { status, body } = response;
        if ((status !== 200 && status !== 206) || body === null) throw refusal(what, status, saidIn(await begin(child, clock, what, () => response.text())));
        await use(body, status === 206 ? offset : 0);
      });
    },
  };
}

interface Listing {
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
  readonly items?: readonly { readonly name: string; readonly size?: string; readonly generation?: string; readonly contentEncoding?: string }[];
}

function listingIn(what: string, text: string): Listing {
  try {
    return JSON.parse(text) as Listing; // the service's own schema
  } catch (err) {
    throw newError(Code.Internal, `${what}: the listing is no JSON`, err);
  }
}

/** saidIn gives the reason of an error answer, where it has the form of Google's. */
function saidIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === "string" ? error.message : "";
  } catch {
    return ""; // other servers answer in other forms
  }
}
