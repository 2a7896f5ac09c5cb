/**
 * Package config turns flags, environment and a model config file into the list of models to serve.
 *
 * @module
 */
export type { ModelSource } from "./models.ts";
export { modelsOf, parseModelConfig } from "./models.ts";
