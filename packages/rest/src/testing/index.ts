/**
 * Package testing makes inputs for rest's tests: random ones that are the same for the same seed, and what a plain program would say to them.
 *
 *     const { text, types } = anyDocument(newRandom(1));
 *
 * @module
 */
export type { RandomDocument } from "./documents.ts";
export { anyDocument } from "./documents.ts";
export { holdDocuments } from "./hold.ts";
export { anyNumber } from "./numbers.ts";
export type { Random } from "./random.ts";
export { newRandom } from "./random.ts";
