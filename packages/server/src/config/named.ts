import type { DescMessage } from "@bufbuild/protobuf";
import { ConfigProtoSchema } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import { PlatformConfigMapSchema } from "@tfs/proto/gen/tensorflow_serving/config/platform_config_pb.js";
import { SSLConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/ssl_config_pb.js";
import { ThreadPoolFactoryConfigSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/thread_pool_factory_config_pb.js";
import type { Flags } from "@tfs/std";
import { readTextProto } from "./file.ts";

/** A fault in one of these files ends the start as it would in TensorFlow Serving, also where what is in it is not obeyed yet or means nothing here. */
const files: readonly { readonly flag: string; readonly schema: DescMessage }[] = [
  { flag: "platform_config_file", schema: PlatformConfigMapSchema },
  { flag: "tensorflow_session_config_file", schema: ConfigProtoSchema },
  { flag: "thread_pool_factory_config_file", schema: ThreadPoolFactoryConfigSchema },
  { flag: "ssl_config_file", schema: SSLConfigSchema },
  { flag: "rest_api_ssl_config_file", schema: SSLConfigSchema },
];

/** checkNamed reads the files that flags name, besides those of models, of batching and of metrics. Throws NotFound or InvalidArgument in TensorFlow Serving's words. */
export async function checkNamed(flags: Flags): Promise<void> {
  for (const { flag, schema } of files) if (flags.string(flag) !== "") await readTextProto(schema, flags.string(flag));
}
