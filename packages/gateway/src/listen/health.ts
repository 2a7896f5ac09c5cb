import { type Body, collectBody, type Exchange, frameMessage, grpcAnswer, newDeframer, trailersOk, trailersOnly } from "@tfs/rpc";
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
export function serveHealth(exchange: Exchange, ready: () => boolean): void {
  const body = collectBody(exchange, maxRequestBytes);
  const path = exchange.fields.get(":path") ?? "";
  answer(path, body, ready).then(
    (message) => {
      exchange.respond(grpcAnswer);
      exchange.write(frameMessage(message));
      exchange.end(trailersOk);
    },
    (err: unknown) => exchange.respond(trailersOnly(toFailure(err)), true),
  );
}

async function answer(path: string, body: Body, ready: () => boolean): Promise<Uint8Array> {
  if (path !== checkPath) throw newError(Code.Unimplemented, `unknown method ${path}`);
  const [request] = newDeframer({ maxMessageBytes: maxRequestBytes }).push(await body.whole());
  if (request === undefined) throw newError(Code.Internal, "the health check has no message");
  const { bytes } = request;
  const named = bytes[0] === serviceTag && bytes[1] !== 0;
  if (named) throw newError(Code.NotFound, "unknown service: the gateway reports on itself, under the empty name");
  return Uint8Array.of(statusTag, ready() ? servingStatus.serving : servingStatus.notServing);
}
