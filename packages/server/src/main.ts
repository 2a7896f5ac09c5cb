// The only file that reads argv and the environment. It reads like a parts list.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { numberForms } from "@tfs/rest";
import {
  background,
  type Clock,
  Code,
  discard,
  type Flags,
  hasEnded,
  type Level,
  type Logger,
  messageOf,
  nearest,
  newError,
  newLogger,
  systemClock,
  withCancel,
} from "@tfs/std";
import { type BatchingTuning, paddings, parametersOf, policies } from "./batching/index.ts";
import { checkNamed, type Configured, configured, monitoringPath, readBatching, sessionConfig } from "./config/index.ts";
import {
  channelSettings,
  checkConflicts,
  checkFlags,
  defaultLevel,
  helpText,
  readFlags,
  refuse,
  remark,
  remoteTuning,
  requestLogTuning,
  runningLines,
  runtimeTuning,
  startFailure,
  versionText,
} from "./flags/index.ts";
import { transitions } from "./manager/index.ts";
import { newEngines, type RuntimeTuning } from "./runtime/index.ts";
import { type ModelServer, newServer } from "./server.ts";
import { openTelemetry, type Telemetry } from "./telemetry/index.ts";
import { openRemoteStorages, type RemoteStorages, type Storages } from "./storage/index.ts";
import type { Credentials } from "./tls/index.ts";

/** As in TensorFlow Serving: -1, to a shell. */
const failed = 255;
/** What a shell makes of a process that SIGINT ended. */
const interrupted = 130;

async function main(argv: readonly string[]): Promise<number> {
  const [word = "", ...words] = argv;
  if (word === "engine") return await engine(words);
  if (word === "scan") return await scan(words);
  const meant = /^\w+$/.test(word) ? nearest(word, ["engine", "scan"]) : undefined;
  if (meant !== undefined) throw newError(Code.InvalidArgument, `unknown argument: ${word}; did you mean ${meant}?`);
  const options = readFlags(argv);
  if (options.bool("help")) {
    process.stdout.write(helpText());
    return 0;
  }
  if (options.bool("version")) {
    process.stdout.write(versionText(release(), options.string("engine"), await tensorFlowVersion(options)));
    return 0;
  }
  const level = options.given("log_level") ? oneOf<Level>(options, "log_level", ["debug", "info", "warn", "error"]) : defaultLevel(process.env);
  const format = oneOf(options, "log_format", ["text", "json"] as const);
  const clock = systemClock();
  const logger = newLogger({ write: (line) => void process.stderr.write(`${line}\n`), clock, level, format });

  const stopped = stopSignal(logger);
  let remote: RemoteStorages | undefined;
  let server: ModelServer;
  try {
    remote = await openRemoteStorages({ ...remoteTuning(options, process.env), clock, logger, random: Math.random });
    const started = await Promise.race([start({ options, argv }, remote.storages, clock, logger), stopped]);
    if (typeof started === "string") {
      await remote[Symbol.asyncDispose]();
      return await end(0, true); // told to stop while loading: there is nothing to drain
    }
    server = started;
  } catch (err) {
    await remote?.[Symbol.asyncDispose]();
    process.stdout.write(startFailure(err));
    logger.error("did not start", { error: err });
    return failed;
  }
  const signal = await stopped;
  logger.info("draining", { signal, ms: options.int("drain_ms") });
  const ended = await server.drain(options.int("drain_ms"));
  if (!ended) logger.warn("a load, a run or a disk hangs, and is left behind");
  await remote[Symbol.asyncDispose]();
  logger.info("stopped");
  return ended ? 0 : await end(0, true);
}

/** scan tells what a SavedModel needs. */
async function scan(argv: readonly string[]): Promise<number> {
  const { scanCommand } = await import("./scan/index.ts");
  return await scanCommand(background(), argv, process);
}

/** engine does what concerns engines and not serving. It stops when it is told to, with nothing half-done left; told twice, at once. */
async function engine(argv: readonly string[]): Promise<number> {
  const { engineCommand } = await import("./engines/index.ts");
  using ctx = withCancel(background());
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (hasEnded(ctx)) process.exit(interrupted);
      ctx.cancel(newError(Code.Canceled, signal));
    });
  }
  const { env, stdin, stdout, stderr } = process;
  try {
    return await engineCommand(ctx, argv, { env, stdin, stdout, stderr, clock: systemClock() });
  } catch (err) {
    if (!hasEnded(ctx)) throw err;
    process.stderr.write("\ntfs-server engine: stopped\n");
    return interrupted;
  }
}

