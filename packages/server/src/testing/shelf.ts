import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listening } from "./listening.ts";

/** Shelf is a server of Google Cloud Storage's JSON API, as much of it as reading takes, over objects that a test puts and takes away. */
export interface Shelf extends AsyncDisposable {
  /** url is what STORAGE_EMULATOR_HOST may hold. */
  readonly url: string;
  put(key: string, bytes: Uint8Array | string): void;
  remove(key: string): void;
  /** token is what a request has to bear, if it is set. */
  token: string | undefined;
}

interface Kept {
  readonly bytes: Buffer;
  readonly generation: string;
}

/** startShelf starts one with a single bucket, `models`, whose listings come in pages of `pageMax`. */
export async function startShelf(pageMax = 1000): Promise<Shelf> {
  const kept = new Map<string, Kept>();
  let generations = 1000;
  const server = createServer((request, response) =>
    shelf.token === undefined || request.headers.authorization === `Bearer ${shelf.token}`
      ? answer(kept, pageMax, request, response)
      : refuse(response, 401, "Invalid Credentials"),
  );
  const { url, close } = await listening(server, "http");
  const shelf: Shelf = {
    url,
    token: undefined,
    put: (key, bytes) => void kept.set(key, { bytes: Buffer.from(bytes), generation: String(++generations) }),
    remove: (key) => void kept.delete(key),
    [Symbol.asyncDispose]: close,
  };
  return shelf;
}

function answer(kept: ReadonlyMap<string, Kept>, pageMax: number, request: IncomingMessage, response: ServerResponse): unknown {
  const url = new URL(request.url ?? "/", "http://shelf");
  const [, bucket, name] = /^\/storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
  if (bucket !== "models") return refuse(response, 404, "The specified bucket does not exist.");
  if (name === undefined) return response.end(JSON.stringify(listing(kept, pageMax, url.searchParams)));
  const found = kept.get(decodeURIComponent(name));
  if (found === undefined) return refuse(response, 404, "No such object");
  const wanted = url.searchParams.get("ifGenerationMatch");
  if (wanted !== null && wanted !== found.generation) return refuse(response, 412, "conditionNotMet");
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const body = found.bytes.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, { "content-length": body.byteLength });
  return response.end(body);
}

function refuse(response: ServerResponse, status: number, message: string): unknown {
  return response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error: { code: status, message } }));
}

function listing(kept: ReadonlyMap<string, Kept>, pageMax: number, query: URLSearchParams): unknown {
  const [prefix, delimiter] = [query.get("prefix") ?? "", query.get("delimiter")];
  const all = new Map<string, unknown>();
  for (const [key, { bytes, generation }] of [...kept].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!key.startsWith(prefix)) continue;
    const cut = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length);
    if (cut >= 0) all.set(key.slice(0, cut + 1), undefined);
    else all.set(key, { name: key, size: String(bytes.byteLength), generation });
  }
  const from = Number(query.get("pageToken") ?? 0);
  const page = [...all].slice(from, from + pageMax);
  return {
    prefixes: page.flatMap(([key, item]) => (item === undefined ? [key] : [])),
    items: page.flatMap(([, item]) => (item === undefined ? [] : [item])),
    ...(from + pageMax < all.size ? { nextPageToken: String(from + pageMax) } : {}),
  };
}
