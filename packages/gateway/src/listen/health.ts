import type { ServerHttp2Stream } from "node:http2";
import { frameMessage, newDeframer, trailersOnly } from "@tfs/rpc";
import { Code, newError, toFailure } from "@tfs/std";

const servicePrefix = "/grpc.health.v1.Health/";
const checkPath = `${servicePrefix}Check`;

/** isHealth tells whether a gRPC path asks for the health of the gateway itself. */
export function isHealth(path: string): boolean {
  return path.startsWith(servicePrefix);
}

/** Answers by hand (grpc/health/v1/health.proto): field 1 of the answer is the status, field 1 of the request the service's name. */
const servingStatus = { serving: 1, notServing: 2 } as const;
const statusTag = 0x08;
const serviceTag = 0x0a;
const maxRequestBytes = 4096;

/** serveHealth answers Check for the empty service name, the gateway as a whole; other names are NotFound, other methods Unimplemented, as the health protocol asks. */
export function serveHealth(stream: ServerHttp2Stream, path: string, ready: () => boolean): void {
  const refuse = (err: unknown): void => {
    if (stream.destroyed || stream.headersSent) return;
    stream.respond(trailersOnly(toFailure(err)), { endStream: true });
    stream.resume();
  };
  if (path !== checkPath) {
    refuse(newError(Code.Unimplemented, `unknown method ${path}`));
    return;
  }
  const deframer = newDeframer({ maxMessageBytes: maxRequestBytes });
  let request: Uint8Array | undefined;
  stream.on("data", (chunk: Buffer) => {
    try {
      for (const { bytes } of deframer.push(chunk)) request ??= bytes;
    } catch (err) {
      refuse(err);
    }
  });
  stream.on("end", () => {
    if (stream.destroyed || stream.headersSent) return;
    if (request === undefined) return refuse(newError(Code.Internal, "the health check has no message"));
    const named = request[0] === serviceTag && request[1] !== 0;
    if (named) return refuse(newError(Code.NotFound, "unknown service: the gateway reports on itself, under the empty name"));
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(frameMessage(Uint8Array.of(statusTag, ready() ? servingStatus.serving : servingStatus.notServing)));
  });
}
