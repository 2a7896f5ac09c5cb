import { once } from "node:events";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import type { Socket } from "node:net";

/** Serve answers one stream of a backend. */
export type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void;

/** Backend is a server to call, made of node:http2 and nothing of ours. */
export interface Backend extends AsyncDisposable {
  /** address is what a channel dials. */
  readonly address: string;
  /** port is 0 for a unix socket. */
  readonly port: number;
  readonly sessions: readonly ServerHttp2Session[];
  /** die cuts every connection without a word; the port stays open. */
  die(): void;
  /** stop closes the port and cuts every connection. */
  stop(): Promise<void>;
}

export interface BackendOptions {
  /** port to listen on; default a free one. */
  readonly port?: number;
  /** path of a unix socket, instead of a port. */
  readonly path?: string;
  readonly settings?: Settings;
  /** server, if there, is used instead of a plaintext one. */
  readonly server?: Http2Server;
}

/** startBackend listens on loopback. */
export async function startBackend(serve: Serve, options: BackendOptions = {}): Promise<Backend> {
  const server = options.server ?? createServer({ settings: options.settings ?? {} });
  const sessions: ServerHttp2Session[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  };
  server.on("connection", keep);
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {}); // a cut connection is what tests are about
  });
  server.on("stream", (stream, headers, _flags, raw: unknown) => {
    stream.on("error", () => {});
    serve(stream, headers, raw as readonly string[]); // the types lack the raw list
  });
  server.listen(options.path === undefined ? { host: "127.0.0.1", port: options.port ?? 0 } : { path: options.path });
  await once(server, "listening");
  const bound = server.address();
  const port = bound === null || typeof bound === "string" ? 0 : bound.port;
  const die = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  let stopped: Promise<unknown> | undefined;
  const stop = async (): Promise<void> => {
    stopped ??= once(server, "close");
    server.close();
    die();
    await stopped;
  };
  return { address: port === 0 ? `unix:${options.path}` : `127.0.0.1:${port}`, port, sessions, die, stop, [Symbol.asyncDispose]: stop };
}

/** reply answers a stream with bytes and trailers. */
export function reply(
  stream: ServerHttp2Stream,
  body: Uint8Array,
  trailers: OutgoingHttpHeaders = { "grpc-status": "0" },
  headers: OutgoingHttpHeaders = {},
): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

/** echo sends the request's bytes back when they are complete. */
export function echo(stream: ServerHttp2Stream): void {
  const parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("end", () => reply(stream, Buffer.concat(parts)));
}
