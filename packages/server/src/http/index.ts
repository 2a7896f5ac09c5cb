/**
 * Package http binds the verbs of infer to TensorFlow Serving's REST API.
 *
 * @module
 */
export type { HttpOptions } from "./handler.ts";
export { newHttpHandler } from "./handler.ts";