/** stopSignal gives the first signal to stop. Another one is logged and changes nothing, but for whoever presses Ctrl-C twice. */
function stopSignal(logger: Logger): Promise<string> {
  let first: string | undefined;
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (signal === "SIGINT" && first === signal) return leave(interrupted, true);
        if (first !== undefined) return logger.warn("stopping already", { signal, first });
        first = signal;
        resolve(signal);
      });
    }
  });
}

/** Line is the command line: as flags, and as it was. */
interface Line {
  readonly options: Flags;
  readonly argv: readonly string[];
}

/** start gives a server that listens. */
async function start(line: Line, storages: Storages, clock: Clock, logger: Logger): Promise<ModelServer> {
  const { options } = line;
  checkFlags(options);
  const models = await configured(options, process.env);
  await checkNamed(options);
  const batching = await batchingOf(options);
  checkConflicts(options);
  refuse(options);
  remark(options, logger);
  const page = await monitoringPath(options, logger);
  const telemetry = options.bool("enable_opentelemetry") ? await openTelemetry() : undefined;
  const isolates = oneOf(options, "engine_isolation", ["none", "process"]) === "process";
  const runtime: RuntimeTuning = {
    ...runtimeTuning(options, process.env, await sessionConfig(options)),
    release: release(),
    ...(isolates && { command: engineCommand(line.argv) }),
  };
  const tls = {
    grpc: await credentialsOf(options, "ssl_config_file", clock, logger),
    rest: await credentialsOf(options, "rest_api_ssl_config_file", clock, logger),
  };
  keepSmall();
  const server = serverOf(options, { ...models, batching, page, telemetry, tls, runtime }, storages, clock, logger);
  const { grpc, rest } = await server.start(background());
  for (const credentials of [tls.grpc, tls.rest]) credentials?.watch();
  if (models.poll !== undefined) server.follow(models.poll.ms, models.poll.read);
  for (const line of runningLines(options, rest !== undefined)) logger.info(line);
  logger.info("listening", { grpc, rest: rest ?? "off", pid: process.pid });
  return server;
}

/** Told is what the files say that flags name, and what was loaded for their sake. */
interface Told extends Configured {
  readonly batching: BatchingTuning | undefined;
  /** page is the path of TensorFlow Serving's page of metrics. */
  readonly page: string | undefined;
  readonly telemetry: Telemetry | undefined;
  readonly runtime: RuntimeTuning;
  /** tls is what each port shows its clients; undefined is plaintext. */
  readonly tls: { readonly grpc: Credentials | undefined; readonly rest: Credentials | undefined };
}

function release(): string {
  return (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string }).version;
}

/** tensorFlowVersion gives that of the library that runs models, if that is TensorFlow; undefined if it is not, or cannot be had. */
async function tensorFlowVersion(options: Flags): Promise<string | undefined> {
  if (options.string("engine") !== "tensorflow") return undefined;
  const engines = newEngines({ ...runtimeTuning(options, process.env, {}), clock: systemClock(), logger: discard() });
  const found = await engines("tensorflow").probe(background());
  return found.ok ? found.version : undefined;
}

/** batchingOf gives how requests are joined; undefined if they are not. */
async function batchingOf(options: Flags): Promise<BatchingTuning | undefined> {
  const [policy, padding] = [oneOf(options, "batching_mixed_priority_policy", policies), oneOf(options, "batching_padding_policy", paddings)];
  const files = await readBatching(options);
  if (files === undefined) return undefined;
  return {
    parameters: files.parameters === undefined ? {} : parametersOf(files.parameters),
    ...(files.low === undefined ? {} : { lowParameters: parametersOf(files.low) }),
    policy,
    padding,
    perModel: options.bool("enable_per_model_batching_parameters"),
    isolates: options.bool("batching_isolation"),
  };
}

async function credentialsOf(options: Flags, flag: string, clock: Clock, logger: Logger): Promise<Credentials | undefined> {
  if (options.string(flag) === "") return undefined;
  const { openCredentials } = await import("./tls/index.ts"); // and with it Node's cryptography
  return openCredentials(options.string(flag), { flag, clock, logger });
}

