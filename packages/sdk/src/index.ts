/**
 * Package sdk is a typed client for TensorFlow Serving, for Node services and browsers: gRPC, Connect, gRPC-Web and REST behind one object.
 *
 *     await using client = newClient({ target: "localhost:8500" });
 *     const { outputs } = await client.predict({ model: "m", inputs: { x: [[1, 2]] } }, { timeoutMs: 500 });
 *     outputs.y.toArray();
 *
 * @module
 */
export type {
  CallOptions,
  Client,
  ClientOptions,
  ModelMetadata,
  ModelRef,
  PredictRequest,
  PredictResult,
  SignatureInfo,
  TensorSpec,
  VersionState,
} from "./client/client.ts";
export { newClient } from "./client/client.ts";
export type { TfsError } from "./client/error.ts";
export { isTfsError } from "./client/error.ts";
export type { Nested, Scalar, Shaped, TensorInput } from "./codec/input.ts";
export type { NestedValue, TensorOutput } from "./codec/output.ts";
export type { Headers, TlsOptions, Transport, TransportName, TransportPredict, TransportPrediction } from "./transport/transport.ts";
