/**
 * Package servable is one loaded version of a model: what infer runs.
 *
 * @module
 */
export type { Servable } from "./servable.ts";
export { loadServable, timedOut } from "./servable.ts";