function serverOf(options: Flags, { models, batching, page, telemetry, tls, runtime }: Told, storages: Storages, clock: Clock, logger: Logger): ModelServer {
  const host = options.string("host") === "" ? {} : { host: options.string("host") };
  const [port, restPort, socket] = [options.int("port"), options.int("rest_api_port"), options.string("grpc_socket_path")];
  const channel = channelSettings(options);
  return newServer({
    models,
    storages,
    pollMs: options.int("file_system_poll_wait_seconds") * 1000,
    keepLast: options.bool("servable_versions_always_present"),
    allowLabelsForUnavailable: options.bool("allow_version_labels_for_unavailable_models"),
    ...positive("memoryLimitBytes", options.int("total_model_memory_limit_bytes")),
    startLoads: 4 * availableParallelism(),
    tuning: {
      transition: oneOf(options, "version_transition", transitions),
      ...positive("loads", options.int("num_load_threads")),
      ...positive("unloads", options.int("num_unload_threads")),
      retries: options.int("max_num_load_retries"),
      retryMs: options.int("load_retry_interval_micros") / 1000,
    },
    clock,
    logger,
    engine: options.string("engine"),
    runtime,
    ...(batching === undefined ? {} : { batching }),
    tags: options.string("saved_model_tags").split(","),
    grpc: [...(port === 0 ? [] : [{ port, ...host }]), ...(socket === "" ? [] : [{ path: socket }])],
    ...(restPort === 0 ? {} : { rest: { port: restPort, ...host } }),
    grpcLimits: channel.limits,
    grpcLife: channel.life,
    ...(channel.maxMessageBytes !== undefined && { maxMessageBytes: channel.maxMessageBytes }),
    maxCalls: options.int("max_concurrent_requests"),
    ...(tls.grpc && { grpcTls: tls.grpc.tls }),
    ...(tls.rest && { restTls: tls.rest.tls }),
    restTimeoutMs: options.int("rest_api_timeout_in_ms"),
    restNumbers: oneOf(options, "rest_api_numbers", numberForms),
    strict: options.bool("strict_startup"),
    cors: options.bool("rest_api_enable_cors_support"),
    grpcOrigins: options
      .string("grpc_cors_origins")
      .split(",")
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ""),
    restCompress: options.bool("rest_api_enable_response_compression"),
    restListModels: options.bool("rest_api_list_models"),
    ...(telemetry && { telemetry }),
    ...(page === undefined ? {} : { tensorFlowMetricsPath: page }),
    ...(options.string("metrics_path") === "" ? {} : { metricsPath: options.string("metrics_path") }),
    checkMethodName: options.bool("enable_signature_method_name_check"),
    warmup: options.bool("enable_model_warmup"),
    ...positive("warmupIterations", options.int("num_request_iterations_for_warmup")),
    requestLog: requestLogTuning(options),
    health: options.bool("enable_grpc_healthcheck_service"),
    sessionRun: options.bool("enable_session_run"),
    form: options.bool("enable_serialization_as_tensor_content") ? "content" : "values",
  });
}

/**
 * keepSmall lets V8's heap grow by less than it would. Its space for young objects stays as large as it is when models begin to load, some 8 MB: it would grow to 32 MB under load,
 * for nothing, since a call takes as much processor time with either. Old objects are collected when they have grown by half: calls that wait grow old, and at first it
 * would be four times.
 */
function keepSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=50");
}

/** engineCommand starts this program again, as one for engines, with the same flags. */
function engineCommand(argv: readonly string[]): readonly string[] {
  return [process.execPath, fileURLToPath(new URL("../bin/tfs-server.js", import.meta.url)), "engine-child", ...argv];
}

/** positive gives an option that is left out where its flag is 0 or less. */
function positive<K extends string>(name: K, value: number): { readonly [k in K]?: number } {
  return value > 0 ? ({ [name]: value } as { readonly [k in K]: number }) : {};
}

function oneOf<T extends string>(options: Flags, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === options.string(name));
  if (found === undefined) throw newError(Code.InvalidArgument, `--${name}=${options.string(name)}: expected one of ${values.join(", ")}`);
  return found;
}

/** end ends the process when what it said is with its readers, whatever else holds it. */
async function end(status: number, hangs = process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"))): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) await new Promise<void>((resolve) => stream.write("", () => resolve()));
  return leave(status, hangs);
}

/** leave ends the process at once. Node's own way out waits for its threads, which may hang: then another program takes the process over, and ends. */
function leave(status: number, hangs: boolean): never {
  if (hangs) process.execve?.(process.execPath, [process.execPath, "-e", `process.exit(${status})`], { ...process.env, NODE_OPTIONS: "" });
  process.exit(status);
}

try {
  await end(await main(process.argv.slice(2)));
} catch (err) {
  process.stderr.write(`tfs-server: ${messageOf(err)}\ntfs-server --help lists the flags\n`);
  await end(failed);
}
