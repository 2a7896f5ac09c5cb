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
import { file_tfs_serving_v1_envelope } from "@tfs/proto/gen/tfs/serving/v1/envelope_pb.js";

/** What we know without being told; what they import comes along. */
const roots: readonly DescFile[] = [
  file_tensorflow_serving_apis_prediction_service,
  file_tensorflow_serving_apis_model_service,
  file_tensorflow_serving_apis_session_service,
  file_tfs_serving_v1_envelope,
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

/** shippedFiles gives the descriptors that come with the gateway, by file name. */
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
