import { create, toBinary } from "@bufbuild/protobuf";
import type { ModelSpec } from "@tfs/proto";
import { LogMetadataSchema } from "@tfs/proto/gen/tensorflow_serving/apis/logging_pb.js";
import { type LoggingConfig, LoggingConfigSchema, SamplingConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { background, type Clock, Code, codeName, codeOf, type Ctx, type Logger, messageOf, newError, sleep, withCancel } from "@tfs/std";
import type { Counter, Metric, Registry } from "@tfs/std/metrics";
import type { ModelSource } from "../config/index.ts";
import type { CallLog, Keep } from "../infer/index.ts";
import { type Collector, type CollectorFactory, factoriesOf } from "./collector.ts";
import { checkPrefix, type FilesOptions, newFiles } from "./files.ts";
import { type Format, json, tfrecord } from "./formats.ts";
import { type Exchange, type LogKind, piecesOf, sizeOf } from "./message.ts";
import type { Log, Logged } from "./log.ts";
import { defaultQueueBytes, newRoom, type Room } from "./room.ts";
import { rateOf } from "./sampling.ts";
import { type Loss, newSink } from "./sink.ts";
import { newStream, slotKey, type StreamLog } from "./stream.ts";

export interface RequestLogTuning extends Pick<FilesOptions, "fileBytes" | "fileMs" | "files" | "totalBytes"> {
  /** queueBytes is what all records may hold that are not written yet; default 64 MiB. */
  readonly queueBytes?: number;
  /** dc and task are what entries of per_task_sampling_configs are compared with; default "" and 0. */
  readonly dc?: string;
  readonly task?: number;
  /** collectors are kinds of log besides "tfrecord" and "json". */
  readonly collectors?: readonly (readonly [type: string, factory: CollectorFactory])[];
}

export interface RequestLogsOptions {
  readonly tuning?: RequestLogTuning;
  /** tags of the meta-graphs that are loaded. */
  readonly tags: readonly string[];
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** random gives numbers from 0 to below 1. */
  readonly random: () => number;
}

/** Writing that takes longer than this at the end is given up. */
const closeMs = 10_000;

/** newRequestLogs makes the logs of one server: none, until a configuration is set. Throws AlreadyExists for a type of collector that comes twice. */
export function newRequestLogs(options: RequestLogsOptions): RequestLogs {
  return new RequestLogs(options);
}

class RequestLogs implements CallLog {
  readonly #options: RequestLogsOptions;
  readonly #random: () => number;
  readonly #factories: ReadonlyMap<string, CollectorFactory>;
  readonly #room: Room;
  readonly #counts: Metric<Counter>;
  readonly #losses: Metric<Counter>;
  #logs: ReadonlyMap<string, Log> = new Map();
  #logged: ReadonlyMap<string, Logged> = new Map();
  /** Collectors that are being closed. */
  readonly #closing = new Set<Promise<void>>();

  constructor(options: RequestLogsOptions) {
    const { metrics, random, tuning = {} } = options;
    this.#options = options;
    this.#random = random;
    this.#room = newRoom(tuning.queueBytes ?? defaultQueueBytes);
    this.#factories = factoriesOf([["tfrecord", this.#files(tfrecord)], ["json", this.#files(json)], ...(tuning.collectors ?? [])]);
    this.#counts = metrics.counter({
      name: "/tensorflow/serving/request_log_count",
      help: "The total number of requests logged from the model server sliced down by model_name and status code.",
      labels: ["model_name", "status_code"],
    });
    this.#losses = metrics.counter({
      name: "tfs_request_log_lost_total",
      help: "Sampled requests that are in no log, by why.",
      labels: ["model", "reason"],
    });
  }

  /**
   * set says which models are logged from now on, and how. Models with equal configurations share a log, and one that stays the same stays open. Throws NotFound
   * or InvalidArgument, naming the model; then nothing has changed.
   */
  set(models: readonly ModelSource[]): void {
    const logs = new Map<string, Log>();
    const logged = new Map<string, Logged>();
    const collectors = new Map([...this.#logs.values()].map(({ collectorKey, collector }) => [collectorKey, collector]));
    const begun: Collector[] = [];
    try {
      for (const { name, logging } of models) {
        if (logging === undefined) continue;
        const key = keyOf(logging);
        const log = logs.get(key) ?? this.#logs.get(key) ?? this.#newLog(name, logging, collectors, begun);
        logs.set(key, log);
        logged.set(name, { model: name, log, keep: this.#keepIn(name, log) });
      }
    } catch (err) {
      for (const collector of begun) this.#end(collector);
      throw err;
    }
    this.#logs = logs;
    this.#logged = logged;
    const used = new Set([...logs.values()].map(({ collector }) => collector));
    for (const collector of new Set(collectors.values())) if (!used.has(collector)) this.#end(collector);
  }

  take(ctx: Ctx, model: string): Keep | undefined {
    const logged = this.#logged.get(model);
    if (logged === undefined) return undefined;
    const slot = ctx.value(slotKey);
    if (slot !== undefined) return slot.keeper(logged);
    return this.#random() < logged.log.rate ? logged.keep : undefined;
  }

  /** stream begins a stream's log; undefined if no model is logged. */
  stream(): StreamLog | undefined {
    if (this.#logged.size === 0) return undefined;
    return newStream({
      sampled: ({ rate }) => this.#random() < rate,
      room: this.#room,
      write: ({ model, log }, spec, exchanges) => this.#collect(model, log, { kind: "predictStreamed", spec, exchanges: () => exchanges }),
      failed: ({ model }, err) => this.#count(model, codeOf(err)),
      lost: ({ model }) => {
        this.#count(model, Code.ResourceExhausted);
        this.#lose(model, "queue full");
      },
    });
  }

  /** close ends all logs once everything is written, or after 10 s. */
  async close(): Promise<void> {
    this.set([]);
    using patience = withCancel(background());
    const given = sleep(this.#options.clock, closeMs, patience.signal).then(
      () => this.#options.logger.error("request logs: not all is written, and it is given up", { ms: closeMs }),
      () => {},
    );
    await Promise.race([Promise.all(this.#closing), given]);
  }

  #newLog(model: string, config: LoggingConfig, collectors: Map<string, Collector>, begun: Collector[]): Log {
    const { tuning = {}, tags } = this.#options;
    try {
      const rate = rateOf(config.samplingConfig, { dc: tuning.dc ?? "", index: tuning.task ?? 0 });
      const { perTaskSamplingConfigs = [], attributes = 0 } = config.samplingConfig ?? {};
      const samplingConfig = create(SamplingConfigSchema, { samplingRate: rate, perTaskSamplingConfigs, attributes });
      const metadata = toBinary(LogMetadataSchema, create(LogMetadataSchema, { samplingConfig, savedModelTags: [...tags], dc: tuning.dc ?? "" }));
      const type = config.logCollectorConfig?.type ?? "";
      const factory = this.#factories.get(type);
      if (factory === undefined) throw newError(Code.NotFound, `Cannot find LogCollector::Factory for type: ${type}`);
      const { logCollectorConfig, customLoggingConfig } = config;
      const collectorKey = keyOf(
        create(LoggingConfigSchema, { ...(logCollectorConfig && { logCollectorConfig }), ...(customLoggingConfig && { customLoggingConfig }) }),
      );
      const collector = collectors.get(collectorKey) ?? factory(config);
      if (!collectors.has(collectorKey)) begun.push(collector);
      collectors.set(collectorKey, collector);
      return { rate, metadata, collector, collectorKey };
    } catch (err) {
      throw newError(codeOf(err), `model ${model}: ${messageOf(err)}`, err);
    }
  }

  /** #files makes collectors that write files. */
  #files(format: Format): CollectorFactory {
    const { tuning = {}, clock, logger } = this.#options;
    return ({ logCollectorConfig }) => {
      const prefix = logCollectorConfig?.filenamePrefix ?? "";
      checkPrefix(prefix);
      const files = newFiles({ ...tuning, prefix, extension: format.extension, clock, logger });
      return newSink({ files, format, room: this.#room, lost: ({ model }, why) => this.#lose(model, why), logger });
    };
  }

  #keepIn(model: string, log: Log): Keep {
    return (kind, spec, request, response) => this.#collect(model, log, { kind, spec, exchanges: () => [{ request: request(), response: response() }] });
  }

  /** #collect gives a log a record. It does not throw: the call has been answered, and what cannot be logged is no fault of its caller. */
  #collect(model: string, log: Log, { kind, spec, exchanges }: { kind: LogKind; spec: ModelSpec; exchanges: () => readonly Exchange[] }): void {
    try {
      const timestampSecs = BigInt(Math.floor(this.#options.clock.wallMs() / 1000));
      const own = toBinary(LogMetadataSchema, create(LogMetadataSchema, { modelSpec: spec, timestampSecs }));
      const pieces = piecesOf(kind, Buffer.concat([own, log.metadata]), exchanges());
      this.#count(model, log.collector.collect({ model, pieces, sizeBytes: sizeOf(pieces) }) ? Code.Ok : Code.ResourceExhausted);
    } catch (err) {
      this.#count(model, codeOf(err));
    }
  }

  #count(model: string, code: Code): void {
    this.#counts.with(model, codeName(code)).add();
  }

  #lose(model: string, why: Loss): void {
    this.#losses.with(model, why).add();
  }

  #end(collector: Collector): void {
    const closed: Promise<void> = collector
      .close()
      .catch((err: unknown) => this.#options.logger.error("request log: not closed", { error: err }))
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
export type { RequestLogs };

/** keyOf tells configurations apart by what they say. */
function keyOf(config: LoggingConfig): string {
  return Buffer.from(toBinary(LoggingConfigSchema, config)).toString("latin1");
}
