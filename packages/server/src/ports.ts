import { newFloats } from "@tfs/rest";
import { checkOrigins, type ListenerOptions, newBudget, newCors } from "@tfs/rpc";
import { background, type Ctx } from "@tfs/std";
import { type GrpcHandler, newFailureOf, newGrpcHandler, newServices, type Services } from "./grpc/index.ts";
import { newFleet, newHttpHandler, newScratches } from "./http/index.ts";
import { firstsOf, type Pages } from "./monitoring/index.ts";
import type { ServerOptions } from "./options.ts";
import { withPriority } from "./priority/index.ts";
import type { Rooms } from "./rooms.ts";

const defaultMaxBodyBytes = 512 << 20;
const defaultMaxHeldBodyBytes = 2 ** 30;
/** A message may have so many bytes, compressed or not, as in TensorFlow Serving. */
const defaultMaxMessageBytes = 0x7fffffff;
const defaultMaxHeldMessageBytes = 2 ** 30;

type OnExchange = ListenerOptions["onExchange"];

/** GrpcPort is what gRPC, gRPC-Web and Connect are answered by. */
export interface GrpcPort {
  readonly services: Services;
  readonly handler: GrpcHandler;
}

/** newGrpcPort puts together what the gRPC port answers. With `life` the calls end that have not ended by then. */
export function newGrpcPort(rooms: Rooms, options: ServerOptions, life: Ctx): GrpcPort {
  const { admission, core, infer, logs, meter, metrics } = rooms;
  const { clock, logger, form = "values", health = true, sessionRun = false, maxMessageBytes = defaultMaxMessageBytes, grpcOrigins = [] } = options;
  checkOrigins("grpc_cors_origins", grpcOrigins);
  const failureOf = newFailureOf(logger, meter);
  const services = newServices({
    infer,
    admission,
    form,
    reload: (config) => core.reload(background(), config),
    ctxOf: priorities(rooms),
    sessionRun,
    core,
    clock,
    health,
    failureOf,
    life,
    streamLog: () => logs.stream(),
    meter,
    metrics: () => firstsOf(metrics),
  });
  const messages = newBudget(options.maxHeldMessageBytes ?? defaultMaxHeldMessageBytes);
  const { methods, runs } = services;
  return { services, handler: newGrpcHandler({ methods, runs, admission, meter, messages, maxMessageBytes, failureOf, cors: newCors(grpcOrigins), life }) };
}

/** RestLife is what the REST port needs of the server's life. */
export interface RestLife {
  /** life ends when a drain has taken its time. */
  readonly life: Ctx;
  readonly isDraining: () => boolean;
  readonly pages: Pages;
}

/** newRestPort puts together what the REST port answers. */
export function newRestPort(rooms: Rooms, options: ServerOptions, { life, isDraining, pages }: RestLife): OnExchange {
  const { admission, core, infer, meter } = rooms;
  return newHttpHandler({
    infer,
    admission,
    fleet: newFleet(core, isDraining),
    timeoutMs: options.restTimeoutMs ?? 30_000,
    numbers: options.restNumbers ?? "tensorflow",
    floats: newFloats(),
    scratches: newScratches(),
    cors: options.cors ?? false,
    compress: options.restCompress ?? false,
    listModels: options.restListModels ?? true,
    maxBodyBytes: options.maxBodyBytes ?? defaultMaxBodyBytes,
    bodies: newBudget(options.maxHeldBodyBytes ?? defaultMaxHeldBodyBytes),
    ctxOf: priorities(rooms),
    meter,
    pages,
    logger: options.logger,
    life,
  });
}

/** priorities reads what requests say of theirs; where nobody waits, they mean nothing. */
function priorities({ batching }: Rooms): typeof withPriority | undefined {
  return batching && withPriority;
}
