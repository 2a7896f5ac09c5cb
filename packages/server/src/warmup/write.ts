import { dirname } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { Code, newError } from "@tfs/std";
import { makeFolder } from "../folder/index.ts";
import { writeRecords } from "../record/index.ts";
import { fileOf, maxRecords } from "./file.ts";
import type { WarmupRecord } from "./records.ts";

/**
 * writeWarmupRequests gives a version's directory its warm-up file, and returns its path. One that was there is replaced, at once: a server that looks meanwhile
 * sees the old one or the new one. Throws InvalidArgument for more records than a server takes.
 */
export async function writeWarmupRequests(dir: string, records: Iterable<WarmupRecord> | AsyncIterable<WarmupRecord>): Promise<string> {
  const path = fileOf(dir);
  await makeFolder(dirname(path));
  await writeRecords(path, bytesOf(records));
  return path;
}

async function* bytesOf(records: Iterable<WarmupRecord> | AsyncIterable<WarmupRecord>): AsyncGenerator<Uint8Array, void, void> {
  let written = 0;
  for await (const record of records) {
    if (++written > maxRecords) throw newError(Code.InvalidArgument, `a warm-up file has ${maxRecords} records at most`);
    yield toBinary(PredictionLogSchema, record);
  }
}
