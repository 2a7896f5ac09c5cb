import { availableParallelism } from "node:os";
import { type Engine, newEmbeddedEngine } from "@tfs/engine";
import type { Numbers } from "@tfs/rest";
import {
  type BindAddress,
  type Budget,
  defaultListenerLimits,
  formatAddress,
  type Listener,
  type ListenerLife,
  type ListenerLimits,
  newBudget,
  newListener,
  type ServerTls,
} from "@tfs/rpc";
import type { ModelServerConfig } from "@tfs/proto";
import { background, type CancelCtx, type Clock, Code, type Ctx, type Logger, messageOf, newError, throwIfDone, withCancel } from "@tfs/std";
import { type Family, newRegistry, type Registry } from "@tfs/std/metrics";
import type { Form } from "@tfs/tensor";
import type { Telemetry } from "./telemetry/index.ts";
import { type Admission, defaultMaxCalls, newAdmission } from "./admission/index.ts";
import { type Batching, type BatchingTuning, newBatching } from "./batching/index.ts";
import { withPriority } from "./priority/index.ts";
import type { ModelSource } from "./config/index.ts";
import { type Core, type CoreOptions, type LoadFailure, listed, newCore } from "./core/index.ts";
import { type Direct, newDirect } from "./direct.ts";
import { newFailureOf, newGrpcHandler, newServices, type Services } from "./grpc/index.ts";
import { newFleet, newHttpHandler } from "./http/index.ts";
import { type InferOptions, newRuns } from "./infer/index.ts";
import { newRequestLogs, type RequestLogs, type RequestLogTuning } from "./requestlog/index.ts";
import { type Meter, newMeter } from "./meter/index.ts";
import { firstsOf, isUpstream, type Levels, modelLevels, newPages, newProcessLevels, type Pages, type ProcessLevels } from "./monitoring/index.ts";
import { newLoads } from "./servable/index.ts";
import { newLocalStorage, type Storages } from "./storage/index.ts";
import { newWarmup } from "./warmup/index.ts";

/** What of the core is set from outside; what is left out has the core's defaults. */
type CoreTuning = Partial<
  Pick<CoreOptions, "pollMs" | "keepLast" | "allowLabelsForUnavailable" | "forceLabels" | "tuning" | "startLoads" | "memoryLimitBytes">
>;

