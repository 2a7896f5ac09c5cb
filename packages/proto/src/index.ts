/**
 * Package proto is generated code and nothing else: protobuf-es under `gen/`, ts-proto's plain interfaces under `plain/`. This list names
 * what the rooms use day to day; everything else is reached by sub-path.
 *
 *     import { create } from "@bufbuild/protobuf";
 *     import { ModelSpecSchema, PredictionService } from "@tfs/proto";
 *     import { RunOptionsSchema } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
 *
 * @module
 */
export type { Example, SequenceExample } from "./gen/tensorflow/core/example/example_pb.ts";
export { ExampleSchema } from "./gen/tensorflow/core/example/example_pb.ts";
export type { Feature } from "./gen/tensorflow/core/example/feature_pb.ts";
export { FeatureSchema } from "./gen/tensorflow/core/example/feature_pb.ts";
export type { AttrValue, NameAttrList } from "./gen/tensorflow/core/framework/attr_value_pb.ts";
export { AttrValueSchema } from "./gen/tensorflow/core/framework/attr_value_pb.ts";
export type { FunctionDef, FunctionDefLibrary } from "./gen/tensorflow/core/framework/function_pb.ts";
export { FunctionDefLibrarySchema, FunctionDefSchema } from "./gen/tensorflow/core/framework/function_pb.ts";
export type { GraphDef } from "./gen/tensorflow/core/framework/graph_pb.ts";
export { GraphDefSchema } from "./gen/tensorflow/core/framework/graph_pb.ts";
export type { NodeDef } from "./gen/tensorflow/core/framework/node_def_pb.ts";
export { NodeDefSchema } from "./gen/tensorflow/core/framework/node_def_pb.ts";
export type { TensorProto } from "./gen/tensorflow/core/framework/tensor_pb.ts";
export { TensorProtoSchema } from "./gen/tensorflow/core/framework/tensor_pb.ts";
export type { TensorShapeProto } from "./gen/tensorflow/core/framework/tensor_shape_pb.ts";
export { TensorShapeProtoSchema } from "./gen/tensorflow/core/framework/tensor_shape_pb.ts";
export type { TensorSliceProto } from "./gen/tensorflow/core/framework/tensor_slice_pb.ts";
export { DataType } from "./gen/tensorflow/core/framework/types_pb.ts";
export type { FingerprintDef } from "./gen/tensorflow/core/protobuf/fingerprint_pb.ts";
export { FingerprintDefSchema } from "./gen/tensorflow/core/protobuf/fingerprint_pb.ts";
export type { AssetFileDef, CollectionDef, MetaGraphDef, SignatureDef, TensorInfo } from "./gen/tensorflow/core/protobuf/meta_graph_pb.ts";
export { AssetFileDefSchema, MetaGraphDefSchema, SignatureDefSchema, TensorInfoSchema } from "./gen/tensorflow/core/protobuf/meta_graph_pb.ts";
export type { SavedModel } from "./gen/tensorflow/core/protobuf/saved_model_pb.ts";
export { SavedModelSchema } from "./gen/tensorflow/core/protobuf/saved_model_pb.ts";
export type { BundleEntryProto, BundleHeaderProto } from "./gen/tensorflow/core/protobuf/tensor_bundle_pb.ts";
export { BundleEntryProtoSchema, BundleHeaderProto_Endianness, BundleHeaderProtoSchema } from "./gen/tensorflow/core/protobuf/tensor_bundle_pb.ts";
export type {
  ClassificationRequest,
  ClassificationResponse,
  ClassificationResult,
  Classifications,
} from "./gen/tensorflow_serving/apis/classification_pb.ts";
export {
  ClassificationRequestSchema,
  ClassificationResponseSchema,
  ClassificationResultSchema,
} from "./gen/tensorflow_serving/apis/classification_pb.ts";
export type { GetModelMetadataRequest, GetModelMetadataResponse, SignatureDefMap } from "./gen/tensorflow_serving/apis/get_model_metadata_pb.ts";
export {
  GetModelMetadataRequestSchema,
  GetModelMetadataResponseSchema,
  SignatureDefMapSchema,
} from "./gen/tensorflow_serving/apis/get_model_metadata_pb.ts";
export type { GetModelStatusRequest, GetModelStatusResponse, ModelVersionStatus } from "./gen/tensorflow_serving/apis/get_model_status_pb.ts";
export {
  GetModelStatusRequestSchema,
  GetModelStatusResponseSchema,
  ModelVersionStatus_State,
  ModelVersionStatusSchema,
} from "./gen/tensorflow_serving/apis/get_model_status_pb.ts";
export type { InferenceResult, InferenceTask, MultiInferenceRequest, MultiInferenceResponse } from "./gen/tensorflow_serving/apis/inference_pb.ts";
export {
  InferenceResultSchema,
  MultiInferenceRequestSchema,
  MultiInferenceResponseSchema,
} from "./gen/tensorflow_serving/apis/inference_pb.ts";
export type { Input } from "./gen/tensorflow_serving/apis/input_pb.ts";
export { InputSchema } from "./gen/tensorflow_serving/apis/input_pb.ts";
export type { SerializedInput } from "./gen/tensorflow_serving/apis/internal/serialized_input_pb.ts";
export { SerializedInputSchema } from "./gen/tensorflow_serving/apis/internal/serialized_input_pb.ts";
export type { ModelSpec } from "./gen/tensorflow_serving/apis/model_pb.ts";
export { ModelSpecSchema } from "./gen/tensorflow_serving/apis/model_pb.ts";
export type { ReloadConfigRequest, ReloadConfigResponse } from "./gen/tensorflow_serving/apis/model_management_pb.ts";
export { ReloadConfigRequestSchema, ReloadConfigResponseSchema } from "./gen/tensorflow_serving/apis/model_management_pb.ts";
export { ModelService } from "./gen/tensorflow_serving/apis/model_service_pb.ts";
export type { PredictRequest, PredictResponse } from "./gen/tensorflow_serving/apis/predict_pb.ts";
export { PredictRequestSchema, PredictResponseSchema } from "./gen/tensorflow_serving/apis/predict_pb.ts";
export { PredictionService } from "./gen/tensorflow_serving/apis/prediction_service_pb.ts";
export type { RegressionRequest, RegressionResponse, RegressionResult } from "./gen/tensorflow_serving/apis/regression_pb.ts";
export {
  RegressionRequestSchema,
  RegressionResponseSchema,
  RegressionResultSchema,
} from "./gen/tensorflow_serving/apis/regression_pb.ts";
export { SessionService } from "./gen/tensorflow_serving/apis/session_service_pb.ts";
export type { StatusProto } from "./gen/tensorflow_serving/apis/status_pb.ts";
export { StatusProtoSchema } from "./gen/tensorflow_serving/apis/status_pb.ts";
export type { ModelConfig, ModelServerConfig } from "./gen/tensorflow_serving/config/model_server_config_pb.ts";
export { ModelServerConfigSchema, ModelType } from "./gen/tensorflow_serving/config/model_server_config_pb.ts";
export type { FileSystemStoragePathSourceConfig_ServableVersionPolicy } from "./gen/tensorflow_serving/config/file_system_storage_path_source_pb.ts";
export type { BackendLimits, BackendTls, ClientLimits, GatewayConfig, Limits, ListenTls } from "./gen/tfs/gateway/v1/config_pb.ts";
export { GatewayConfig_Numbers, GatewayConfigSchema } from "./gen/tfs/gateway/v1/config_pb.ts";
export type { PredictRequestEnvelope, PredictResponseEnvelope } from "./gen/tfs/serving/v1/envelope_pb.ts";
export { PredictRequestEnvelopeSchema, PredictResponseEnvelopeSchema } from "./gen/tfs/serving/v1/envelope_pb.ts";
