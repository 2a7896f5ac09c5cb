/**
 * Package core holds the configuration and brings it about: it checks and applies lists of models, labels included, has their base paths looked up, and waits
 * for what a caller waits for.
 *
 * @module
 */
export type { Core, CoreOptions, LoadFailure } from "./core.ts";
export { listed, newCore } from "./core.ts";