export interface ServerOptions extends CoreTuning {
  /** models are those of the start; undefined is an empty configuration, on which any other may follow. */
  readonly models: readonly ModelSource[] | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives numbers from 0 to below 1; default Math.random. */
  readonly random?: () => number;
  /** storages read base paths with a scheme, besides the local disk. */
  readonly storages?: Storages;
  /** engine runs the models; default "embedded". */
  readonly engine?: string;
  /** tags of the meta-graph to load; default ["serve"]. */
  readonly tags?: readonly string[];
  /** batching joins requests of several callers into one run; default none. */
  readonly batching?: BatchingTuning;
  /** grpc and rest are where to listen; what is left out stays closed. */
  readonly grpc?: readonly BindAddress[];
  readonly rest?: BindAddress;
  /** grpcTls and restTls are spoken there; default plaintext. */
  readonly grpcTls?: ServerTls;
  readonly restTls?: ServerTls;
  /** grpcLimits and grpcLife are of connections of gRPC, gRPC-Web and Connect; what is left out has its default. */
  readonly grpcLimits?: Partial<ListenerLimits>;
  readonly grpcLife?: Partial<ListenerLife>;
  /** maxMessageBytes bounds a message over them; default 2^31 - 1, as in TensorFlow Serving. */
  readonly maxMessageBytes?: number;
  /** restTimeoutMs bounds one inference over REST; default 30,000, 0 or less means no limit. */
  readonly restTimeoutMs?: number;
  /** restNumbers is how REST answers print floats; default "tensorflow". */
  readonly restNumbers?: Numbers;
  readonly cors?: boolean;
  /** restCompress lets REST answers be compressed; default false, as TensorFlow Serving. */
  readonly restCompress?: boolean;
  /** restListModels answers GET /v1/models with the list of models; default true. TensorFlow Serving has an error there. */
  readonly restListModels?: boolean;
  /** tensorFlowMetricsPath is the path on the REST port of TensorFlow Serving's page of metrics; default none. */
  readonly tensorFlowMetricsPath?: string;
  /** metricsPath is the path there of our own page of metrics, for Prometheus; default none. */
  readonly metricsPath?: string;
  /** telemetry is told of calls: OpenTelemetry, as openTelemetry gives it. */
  readonly telemetry?: Telemetry;
  readonly checkMethodName?: boolean;
  /** form is how Predict answers over gRPC carry tensors; default "values", as TensorFlow Serving. */
  readonly form?: Form;
  /** health answers grpc.health.v1; default true. */
  readonly health?: boolean;
  /** sessionRun serves SessionRun, which runs any part of a model's graph; default false. */
  readonly sessionRun?: boolean;
  /** strict makes a model that does not load fail the start, as in TensorFlow Serving; default false: the other models are served. */
  readonly strict?: boolean;
  /** warmup runs the requests that a version brings along before it is available; default true. */
  readonly warmup?: boolean;
  /** warmupIterations is how often each of them is run; default 1. */
  readonly warmupIterations?: number;
  /** requestLog is about the logs of models whose configuration asks for one. */
  readonly requestLog?: RequestLogTuning;
  /** maxBodyBytes bounds a REST body; default 512 MiB. */
  readonly maxBodyBytes?: number;
  /** maxHeldBodyBytes bounds all REST bodies that are in memory at a time; a request that would pass it is refused. Default 1 GiB. */
  readonly maxHeldBodyBytes?: number;
  /** maxHeldMessageBytes does so for gRPC, gRPC-Web and Connect. Default 1 GiB. */
  readonly maxHeldMessageBytes?: number;
  /** maxCalls bounds the calls that wait for their turn or run, over all ports; one more is refused. 0 is no bound. Default 32,768. */
  readonly maxCalls?: number;
}

const defaultMaxBodyBytes = 512 << 20;
const defaultMaxHeldBodyBytes = 2 ** 30;
/** A message may have so many bytes, compressed or not, as in TensorFlow Serving. */
const defaultMaxMessageBytes = 0x7fffffff;
const defaultMaxHeldMessageBytes = 2 ** 30;

/** Started is where a server listens (`host:port` or `unix:path`), and what did not load. `rest` is undefined if REST was not wanted or its port not to be had. */
export interface Started {
  readonly grpc: readonly string[];
  readonly rest: string | undefined;
  readonly failures: readonly LoadFailure[];
}

