/**
 * Package source finds versions: pure functions from a folder's children and a policy to the versions that are aspired, and the one place that looks again and
 * again.
 *
 * @module
 */
export type { Source, SourceOptions } from "./source.ts";
export { newSource } from "./source.ts";
