import { ServingService } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import type { Manager } from "../manager/index.ts";
import { type FailureOf, type Method, type Methods, newDescriptors, newHealth, newReflection, shippedFiles, standardServices } from "@tfs/services";
import type { Clock, Ctx } from "@tfs/std";
import { type Listed, listModels } from "../infer/index.ts";
import { newCounting } from "./counted.ts";
import { type MethodOptions, newMethods } from "./methods.ts";
import { newPredictStream, type StreamLog } from "./stream.ts";

/** Core is what the server's own services tell of. */
export interface Core extends Listed {
  readonly manager: Listed["manager"] & Pick<Manager, "serves">;
  /** ready tells whether every configured model has an available version. */
  readonly ready: boolean;
}

export interface ServicesOptions extends MethodOptions {
  readonly core: Core;
  readonly clock: Clock;
  readonly failureOf: FailureOf;
  /** health: grpc.health.v1 is answered. */
  readonly health: boolean;
  /** life ends the streams that are still open then. */
  readonly life: Ctx;
  /** streamLog begins the log of a PredictStream; default none. */
  readonly streamLog?: () => StreamLog | undefined;
}

/** Services are all that the gRPC ports answer. */
export interface Services {
  readonly methods: Methods;
  /** runs are the paths of those that run models, and may be refused when there is too much to do. */
  readonly runs: ReadonlySet<string>;
  /** drain: nothing is SERVING from now on, and calls that would not end by themselves are ended. */
  drain(): void;
}

/** A request of ListModels is a list of names. */
const maxRequestBytes = 256 << 10;
/** TensorFlow Serving has health under these names, which are no services' (main.cc). */
const upstreamNames = ["ModelService", "PredictionService"];

/** newServices makes every method of the server: TensorFlow Serving's, ours, and gRPC's own. */
export function newServices(options: ServicesOptions): Services {
  const { core, clock, failureOf } = options;
  const owner = "the server";
  let isDraining = false;
  const served = newMethods(options);
  const stream = newPredictStream({ predict: served.predict, failureOf, life: options.life, ...(options.streamLog && { log: options.streamLog }) });
  const methods = new Map<string, Method>(served.methods);
  methods.set(stream.path, stream.method);
  const list = { method: "list_models", maxRequestBytes } as const;
  methods.set(...newCounting(options.meter).unary(ServingService.method.listModels, list, async (_, request) => listModels(request, core)));

  const whole = new Set(["", ...upstreamNames, ...servicesOf(methods.keys())]);
  const serving = (name: string): boolean | undefined => {
    if (whole.has(name)) return core.ready && !isDraining;
    if (!core.models.some((model) => model.name === name)) return undefined;
    return !isDraining && core.manager.serves(name);
  };
  const services = (): string[] => [...new Set([...whole, ...core.models.map(({ name }) => name)])];
  const health = options.health ? newHealth({ serving, services, owner, clock }) : undefined;
  for (const [path, method] of health?.methods ?? []) methods.set(path, method);

  const descriptors = newDescriptors([standardServices, { files: shippedFiles() }]);
  const reflection = newReflection({ descriptors, services: () => [...servicesOf(methods.keys())].sort(), owner });
  for (const [path, method] of reflection.methods) methods.set(path, method);
  return {
    methods,
    runs: new Set([...served.runs, stream.path]),
    drain() {
      isDraining = true;
      health?.drain();
      reflection.drain();
      stream.drain();
    },
  };
}

/** servicesOf gives the full names of the services that paths belong to. */
function servicesOf(paths: Iterable<string>): Set<string> {
  return new Set([...paths].map((path) => path.slice(1, path.lastIndexOf("/"))));
}
