/**
 * Package config turns flags, environment and model config files into the list of models to serve.
 *
 * @module
 */
export { readTextProto } from "./file.ts";
export type { ModelSource } from "./models.ts";
export { checkModels, modelsOf, schemeOf } from "./models.ts";
export type { VersionPolicy } from "./policy.ts";
export { latestOnly } from "./policy.ts";
export { singleModel } from "./single.ts";
