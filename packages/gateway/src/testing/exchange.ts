import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import type { ConnectionOptions } from "node:tls";

/** Exchanged is all that a peer said on one HTTP/2 stream. */
export interface Exchanged {
  readonly headers: IncomingHttpHeaders;
  /** raw is the header list as it came. */
  readonly raw: readonly string[];
  readonly body: Buffer;
  readonly trailers: readonly string[];
  readonly reset: number;
}

/** grpcHeaders are a gRPC request's. */
export function grpcHeaders(path: string, more: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return { ":method": "POST", ":path": path, te: "trailers", "content-type": "application/grpc", ...more };
}

/** sessionTo connects to HOST:PORT, over TLS if it is told how, or to unix:PATH. */
function sessionTo(address: string, tls: ConnectionOptions | undefined): ClientHttp2Session {
  if (address.startsWith("unix:")) return connect("http://localhost", { createConnection: () => connectSocket(address.slice("unix:".length)) });
  return tls === undefined ? connect(`http://${address}`) : connect(`https://${address}`, tls);
}

/** exchange makes one request over a connection of its own, with node:http2 and nothing of ours. */
export function exchange(address: string, headers: OutgoingHttpHeaders, body: Uint8Array = new Uint8Array(), tls?: ConnectionOptions): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const session = sessionTo(address, tls);
    session.on("error", reject);
    const stream = session.request(headers);
    const parts: Buffer[] = [];
    let [received, raw, trailers]: [IncomingHttpHeaders, readonly string[], readonly string[]] = [{}, [], []];
    stream.on("response", (h, _flags, list: unknown) => ([received, raw] = [h, list as readonly string[]])); // the types lack the raw list
    stream.on("trailers", (_h: IncomingHttpHeaders, _flags: number, list: unknown) => (trailers = list as readonly string[]));
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", () => {}); // the reset is in the result
    stream.on("close", () => {
      session.destroy();
      resolve({ headers: received, raw, body: Buffer.concat(parts), trailers, reset: stream.rstCode ?? 0 });
    });
    stream.end(body);
  });
}
