import { createHash } from "node:crypto";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { listening } from "./listening.ts";

const certificates = fileURLToPath(new URL("../../../rpc/testdata/tls/", import.meta.url));

/** authority is the certificate by which a site is known. */
export const authority: string = readFileSync(`${certificates}ca.pem`, "utf8");

export interface Visit {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  /** status is what was answered. */
  readonly status: number;
}

/** Site is a web server with files that a test puts and takes away; it knows tags, ranges and conditions, as most do. */
export interface Site extends AsyncDisposable {
  readonly url: string;
  put(path: string, bytes: Uint8Array | string): void;
  remove(path: string): void;
  /** visits are the requests so far. */
  readonly visits: Visit[];
  /** before may answer a request itself, and says by true that it has. */
  before: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** cuts are answers to GET, from the next on, that break off after 100,000 bytes. */
  cuts: number;
}

export async function startSite(scheme: "http" | "https" = "https"): Promise<Site> {
  const files = new Map<string, Buffer>();
  const visits: Visit[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = "GET", url: path = "/", headers } = request;
    visits.push({
      method,
      path,
      range: headers.range,
      get status() {
        return response.statusCode;
      },
    });
    if (site.before?.(request, response) === true) return;
    const cut = method === "GET" && site.cuts-- > 0 ? 100_000 : Number.POSITIVE_INFINITY;
    answer(files.get(path.replace(/\?.*/, "")), request, response, cut);
  };
  const [key, cert] = ["server.key.pem", "server.pem"].map((name) => readFileSync(`${certificates}${name}`, "utf8")) as [string, string];
  const server = scheme === "https" ? createHttps({ key, cert }, handle) : createHttp(handle);
  const { url, close } = await listening(server, scheme);
  const site: Site = {
    url,
    put: (path, bytes) => void files.set(path, Buffer.from(bytes)),
    remove: (path) => void files.delete(path),
    visits,
    before: undefined,
    cuts: 0,
    [Symbol.asyncDispose]: close,
  };
  return site;
}

function answer(bytes: Buffer | undefined, request: IncomingMessage, response: ServerResponse, cut: number): unknown {
  if (bytes === undefined) return response.writeHead(404).end();
  const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
  const { range, "if-none-match": known, "if-range": same } = request.headers;
  if (known === etag) return response.writeHead(304, { etag }).end();
  const from = same === etag ? Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0) : 0;
  const body = bytes.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, { etag, "content-length": body.byteLength });
  if (body.byteLength > cut) return response.write(body.subarray(0, cut), () => response.destroy());
  return response.end(request.method === "HEAD" ? undefined : body);
}
