/**
 * Package server is a model server that serves SavedModels as TensorFlow Serving does. The command is `tfs-server`; this is the same server as a library.
 *
 *     const server = newServer({ models: [{ name: "m", basePath: "/models/m" }], grpc: [{ port: 8500 }], clock: systemClock(), logger });
 *     await server.start(background());
 *     await server.drain(10_000);
 *
 * @module
 */
export type { BatchingTuning, Parameters as BatchingParameters } from "./batching/index.ts";
export type { ModelSource } from "./config/index.ts";
export type { VersionPolicy } from "./config/index.ts";
export type { LoadFailure } from "./core/index.ts";
export type { Tuning } from "./manager/index.ts";
export type { Direct, DirectCall } from "./direct.ts";
export { readRecords } from "./record/index.ts";
export type { ReadOptions } from "./record/index.ts";
export type { Collector, CollectorFactory, LogRecord, RequestLogTuning } from "./requestlog/index.ts";
export type { ServerOptions, Started } from "./options.ts";
export type { ModelServer } from "./server.ts";
export { newServer } from "./server.ts";
export type { Brought, RemoteOptions, RemoteStorages, RemoteTuning, Storage, Storages } from "./storage/index.ts";
export { openRemoteStorages } from "./storage/index.ts";
export type { Telemetry } from "./telemetry/index.ts";
export { openTelemetry } from "./telemetry/index.ts";
export type { ExamplesOptions, RecordOptions, WarmupRecord, WarmupTask } from "./warmup/index.ts";
export { classifyRecord, multiInferenceRecord, predictRecord, regressRecord, writeWarmupRequests } from "./warmup/index.ts";
export type { Credentials, CredentialsOptions } from "./tls/index.ts";
export { openCredentials } from "./tls/index.ts";
