import type { BatchingParameters } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import { BatchingParametersSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import type { Flags } from "@tfs/std";
import { readTextProto } from "./file.ts";

/** BatchingFiles are what is said of batches; what there is no file for is undefined. */
export interface BatchingFiles {
  readonly parameters: BatchingParameters | undefined;
  /** low is for requests of low priority. */
  readonly low: BatchingParameters | undefined;
}

/** readBatching reads the files that say how requests are joined; undefined if they are not joined. Throws NotFound or InvalidArgument in TensorFlow Serving's words. */
export async function readBatching(flags: Flags): Promise<BatchingFiles | undefined> {
  if (!flags.bool("enable_batching")) return undefined;
  const read = async (flag: string): Promise<BatchingParameters | undefined> =>
    flags.string(flag) === "" ? undefined : await readTextProto(BatchingParametersSchema, flags.string(flag));
  return { parameters: await read("batching_parameters_file"), low: await read("batching_low_priority_parameters_file") };
}
