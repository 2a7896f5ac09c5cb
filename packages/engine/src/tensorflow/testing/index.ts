/**
 * Package testing finds what the tests of this engine need.
 *
 * @module
 */
export { libraryDir } from "./find.ts";