/** ModelServer serves models over gRPC, gRPC-Web and Connect on one set of addresses and REST on another. */
class ModelServer {
  readonly #options: ServerOptions;
  readonly #metrics: Registry = newRegistry();
  readonly #logs: RequestLogs;
  readonly #batching: Batching | undefined;
  readonly #meter: Meter;
  readonly #models: Levels;
  #unobserve = (): void => {};
  readonly #core: Core;
  /** life ends when a drain has taken its time: runs that no connection ends end with it. */
  readonly #life: CancelCtx = withCancel(background());
  readonly #infer: InferOptions;
  readonly #admission: Admission;
  /** What waits for slow readers, over all ports. */
  readonly #unread: Budget = newBudget(defaultListenerLimits.heldBytes);
  #services: Services | undefined;
  #began = false;
  #isOpen = false;
  readonly #grpc: Listener[] = [];
  #rest: Listener | undefined;
  #process: ProcessLevels | undefined;
  #draining = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { engine = "embedded", tags = ["serve"], storages, clock, logger, warmup = true, warmupIterations: iterations = 1 } = options;
    const metrics = this.#metrics;
    const { maxCalls = defaultMaxCalls } = options;
    this.#admission = newAdmission({ clock, metrics, defer: setImmediate, maxCalls, full: () => this.#unread.exhausted });
    const verbs = { checkMethodName: options.checkMethodName ?? false, runs: newRuns(metrics) };
    const warm = newWarmup({ infer: verbs, iterations, metrics, clock, logger });
    const shared = { cpus: availableParallelism(), clock, metrics, defer: setImmediate };
    const batching = options.batching && newBatching({ ...options.batching, ...shared });
    this.#batching = batching;
    const engines = { engine: engineOf(engine), tags, loads: newLoads(metrics) };
    const loading = { ...engines, storages: { file: newLocalStorage(clock), ...storages }, batching, ...(warmup && { warm }) };
    const { random = Math.random, requestLog: tuning = {} } = options;
    const logs = newRequestLogs({ tuning, tags, metrics, clock, logger, random });
    this.#logs = logs;
    this.#core = newCore({ ...options, ...loading, log: (models) => logs.set(models) });
    const { manager } = this.#core;
    this.#infer = { ...verbs, manager, log: logs };
    this.#models = modelLevels(manager);
    this.#meter = newMeter({ registry: this.#metrics, models: manager, ...(options.telemetry && { spans: options.telemetry.spans }) });
  }

  /** #observed gives what OpenTelemetry reads: our own counters, and the models' levels. Its SDK tells of processes by itself. */
  #observed(): readonly Family[] {
    return [...this.#metrics.collect().filter(({ name }) => !isUpstream(name)), ...this.#models()];
  }

  /** start loads the models, then listens. If it throws, everything it had opened is closed again. */
  async start(ctx: Ctx): Promise<Started> {
    if (this.#began) throw newError(Code.FailedPrecondition, "a server starts once: make another one");
    this.#began = true;
    try {
      const started = await this.#open(ctx);
      this.#isOpen = true;
      return started;
    } catch (err) {
      await this.drain(0);
      throw err;
    }
  }

  async #open(ctx: Ctx): Promise<Started> {
    const { clock, logger, grpc = [], rest, grpcTls } = this.#options;
    const failures = await this.#core.start(ctx, this.#options.models);
    if (failures.length > 0 && this.#options.strict === true)
      throw newError(Code.Unknown, `${failures.length} servable(s) did not become available: {${listed(failures)}}`);
    throwIfDone(ctx); // told to stop while loading: do not listen
    if (this.#options.telemetry !== undefined) this.#unobserve = this.#options.telemetry.observe(() => this.#observed());
    const infer = this.#infer;
    const { form = "values", health = true, sessionRun = false } = this.#options;
    const reload = (config: ModelServerConfig): Promise<void> => this.#core.reload(background(), config);
    const failureOf = newFailureOf(logger, this.#meter);
    const admission = this.#admission;
    const ctxOf = this.#batching && withPriority; // where nobody waits, priorities mean nothing
    const { methods, runs } = (this.#services = newServices({
      infer,
      admission,
      form,
      reload,
      ctxOf,
      sessionRun,
      core: this.#core,
      clock,
      health,
      failureOf,
      streamLog: () => this.#logs.stream(),
      meter: this.#meter,
      metrics: () => firstsOf(this.#metrics),
    }));
    const messages = newBudget(this.#options.maxHeldMessageBytes ?? defaultMaxHeldMessageBytes);
    const { grpcLimits = {}, grpcLife = {}, maxMessageBytes = defaultMaxMessageBytes } = this.#options;
    const onExchange = newGrpcHandler({ methods, runs, admission, messages, maxMessageBytes, failureOf });
    const bound: string[] = [];
    for (const address of grpc) {
      const listener = newListener({ onExchange, clock, logger, limits: grpcLimits, life: grpcLife, budget: this.#unread, ...(grpcTls && { tls: grpcTls }) });
      this.#grpc.push(listener);
      try {
        bound.push(formatAddress(await listener.listen(ctx, address)));
      } catch (err) {
        throwIfDone(ctx);
        throw newError(Code.InvalidArgument, `Failed to BuildAndStart gRPC server: ${messageOf(err)}`, err); // TensorFlow Serving's code and words
      }
    }
    return { grpc: bound, rest: rest === undefined ? undefined : await this.#openRest(ctx, rest, infer), failures };
  }

  /** openRest listens for REST. A port that cannot be had is logged, and gRPC goes on alone, as in TensorFlow Serving, whose words these are. */
  async #openRest(ctx: Ctx, address: BindAddress, infer: InferOptions): Promise<string | undefined> {
    const { clock, logger, grpc = [], restTimeoutMs = 30_000, restNumbers = "tensorflow", cors = false } = this.#options;
    const { maxBodyBytes = defaultMaxBodyBytes, maxHeldBodyBytes = defaultMaxHeldBodyBytes } = this.#options;
    const port = "port" in address ? address.port : 0;
    if (port !== 0 && grpc.some((other) => "port" in other && other.port === port)) {
      logger.error("server_options.http_port cannot be same as grpc_port. Please use a different port for HTTP/REST API. Skipped exporting HTTP/REST API.", {
        port,
      });
      return undefined;
    }
    const bodies = newBudget(maxHeldBodyBytes);
    const onExchange = newHttpHandler({
      infer,
      admission: this.#admission,
      fleet: newFleet(this.#core, () => this.#draining),
      timeoutMs: restTimeoutMs,
      numbers: restNumbers,
      cors,
      compress: this.#options.restCompress ?? false,
      listModels: this.#options.restListModels ?? true,
      maxBodyBytes,
      bodies,
      ctxOf: this.#batching && withPriority,
      meter: this.#meter,
      pages: this.#pages(),
      logger,
      life: this.#life,
    });
    const { restTls } = this.#options;
    const listener = newListener({ onExchange, clock, logger, budget: this.#unread, ...(restTls && { tls: restTls }) });
    this.#rest = listener;
    try {
      return formatAddress(await listener.listen(ctx, address));
    } catch (err) {
      throwIfDone(ctx);
      logger.error(`Failed to start HTTP Server at localhost:${port}`, { error: err });
      return undefined;
    }
  }

  #pages(): Pages {
    const { tensorFlowMetricsPath: tensorFlowPath, metricsPath: path } = this.#options;
    const levels = [this.#models];
    if (path !== undefined) levels.push((this.#process = newProcessLevels()).levels);
    return newPages({ registry: this.#metrics, levels, tensorFlowPath, path });
  }

  /** direct gives a transport for callers in this process. Its calls are Unavailable before the start has ended and after drain. */
  direct(): Direct {
    return newDirect(this.#infer, this.#life, () => {
      if (!this.#isOpen) throw newError(Code.Unavailable, "the server takes no calls");
    });
  }

  /** reload changes to another configuration, as HandleReloadConfigRequest does. */
  reload(ctx: Ctx, config: ModelServerConfig): Promise<void> {
    return this.#core.reload(ctx, config);
  }

  /** follow applies a configuration that `read` gives, every `ms` until the server is drained. */
  follow(ms: number, read: () => Promise<ModelServerConfig>): void {
    this.#core.follow(ms, read);
  }

  /** drain stops accepting, lets requests in flight finish for at most `ms`, unloads the models, and writes what is to be logged yet. */
  async drain(ms: number): Promise<void> {
    this.#isOpen = false;
    this.#services?.drain();
    this.#draining = true;
    this.#batching?.drain();
    using _ = this.#options.clock.after(ms, () => this.#life.cancel());
    await Promise.all([...this.#grpc, ...(this.#rest === undefined ? [] : [this.#rest])].map((listener) => listener.drain(ms)));
    this.#process?.close();
    this.#unobserve();
    await this.#core.close();
    await this.#logs.close();
  }
}
export type { ModelServer };

export function newServer(options: ServerOptions): ModelServer {
  return new ModelServer(options);
}

function engineOf(name: string): Engine {
  if (name === "embedded") return newEmbeddedEngine();
  throw newError(Code.InvalidArgument, `there is no engine ${name}; known: embedded`);
}
