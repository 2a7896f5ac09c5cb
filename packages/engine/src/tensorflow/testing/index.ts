/**
 * Package tensorflow/testing finds what the tests of this engine need.
 *
 * @module
 */
export type { Attempts, Ended } from "./attempts.ts";
export { attempt } from "./attempts.ts";
export { libraryDir, models } from "./find.ts";
