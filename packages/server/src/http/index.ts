/**
 * Package http binds the verbs of infer to TensorFlow Serving's REST API, and has what that lacks: arrays of numpy, the list of models, readiness, and descriptions
 * of the API as OpenAPI.
 *
 * @module
 */
export type { Fleet } from "./fleet.ts";
export { newFleet } from "./fleet.ts";
export type { HttpOptions } from "./handler.ts";
export { newHttpHandler } from "./handler.ts";
export { newScratches } from "./scratches.ts";
