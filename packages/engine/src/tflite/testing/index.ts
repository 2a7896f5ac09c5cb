/**
 * Package tflite/testing finds what tests of .tflite files need.
 *
 * @module
 */
export { fileOf, libraryDir, models, unserved } from "./find.ts";
