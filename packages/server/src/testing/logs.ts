import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { type LoggingConfig, LoggingConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { type PredictionLog, PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { background } from "@tfs/std";
import { readRecords } from "../record/index.ts";

/** LogFile is one file of a request log, read as far as it goes. */
export interface LogFile {
  readonly name: string;
  readonly logs: readonly PredictionLog[];
  /** failure is why reading ended before the end of the file. */
  readonly failure: unknown;
}

/** logFiles reads all request logs in a folder, in the order of their names. */
export async function logFiles(dir: string): Promise<LogFile[]> {
  const files: LogFile[] = [];
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    if (name.endsWith(".jsonl")) {
      const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
      files.push({ name, logs: lines.map((line) => fromJsonString(PredictionLogSchema, line)), failure: undefined });
    }
    if (!name.endsWith(".tfrecord")) continue;
    const logs: PredictionLog[] = [];
    let failure: unknown;
    try {
      for await (const bytes of readRecords(background(), path)) logs.push(fromBinary(PredictionLogSchema, bytes));
    } catch (err) {
      failure = err;
    }
    files.push({ name, logs, failure });
  }
  return files;
}

/** logged gives all logs in a folder. Throws what reading does. */
export async function logged(dir: string): Promise<PredictionLog[]> {
  const files = await logFiles(dir);
  for (const { failure } of files) if (failure !== undefined) throw failure;
  return files.flatMap(({ logs }) => logs);
}

export interface LoggingOptions {
  /** type of the collector; default "tfrecord". */
  readonly type?: string;
  /** sampling is what sampling_config says; default that everything is logged. */
  readonly sampling?: string;
}

/** logging makes a logging_config. */
export function logging(filenamePrefix: string, { type = "tfrecord", sampling = "sampling_rate: 1" }: LoggingOptions = {}): LoggingConfig {
  return fromText(
    LoggingConfigSchema,
    `log_collector_config { type: ${JSON.stringify(type)} filename_prefix: ${JSON.stringify(filenamePrefix)} } sampling_config { ${sampling} }`,
  );
}
