import { stat } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ClassificationRequestSchema, MultiInferenceRequestSchema, PredictRequestSchema, RegressionRequestSchema } from "@tfs/proto";
import { type PredictionLog, PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { type Clock, Code, type Ctx, type Failure, failureOf, type Logger, messageOf, newError, throwIfDone, toFailure } from "@tfs/std";
import { type Registry, usBounds } from "@tfs/std/metrics";
import { fromMessage } from "@tfs/tensor";
import { classify, type InferOptions, multiInference, predict, regress } from "../infer/index.ts";
import { readRecords } from "../record/index.ts";
import type { Servable } from "../servable/index.ts";
import { fileOf, maxRecords } from "./file.ts";

export interface WarmupOptions {
  /** infer is how the verbs run otherwise. */
  readonly infer: Omit<InferOptions, "manager" | "log">;
  /** iterations is how often each request is run; default 1. */
  readonly iterations?: number;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Warmup runs the requests that a version's directory holds. What it throws fails the load. */
export type Warmup = (ctx: Ctx, servable: Servable, dir: string) => Promise<void>;

/** newWarmup makes it. Codes and texts are TensorFlow Serving's; behind them stands which record it is. */
export function newWarmup({ infer, iterations = 1, metrics, clock, logger }: WarmupOptions): Warmup {
  const labels = ["model_path", "status"];
  const latency = metrics.histogram({
    name: "/tensorflow/serving/model_warmup_latency",
    help: "Latency distribution for model warmup, in microseconds.",
    labels,
    bounds: usBounds,
    atBound: "above",
  });
  const count = metrics.counter({ name: "/tensorflow/serving/model_warmup_records_read", help: "The number of warmup records read.", labels });
  return async (ctx, servable, dir) => {
    const path = fileOf(dir);
    if (!(await exists(path))) return logger.info(`No warmup data file found at ${path}`);
    logger.info(`Starting to read warmup data for model at ${path} with model-warmup-options num_request_iterations { value: ${iterations} }`);
    const started = clock.now();
    const options: InferOptions = { ...infer, manager: { acquire: () => ({ servable, [Symbol.dispose]() {} }), status: () => [] } };
    let read = 0;
    for await (const bytes of recordsOf(ctx, path)) {
      read++;
      const log = parse(bytes, path, read);
      for (let i = 0; i < iterations; i++) {
        await run(ctx, log, options).catch((err: unknown) => fail(err, path, read));
        await setImmediate(); // a run may hold up the event loop; two of them in a row do not
        throwIfDone(ctx);
      }
      if (read > maxRecords) throw newError(Code.InvalidArgument, `Number of warmup records exceeds the maximum (${maxRecords}) at ${path}`);
    }
    const micros = Math.round((clock.now() - started) * 1000);
    latency.with(dir, "OK").observe(micros);
    count.with(dir, "OK").add(read);
    logger.info(`Finished reading warmup data for model at ${path}. Number of warmup records read: ${read}. Elapsed time (microseconds): ${micros}.`);
  };
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw newError(Code.Unavailable, `${path}: ${messageOf(err)}`, err);
  }
}

export async function* recordsOf(ctx: Ctx, path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* readRecords(ctx, path);
  } catch (err) {
    const failure = failureOf(err);
    if (failure === undefined) throw newError(Code.Unavailable, `${path}: ${messageOf(err)}`, err);
    if (failure.code !== Code.DataLoss) throw failure;
    throw newError(Code.DataLoss, `${failure.message}. Please verify your warmup data is in TFRecord format.`, err);
  }
}

/** Bytes of a record that cannot be parsed that its error repeats: TensorFlow Serving repeats all, and errors go to the log and to whoever asks for the status. */
const shownBytes = 256;

export function parse(bytes: Uint8Array, path: string, record: number): PredictionLog {
  try {
    return fromBinary(PredictionLogSchema, bytes);
  } catch (err) {
    const shown = new TextDecoder().decode(bytes.subarray(0, shownBytes)) + (bytes.byteLength > shownBytes ? "…" : "");
    throw newError(Code.InvalidArgument, `Failed to parse warmup record: ${shown} from ${path} (record ${record})`, err);
  }
}

/** run runs the request of a record; one that has none is skipped. */
export async function run(ctx: Ctx, { logType }: PredictionLog, options: InferOptions): Promise<unknown> {
  switch (logType.case) {
    case undefined:
      return undefined;
    case "predictLog": {
      const { modelSpec: spec, inputs, outputFilter } = logType.value.request ?? create(PredictRequestSchema);
      const readers = new Map(Object.entries(inputs).map(([alias, message]) => [alias, () => fromMessage(message, { name: alias })]));
      return await predict(ctx, { spec, inputs: readers, outputFilter }, options);
    }
    case "classifyLog":
      return await classify(ctx, logType.value.request ?? create(ClassificationRequestSchema), options);
    case "regressLog":
      return await regress(ctx, logType.value.request ?? create(RegressionRequestSchema), options);
    case "multiInferenceLog":
      return await multiInference(ctx, logType.value.request ?? create(MultiInferenceRequestSchema), options);
    default:
      throw newError(Code.Unimplemented, `Unsupported log_type for warmup: ${fieldOf(logType.case)}`);
  }
}

function fieldOf(name: string): number | undefined {
  return PredictionLogSchema.fields.find(({ localName }) => localName === name)?.number;
}

function fail(err: unknown, path: string, record: number): never {
  const { code, message, details }: Failure = toFailure(err);
  throw newError(code, `${message} (record ${record} of ${path})`, err, details);
}
