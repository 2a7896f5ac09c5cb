/**
 * Package tensorflow/testing finds what the tests of this engine need.
 *
 * @module
 */
export { libraryDir, models } from "./find.ts";
