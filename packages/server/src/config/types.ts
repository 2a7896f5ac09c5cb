import { createRegistry, type DescFile, type Registry } from "@bufbuild/protobuf";
import { file_tensorflow_serving_apis_prediction_log } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_log_pb.js";
import { file_tensorflow_serving_config_monitoring_config } from "@tfs/proto/gen/tensorflow_serving/config/monitoring_config_pb.js";
import { file_tensorflow_serving_config_platform_config } from "@tfs/proto/gen/tensorflow_serving/config/platform_config_pb.js";
import { file_tensorflow_serving_config_ssl_config } from "@tfs/proto/gen/tensorflow_serving/config/ssl_config_pb.js";
import { file_tensorflow_serving_servables_tensorflow_saved_model_bundle_source_adapter } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/saved_model_bundle_source_adapter_pb.js";
import { file_tensorflow_serving_servables_tensorflow_saved_model_config } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/saved_model_config_pb.js";
import { file_tensorflow_serving_servables_tensorflow_thread_pool_factory_config } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/thread_pool_factory_config_pb.js";
import { shippedFiles } from "@tfs/services";

let made: Registry | undefined;

/** anyTypes are all types that an Any may hold: those that we ship. They are put together when first asked for, since hardly any file has an Any. */
export function anyTypes(): Registry {
  return (made ??= createRegistry(...withImports([...shippedFiles().values(), ...configs])));
}

/** What the services do not import. */
const configs: readonly DescFile[] = [
  file_tensorflow_serving_apis_prediction_log,
  file_tensorflow_serving_config_monitoring_config,
  file_tensorflow_serving_config_platform_config,
  file_tensorflow_serving_config_ssl_config,
  file_tensorflow_serving_servables_tensorflow_saved_model_bundle_source_adapter,
  file_tensorflow_serving_servables_tensorflow_saved_model_config,
  file_tensorflow_serving_servables_tensorflow_thread_pool_factory_config,
];

function withImports(files: readonly DescFile[]): ReadonlySet<DescFile> {
  const all = new Set(files);
  for (const file of all) for (const imported of file.dependencies) all.add(imported); // a set goes on over what is added on the way
  return all;
}
