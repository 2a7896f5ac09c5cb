import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import { PredictionLogSchema } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { framed } from "../record/index.ts";
import type { LogRecord } from "./collector.ts";

/** Format is how records stand in a file. */
export interface Format {
  readonly extension: string;
  /** maxRecordBytes bounds one record. */
  readonly maxRecordBytes: number;
  /** batchBytes is how much is made ready at a time, in the event loop. */
  readonly batchBytes: number;
  encode(record: LogRecord): Uint8Array;
}

/** tfrecord is what warm-up files are too. */
export const tfrecord: Format = {
  extension: "tfrecord",
  maxRecordBytes: Number.POSITIVE_INFINITY,
  batchBytes: 1 << 20,
  encode: ({ pieces }) => Buffer.concat(framed(pieces)),
};

/** json is a line for each message, in protobuf's JSON form. Messages have to be decoded for it: it is for small ones. */
export const json: Format = {
  extension: "jsonl",
  maxRecordBytes: 1 << 20,
  batchBytes: 64 << 10,
  encode: ({ pieces }) => Buffer.from(`${toJsonString(PredictionLogSchema, fromBinary(PredictionLogSchema, Buffer.concat(pieces)))}\n`),
};
