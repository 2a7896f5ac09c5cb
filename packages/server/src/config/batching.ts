import type { BatchingParameters } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import { BatchingParametersSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import type { Flags } from "@tfs/std";
import { readTextProto } from "./file.ts";

/** readBatching reads the file that says how requests are joined, if they are; undefined if there is none. Throws NotFound or InvalidArgument in TensorFlow Serving's words. */
export async function readBatching(flags: Flags): Promise<BatchingParameters | undefined> {
  const file = flags.string("batching_parameters_file");
  return file === "" || !flags.bool("enable_batching") ? undefined : await readTextProto(BatchingParametersSchema, file);
}
