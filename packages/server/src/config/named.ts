import type { DescMessage } from "@bufbuild/protobuf";
import { ConfigProtoSchema } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import { MonitoringConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/monitoring_config_pb.js";
import { PlatformConfigMapSchema } from "@tfs/proto/gen/tensorflow_serving/config/platform_config_pb.js";
import { SSLConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/ssl_config_pb.js";
import { BatchingParametersSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/session_bundle_config_pb.js";
import { ThreadPoolFactoryConfigSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/thread_pool_factory_config_pb.js";
import { Code, type Flags, newError } from "@tfs/std";
import { readTextProto } from "./file.ts";

/** A fault in one of these files ends the start as it would in TensorFlow Serving, also where what is in it is not obeyed yet or means nothing here. */
const files: readonly { readonly flag: string; readonly schema: DescMessage }[] = [
  { flag: "platform_config_file", schema: PlatformConfigMapSchema },
  { flag: "tensorflow_session_config_file", schema: ConfigProtoSchema },
  { flag: "thread_pool_factory_config_file", schema: ThreadPoolFactoryConfigSchema },
  { flag: "ssl_config_file", schema: SSLConfigSchema },
  { flag: "rest_api_ssl_config_file", schema: SSLConfigSchema },
];

/** checkNamed reads the files that flags name, besides the model config file. Throws NotFound or InvalidArgument in TensorFlow Serving's words. */
export async function checkNamed(flags: Flags): Promise<void> {
  for (const { flag, schema } of files) if (flags.string(flag) !== "") await readTextProto(schema, flags.string(flag));
  await checkBatching(flags);
  // Read only where there would be a page, as in TensorFlow Serving.
  const rest = flags.int("rest_api_port");
  if (flags.string("monitoring_config_file") !== "" && rest !== 0 && rest !== flags.int("port"))
    await readTextProto(MonitoringConfigSchema, flags.string("monitoring_config_file"));
}

async function checkBatching(flags: Flags): Promise<void> {
  const file = flags.string("batching_parameters_file");
  if (file === "" || !flags.bool("enable_batching")) return;
  const { numBatchThreads } = await readTextProto(BatchingParametersSchema, file);
  if (numBatchThreads !== undefined && numBatchThreads < 1n) throw newError(Code.InvalidArgument, `num_batch_threads must be positive; was ${numBatchThreads}`);
}
