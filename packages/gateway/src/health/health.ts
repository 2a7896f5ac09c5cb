import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { HealthCheckRequestSchema, HealthCheckResponseSchema, HealthListResponseSchema } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { type Body, collectBody, decompress, type Exchange, frameMessage, grpcAnswer, newDeframer, trailersOk, trailersOnly } from "@tfs/rpc";
import { type Clock, Code, newError, toFailure } from "@tfs/std";
import { newWatchers, type Status, statusOf } from "./watch.ts";

export interface HealthOptions {
  /** ready tells whether a call could be answered now. */
  readonly ready: () => boolean;
  /** services are the full names that are known beside the empty one; all stand and fall with the gateway as a whole. */
  readonly services: readonly string[];
  readonly clock: Clock;
}

/** Health answers the calls of one gateway. */
export interface Health {
  /** serve answers a call whose path isHealth. */
  serve(exchange: Exchange): void;
  /** drain tells every watcher that nothing is served from now on, and ends its call, so that none holds up the end. `ready` must say no by then. */
  drain(): void;
}

const servicePrefix = "/grpc.health.v1.Health/";

/** isHealth tells whether a gRPC path asks for the health of the gateway itself. */
export function isHealth(path: string): boolean {
  return path.startsWith(servicePrefix);
}

/** A question is a name: larger ones are refused. */
const maxRequestBytes = 4096;

/**
 * newHealth makes the service. Check of a service that is not known is NotFound; Watch answers SERVICE_UNKNOWN and stays open (health.proto says so); a change
 * reaches watchers within a quarter of a second, a drain at once. There may be 1,000 watchers.
 */
export function newHealth(options: HealthOptions): Health {
  const { ready, clock } = options;
  const names = new Set(["", ...options.services]);
  const watchers = newWatchers({ ready, clock });

  async function answer(exchange: Exchange, body: Body): Promise<void> {
    const path = exchange.fields.get(":path") ?? "";
    const bytes = await readMessage(exchange, body);
    switch (path.slice(servicePrefix.length)) {
      case "Check": {
        const { service } = decode(HealthCheckRequestSchema, bytes);
        if (!names.has(service)) throw newError(Code.NotFound, `unknown service ${service}`);
        return reply(exchange, encode(HealthCheckResponseSchema, { status: statusOf(ready()) }));
      }
      case "List": {
        const statuses = Object.fromEntries(Array.from(names, (name) => [name, { status: statusOf(ready()) as Status }]));
        return reply(exchange, encode(HealthListResponseSchema, { statuses }));
      }
      case "Watch":
        return watchers.add(exchange, names.has(decode(HealthCheckRequestSchema, bytes).service));
      default:
        throw newError(Code.Unimplemented, `unknown method ${path}`);
    }
  }

  return {
    serve(exchange) {
      answer(exchange, collectBody(exchange, maxRequestBytes)).catch((err: unknown) => exchange.respond(trailersOnly(toFailure(err)), true));
    },
    drain: () => watchers.end(),
  };
}

async function readMessage(exchange: Exchange, body: Body): Promise<Uint8Array> {
  const [message] = newDeframer({ maxMessageBytes: maxRequestBytes }).push(await body.whole());
  if (message === undefined) throw newError(Code.Internal, "the health check has no message");
  return await decompress(message, exchange.fields.get("grpc-encoding"), maxRequestBytes);
}

function reply(exchange: Exchange, message: Uint8Array): void {
  exchange.respond(grpcAnswer);
  exchange.write(frameMessage(message));
  exchange.end(trailersOk);
}

function decode<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (err) {
    throw newError(Code.InvalidArgument, `the message is no ${schema.typeName}`, err);
  }
}

function encode<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, init));
}
