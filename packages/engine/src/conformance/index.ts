/**
 * Package conformance holds every engine to TensorFlow's own answers: the goldens of testdata/models, and the promises of the interface that
 * no golden can state. Each engine's test calls it once.
 *
 *     describeEngine(newEmbeddedEngine(), models);
 *
 * @module
 */
export type { Differences } from "./suite.ts";
export { describeEngine } from "./suite.ts";
