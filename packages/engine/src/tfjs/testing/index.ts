/**
 * Package tfjs/testing finds what the tests of this engine need.
 *
 * @module
 */
export { models, tensorflowDir, tfjsFolder } from "./find.ts";
export { threadScript } from "./threads.ts";
