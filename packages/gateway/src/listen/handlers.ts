import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { frameMessage, type ListenerOptions, type Message, newDeframer, trailersOnly } from "@tfs/rpc";
import { httpStatus, isApi, printError, route } from "@tfs/rest";
import { background, type Clock, Code, type Ctx, type Logger, newError, toFailure, withCancel } from "@tfs/std";
import type { Pool } from "../backend/index.ts";
import type { Bridge } from "../bridge/index.ts";
import { forward } from "../forward/index.ts";

export interface HandlerOptions {
  readonly pool: Pool;
  readonly bridge: Bridge;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxRequestBytes: number;
}

export interface Handlers {
  readonly onRequest: ListenerOptions["onRequest"];
  readonly onStream: NonNullable<ListenerOptions["onStream"]>;
}

/** Answer is what a plain HTTP request gets. */
interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: Uint8Array;
}

interface Plain {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
}

/** newHandlers makes what a listener calls: gRPC is forwarded, REST bridged, health answered here. */
export function newHandlers(options: HandlerOptions): Handlers {
  return {
    onRequest(req, res) {
      const plain: Plain = { method: req.method ?? "GET", target: req.url ?? "/", headers: req.headers, body: req as AsyncIterable<Uint8Array> };
      const response = res as {
        on(event: string, listener: () => void): void;
        destroyed: boolean;
        writeHead(status: number, headers: Record<string, string>): void;
        end(body: Uint8Array): void;
      };
      void within(
        (gone) => response.on("close", gone),
        (ctx) => answer(ctx, plain, options),
      ).then((a) => {
        if (!response.destroyed) {
          response.writeHead(a.status, headersOf(a));
          response.end(a.body);
        }
      });
    },
    onStream(stream, headers, _flags, raw) {
      const type = String(headers["content-type"] ?? "");
      const path = String(headers[":path"] ?? "/");
      if (isGrpc(type)) {
        if (path === healthPath) void health(stream, options);
        else forward(stream, headers, raw, options);
        return;
      }
      stream.on("error", () => {}); // the peer's reset
      const plain: Plain = { method: String(headers[":method"] ?? "GET"), target: path, headers, body: stream as AsyncIterable<Uint8Array> };
      void within(
        (gone) => stream.once("close", gone),
        (ctx) => answer(ctx, plain, options),
      ).then((a) => {
        if (stream.destroyed) return;
        stream.respond({ ":status": a.status, ...headersOf(a) });
        stream.end(a.body);
      });
    },
  };
}

/** gRPC proper: gRPC-Web and Connect have content types of their own, which are not bridged yet. */
function isGrpc(type: string): boolean {
  return type === "application/grpc" || type.startsWith("application/grpc+") || type.startsWith("application/grpc;");
}

function headersOf(a: Answer): Record<string, string> {
  return { "content-length": String(a.body.length), ...(a.type === undefined ? {} : { "content-type": a.type }) };
}

/** within runs work whose context ends when the client goes away. */
async function within<T>(onGone: (listener: () => void) => void, work: (ctx: Ctx) => Promise<T>): Promise<T> {
  using ctx = withCancel(background());
  onGone(() => ctx.cancel());
  return await work(ctx);
}

const json = "application/json";
const utf8 = new TextEncoder();

async function answer(ctx: Ctx, request: Plain, options: HandlerOptions): Promise<Answer> {
  const path = request.target.replace(/\?.*$/, "");
  if (path === "/healthz") return { status: 200, type: "text/plain", body: utf8.encode("ok\n") };
  if (path === "/readyz") return readiness(options.pool);
  if (/^application\/(grpc-web|connect|proto)/.test(String(request.headers["content-type"] ?? ""))) {
    return { status: 415, type: "text/plain", body: utf8.encode("gRPC-Web and Connect are not answered here yet: use gRPC or REST\n") };
  }
  if (!isApi(request.target)) return { status: 404, type: "text/plain", body: utf8.encode("not found\n") };
  try {
    const call = route(request.method, request.target);
    if (call.kind === "preflight") return { status: /https?:\/\//.test(String(request.headers.origin ?? "")) ? 200 : 400, body: new Uint8Array(0) };
    const body = call.kind === "status" || call.kind === "metadata" ? new Uint8Array(0) : await collect(request.body, options.maxRequestBytes);
    return { status: 200, type: json, body: await options.bridge.answer(ctx, call, body) };
  } catch (err) {
    const failure = toFailure(err);
    if (failure.code === Code.Internal) options.logger.error("request failed", { target: request.target, error: err });
    return { status: httpStatus(failure.code), type: json, body: printError(failure.message) };
  }
}

/** readiness: some backend is connected. */
function readiness(pool: Pool): Answer {
  return pool.ready
    ? { status: 200, type: "text/plain", body: utf8.encode("ready\n") }
    : { status: 503, type: "text/plain", body: utf8.encode("no backend is connected\n") };
}

async function collect(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw newError(Code.ResourceExhausted, `the body is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

/** The gateway answers health checks itself (grpc/health/v1/health.proto): `service` is field 1 of the request, `status` field 1 of the answer. */
const healthPath = "/grpc.health.v1.Health/Check";
const serving = { yes: 1, no: 2 } as const;
const maxHealthBytes = 4_096;

async function health(stream: ServerHttp2Stream, options: HandlerOptions): Promise<void> {
  stream.on("error", () => {}); // the peer's reset
  try {
    const deframer = newDeframer({ maxMessageBytes: maxHealthBytes });
    const messages: Message[] = [];
    for await (const chunk of stream as AsyncIterable<Uint8Array>) messages.push(...deframer.push(chunk));
    const named = (messages[0]?.bytes.length ?? 0) > 0;
    if (named) throw newError(Code.NotFound, "unknown service: the gateway reports on itself, under the empty name");
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(frameMessage(Uint8Array.of(8, options.pool.ready ? serving.yes : serving.no)));
  } catch (err) {
    if (!stream.destroyed && !stream.headersSent) stream.respond(trailersOnly(toFailure(err)), { endStream: true });
  }
}
