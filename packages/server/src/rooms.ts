import { availableParallelism } from "node:os";
import { type Budget, defaultListenerLimits, newBudget, readClock } from "@tfs/rpc";
import { type Family, newRegistry, type Registry } from "@tfs/std/metrics";
import { type Admission, defaultMaxCalls, newAdmission } from "./admission/index.ts";
import { type Batching, newBatching, newMiniBatching } from "./batching/index.ts";
import { type Core, newCore } from "./core/index.ts";
import { type InferOptions, newRuns } from "./infer/index.ts";
import { type Meter, newMeter } from "./meter/index.ts";
import { type Levels, modelLevels, ownFamilies } from "./monitoring/index.ts";
import type { ServerOptions } from "./options.ts";
import { newRequestLogs, type RequestLogs } from "./requestlog/index.ts";
import { engineNamed, newEngines } from "./runtime/index.ts";
import { newLoads } from "./servable/index.ts";
import { newLocalStorage } from "./storage/index.ts";
import { newTrials, newWarmup } from "./warmup/index.ts";

/** Rooms are the parts of a server that all of its ports share. */
export interface Rooms {
  readonly metrics: Registry;
  /** levels are the models' own, read when somebody looks. */
  readonly levels: Levels;
  readonly meter: Meter;
  readonly admission: Admission;
  /** unread bounds what waits for slow readers, over all ports. */
  readonly unread: Budget;
  /** batching is there if requests are joined. */
  readonly batching: Batching | undefined;
  readonly logs: RequestLogs;
  readonly core: Core;
  readonly infer: InferOptions;
}

/** newRooms makes them, and starts nothing. */
export function newRooms(options: ServerOptions): Rooms {
  const { clock, logger, tags = ["serve"], maxCalls = defaultMaxCalls, random = Math.random } = options;
  const idleMs = (): number => performance.eventLoopUtilization().idle;
  const [metrics, unread, defer] = [newRegistry(), newBudget(defaultListenerLimits.heldBytes), setImmediate];
  const admission = newAdmission({ clock: readClock(clock), metrics, defer, idleMs, maxCalls, full: () => unread.exhausted });
  const joined = options.batching && newBatching({ ...options.batching, cpus: availableParallelism(), clock, metrics, defer });
  const { tflite } = options.runtime ?? {};
  const batching = tflite !== undefined && tflite.perPool > 1 ? newMiniBatching({ ...tflite, outer: joined, clock, defer }) : joined;
  const logs = newRequestLogs({ tuning: options.requestLog ?? {}, tags, metrics, clock, logger, random });
  const [own, engines] = [engineNamed(options.engine ?? "embedded"), newEngines({ ...options.runtime, clock, logger })];
  const verbs = { checkMethodName: options.checkMethodName ?? false, runs: newRuns(metrics) };
  const warm = newWarmup({ infer: verbs, iterations: options.warmupIterations ?? 1, metrics, clock, logger });
  const core = newCore({
    ...options,
    engines: (name = own) => engines(name),
    tags,
    storages: { file: newLocalStorage(clock), ...options.storages },
    loads: newLoads(metrics),
    batching,
    ...(options.warmup !== false && { warm, trials: newTrials({ infer: verbs }) }),
    log: (models) => logs.set(models),
  });
  const { manager } = core;
  const meter = newMeter({ registry: metrics, models: manager, ...(options.telemetry && { spans: options.telemetry.spans }) });
  return { metrics, levels: modelLevels(manager), meter, admission, unread, batching, logs, core, infer: { ...verbs, manager, log: logs } };
}

/** observed gives what OpenTelemetry reads: our own counters, and the models' levels. Its SDK tells of processes by itself. */
export function observed({ metrics, levels }: Rooms): readonly Family[] {
  return ownFamilies(metrics, [levels]);
}
