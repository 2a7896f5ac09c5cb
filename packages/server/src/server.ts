import { type BindAddress, formatAddress, type Listener, newListener } from "@tfs/rpc";
import type { ModelServerConfig } from "@tfs/proto";
import { background, type CancelCtx, Code, type Ctx, messageOf, newError, throwIfDone, withCancel } from "@tfs/std";
import { listed } from "./core/index.ts";
import { type Direct, newDirect } from "./direct.ts";
import { type Services, shuttingDown } from "./grpc/index.ts";
import { newPages, newProcessLevels, type Pages, type ProcessLevels } from "./monitoring/index.ts";
import type { ServerOptions, Started } from "./options.ts";
import { newGrpcPort, newRestPort } from "./ports.ts";
import { newRooms, observed, type Rooms } from "./rooms.ts";

/** How long calls that a drain has ended have to be answered before their connections are cut, in milliseconds. */
const answerMs = 1000;
/** How long models may take to unload, and then logs to be written, in milliseconds: a load, a run or a disk that hangs does not end. */
const endMs = 5000;

/** ModelServer serves models over gRPC, gRPC-Web and Connect on one set of addresses and REST on another. */
class ModelServer {
  readonly #options: ServerOptions;
  readonly #rooms: Rooms;
  /** life ends when a drain has taken its time, and with it the calls that still run. */
  readonly #life: CancelCtx = withCancel(background());
  #services: Services | undefined;
  #began = false;
  #isOpen = false;
  readonly #grpc: Listener[] = [];
  #rest: Listener | undefined;
  #process: ProcessLevels | undefined;
  #unobserve = (): void => {};
  #draining = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#rooms = newRooms(options);
  }

  /** start loads the models, then listens. If it throws, everything it had opened is closed again. */
  async start(ctx: Ctx): Promise<Started> {
    if (this.#draining) throw newError(Code.FailedPrecondition, "a server that was drained does not start: make another one");
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
    const { clock, logger, models, strict, telemetry, grpc = [], rest, grpcTls, grpcLimits = {}, grpcLife = {} } = this.#options;
    const { core, unread } = this.#rooms;
    const failures = await core.start(ctx, models);
    if (failures.length > 0 && strict === true) throw newError(Code.Unknown, `${failures.length} servable(s) did not become available: {${listed(failures)}}`);
    throwIfDone(ctx); // told to stop while loading: do not listen
    if (telemetry !== undefined) this.#unobserve = telemetry.observe(() => observed(this.#rooms));
    const { services, handler } = newGrpcPort(this.#rooms, this.#options, this.#life);
    this.#services = services;
    const bound: string[] = [];
    for (const address of grpc) {
      const listener = newListener({ ...handler, clock, logger, limits: grpcLimits, life: grpcLife, budget: unread, ...(grpcTls && { tls: grpcTls }) });
      this.#grpc.push(listener);
      try {
        bound.push(formatAddress(await listener.listen(ctx, address)));
      } catch (err) {
        throwIfDone(ctx);
        throw newError(Code.InvalidArgument, `Failed to BuildAndStart gRPC server: ${messageOf(err)}`, err); // TensorFlow Serving's code and words
      }
    }
    return { grpc: bound, rest: rest === undefined ? undefined : await this.#openRest(ctx, rest), failures };
  }

  /** openRest listens for REST. A port that cannot be had is logged, and gRPC goes on alone, as in TensorFlow Serving, whose words these are. */
  async #openRest(ctx: Ctx, address: BindAddress): Promise<string | undefined> {
    const { clock, logger, grpc = [], restTls } = this.#options;
    const port = "port" in address ? address.port : 0;
    if (port !== 0 && grpc.some((other) => "port" in other && other.port === port)) {
      logger.error("server_options.http_port cannot be same as grpc_port. Please use a different port for HTTP/REST API. Skipped exporting HTTP/REST API.", {
        port,
      });
      return undefined;
    }
    const onExchange = newRestPort(this.#rooms, this.#options, { life: this.#life, isDraining: () => this.#draining, pages: this.#pages() });
    const listener = newListener({ onExchange, clock, logger, budget: this.#rooms.unread, ...(restTls && { tls: restTls }) });
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
    const levels = [this.#rooms.levels];
    if (path !== undefined) levels.push((this.#process = newProcessLevels()).levels);
    return newPages({ registry: this.#rooms.metrics, levels, tensorFlowPath, path });
  }

  /** direct gives a transport for callers in this process. Its calls are Unavailable before the start has ended and after drain. */
  direct(): Direct {
    return newDirect(this.#rooms.infer, this.#life, () => {
      if (!this.#isOpen) throw newError(Code.Unavailable, "the server takes no calls");
    });
  }

  /** reload changes to another configuration, as HandleReloadConfigRequest does. Throws FailedPrecondition after drain. */
  async reload(ctx: Ctx, config: ModelServerConfig): Promise<void> {
    if (this.#draining) throw newError(Code.FailedPrecondition, "a server that was drained takes no configuration: make another one");
    await this.#rooms.core.reload(ctx, config);
  }

  /** follow applies a configuration that `read` gives, every `ms` until the server is drained. */
  follow(ms: number, read: () => Promise<ModelServerConfig>): void {
    this.#rooms.core.follow(ms, read);
  }

  /**
   * drain stops accepting, lets requests in flight finish for at most `ms`, answers those that still run with Unavailable, unloads the models, and writes what is to
   * be logged yet. It gives whether all has ended: what hangs is left behind after five seconds.
   */
  async drain(ms: number): Promise<boolean> {
    this.#isOpen = false;
    this.#services?.drain();
    this.#draining = true;
    this.#rooms.batching?.drain();
    using _ = this.#options.clock.after(ms, () => this.#life.cancel(shuttingDown));
    await Promise.all([...this.#grpc, ...(this.#rest === undefined ? [] : [this.#rest])].map((listener) => listener.drain(ms + answerMs)));
    this.#process?.close();
    this.#unobserve();
    const unloaded = await this.#inTime(this.#rooms.core.close());
    return (await this.#inTime(this.#rooms.logs.close())) && unloaded;
  }

  /** #inTime waits for work that may hang; false if it does. */
  async #inTime(work: Promise<void>): Promise<boolean> {
    let giveUp = (): void => {};
    const late = new Promise<false>((resolve) => {
      giveUp = () => resolve(false);
    });
    using _ = this.#options.clock.after(endMs, giveUp);
    return await Promise.race([work.then(() => true), late]);
  }
}
export type { ModelServer };

export function newServer(options: ServerOptions): ModelServer {
  return new ModelServer(options);
}
