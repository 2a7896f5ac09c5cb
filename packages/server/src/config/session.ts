import { create, toBinary } from "@bufbuild/protobuf";
import type { SessionConfig } from "@tfs/engine";
import { ConfigProtoSchema, GPUOptionsSchema } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import type { Flags } from "@tfs/std";
import { readTextProto } from "./file.ts";

/**
 * sessionConfig reads the flags that say how TensorFlow runs, and the file that one of them names. Numbers of threads are those of the flags, whatever the file
 * says, where one of these flags or a file is given: as in TensorFlow Serving. Throws NotFound or InvalidArgument in its words.
 */
export async function sessionConfig(flags: Flags): Promise<SessionConfig> {
  const number = (name: string): number => Math.max(0, flags.int(name));
  const [both, intra, inter] = [number("tensorflow_session_parallelism"), number("tensorflow_intra_op_parallelism"), number("tensorflow_inter_op_parallelism")];
  const threads = intra > 0 || inter > 0 ? { intraOpThreads: intra, interOpThreads: inter } : { intraOpThreads: both, interOpThreads: both };
  const [file, fraction] = [flags.string("tensorflow_session_config_file"), flags.float("per_process_gpu_memory_fraction")];
  if (file === "" && !(fraction > 0)) return threads.intraOpThreads > 0 || threads.interOpThreads > 0 ? threads : {};
  const config = file === "" ? create(ConfigProtoSchema) : await readTextProto(ConfigProtoSchema, file);
  if (fraction > 0) {
    config.gpuOptions ??= create(GPUOptionsSchema);
    config.gpuOptions.perProcessGpuMemoryFraction = fraction;
  }
  return { ...threads, proto: toBinary(ConfigProtoSchema, config) };
}
