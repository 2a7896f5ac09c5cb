/**
 * Package servable is one loaded version of a model, which is what infer runs, and how it is loaded.
 *
 * @module
 */
export type { Batching, Loader, LoaderOptions } from "./loader.ts";
export { newLoader } from "./loader.ts";
export type { Loads } from "./loads.ts";
export { newLoads } from "./loads.ts";
export type { Servable, ServableSpec, Tried } from "./servable.ts";
export { timedOut } from "./servable.ts";
