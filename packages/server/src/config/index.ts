/**
 * Package config turns flags, environment and model config files into the list of models to serve, and reads the other files that flags name.
 *
 * @module
 */
export type { BatchingFiles } from "./batching.ts";
export { readBatching } from "./batching.ts";
export { readTextProto } from "./file.ts";
export type { ModelSource } from "./models.ts";
export { checkModels, modelsOf, schemeOf, withoutQuery } from "./models.ts";
export { monitoringPath } from "./monitoring.ts";
export { checkNamed } from "./named.ts";
export type { VersionPolicy } from "./policy.ts";
export { latestOnly } from "./policy.ts";
export { sessionConfig } from "./session.ts";
export type { Configured } from "./start.ts";
export { configured } from "./start.ts";
