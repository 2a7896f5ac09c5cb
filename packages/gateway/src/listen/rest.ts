import { type Budget, collectBody, type Exchange, type Field } from "@tfs/rpc";
import { gunzipped, httpStatus, isApi, isGzipped, isServed, printError, printPage, route } from "@tfs/rest";
import { background, type Clock, Code, type Ctx, deadlineExceeded, type Logger, toFailure, withTimeout } from "@tfs/std";
import type { Bridge } from "../bridge/index.ts";
import type { Deadlines } from "../forward/index.ts";
import { type Answer, json, type Request, requestOf, send } from "./plain.ts";

export interface RestOptions {
  readonly bridge: Bridge;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  /** maxRequestBytes bounds one body, bodies all that are in memory at a time. */
  readonly maxRequestBytes: number;
  readonly bodies: Budget;
  /** timeoutMs bounds one call from its first byte on; 0 or less means no limit. */
  readonly timeoutMs: number;
  /** ready tells whether a call could be answered now. */
  readonly ready: () => boolean;
}

const utf8 = new TextEncoder();
const noBody = new Uint8Array(0);
const pageOf = (status: number, title: string): Answer => ({ status, type: "text/html", body: printPage(status, title) });
const notFound = pageOf(404, "Not Found");
const notImplemented = pageOf(501, "Not Implemented");

/** serveRest answers one plain HTTP request: TensorFlow Serving's REST API, the gateway's own health, and a clear no to the rest. `metadata` goes to the model server. Never throws. */
export async function serveRest(exchange: Exchange, metadata: readonly Field[], options: RestOptions): Promise<void> {
  const body = collectBody(exchange, options.maxRequestBytes, { budget: options.bodies });
  using ctx = withTimeout(background(), options.timeoutMs > 0 ? options.timeoutMs : Number.POSITIVE_INFINITY);
  body.onGone = () => ctx.cancel();
  send(exchange, await answer(ctx, { ...requestOf(exchange, body), metadata }, options));
  body.release();
}

async function answer(ctx: Ctx, request: Request & { readonly metadata: readonly Field[] }, options: RestOptions): Promise<Answer> {
  if (!isServed(request.method)) return notImplemented;
  const path = request.target.replace(/\?.*$/s, "");
  if (path === "/healthz") return text(200, "ok\n");
  if (path === "/readyz") return options.ready() ? text(200, "ready\n") : text(503, "no model server is connected\n");
  const unserved = unservedType(request, path);
  if (unserved !== undefined) return text(415, unserved);
  if (!isApi(path)) return notFound;
  try {
    const call = route(request.method, request.target);
    if (call.kind === "preflight") return { status: /https?:\/\//.test(request.exchange.fields.get("origin") ?? "") ? 200 : 400, body: noBody };
    const { kind } = call;
    if (kind === "predict") throw new Error("predict calls go to predict.ts");
    const body = kind === "status" || kind === "metadata" ? noBody : await bodyOf(request);
    return { status: 200, type: json, body: await options.bridge.answer(ctx, kind, { target: call, body, metadata: request.metadata }) };
  } catch (err) {
    return refusal(err, request.target, options.logger);
  }
}

function bodyOf({ exchange, body }: Request): Promise<Uint8Array> {
  return isGzipped(exchange.fields) ? gunzipped(body) : body.whole();
}

/** refusal makes the answer for what was thrown. When our own time is up, the text is TensorFlow Serving's. */
export function refusal(err: unknown, target: string, logger: Logger): Answer {
  const failure = toFailure(err);
  if (failure.code === Code.Internal) logger.error("request failed", { target, err });
  const text = failure === deadlineExceeded ? "Timed out waiting for notification" : failure.message;
  return { status: httpStatus(failure.code), type: json, body: printError(text) };
}

/** unservedType says what is wrong with the content type of a call to what looks like a method: with another one it might be served. */
function unservedType(request: Request, path: string): string | undefined {
  if (request.method !== "POST" || isApi(path) || !/^\/[^/]+\/[^/]+$/.test(path)) return undefined;
  const type = request.exchange.fields.get("content-type") ?? "";
  if (/^application\/grpc(?:[+;]|$)/.test(type)) return "gRPC needs HTTP/2\n";
  return `content-type ${JSON.stringify(type.slice(0, 64))} is none of gRPC's, gRPC-Web's or Connect's\n`;
}

function text(status: number, message: string): Answer {
  return { status, type: "text/plain", body: utf8.encode(message) };
}
