import type { DescFile } from "@bufbuild/protobuf";
import {
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { file_tensorflow_serving_apis_model_service } from "@tfs/proto/gen/tensorflow_serving/apis/model_service_pb.js";
import { file_tensorflow_serving_apis_prediction_service } from "@tfs/proto/gen/tensorflow_serving/apis/prediction_service_pb.js";
import { file_tensorflow_serving_apis_session_service } from "@tfs/proto/gen/tensorflow_serving/apis/session_service_pb.js";
import { file_grpc_health_v1_health, Health } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { file_grpc_reflection_v1_reflection, ServerReflection } from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { file_grpc_reflection_v1alpha_reflection, ServerReflection as ServerReflectionAlpha } from "@tfs/proto/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { file_tfs_serving_v1_envelope } from "@tfs/proto/gen/tfs/serving/v1/envelope_pb.js";
import { file_tfs_serving_v1_serving } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { file_tfs_serving_v1_session_envelope } from "@tfs/proto/gen/tfs/serving/v1/session_envelope_pb.js";
import type { DescriptorSet } from "./descriptors.ts";

/** What we know without being told; what they import comes along. */
const roots: readonly DescFile[] = [
  file_tensorflow_serving_apis_prediction_service,
  file_tensorflow_serving_apis_model_service,
  file_tensorflow_serving_apis_session_service,
  file_tfs_serving_v1_serving,
  file_tfs_serving_v1_envelope,
  file_tfs_serving_v1_session_envelope,
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
];

/** shippedFiles gives the descriptors that we ship, by file name: TensorFlow Serving's, our own, and google/protobuf. */
export function shippedFiles(): ReadonlyMap<string, DescFile> {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    for (const imported of file.dependencies) add(imported);
  };
  for (const root of roots) add(root);
  return files;
}

const standard = [file_grpc_health_v1_health, file_grpc_reflection_v1_reflection, file_grpc_reflection_v1alpha_reflection];

/** standardServices describes gRPC's own services, which whoever serves answers for himself: health and reflection. */
export const standardServices: DescriptorSet = { files: new Map(standard.map((file) => [file.proto.name, file])) };

const standardNames = new Set([Health.typeName, ServerReflection.typeName, ServerReflectionAlpha.typeName]);

/** isStandard tells whether a service is one of gRPC's own, by its full name. */
export function isStandard(service: string): boolean {
  return standardNames.has(service);
}
