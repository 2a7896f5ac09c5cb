/**
 * Package embedded is the engine without native code. At load the graph is flattened (functions inlined, lazily from what is asked for), variables
 * are restored by running the graph's own restore op, and unsupported ops are refused by name. Each set of fetches becomes a slot program
 * that runs synchronously; heavy float32 kernels go to WebAssembly, everything else runs on the host, exact for every dtype.
 *
 * @module
 */
export type { Attrs } from "./attrs.ts";
export { newAttrs } from "./attrs.ts";
export { loadModel, newEmbeddedEngine } from "./embedded.ts";
export type { Around } from "./compile.ts";
export type { Edge, FlatNode } from "./flat.ts";
export { keyOf, libraryOf } from "./flat.ts";
export type { Dense, Sparse } from "./kernels/index.ts";
export { flowOf } from "./flow.ts";
export { countsByInput, countsByOutput, missingOps, parseExamples } from "./kernels/index.ts";
export { unknownOps } from "./missing.ts";
export type { Model } from "./model.ts";
export type { Program } from "./plan.ts";
export { functionsOf, opsReached } from "./reach.ts";
export type { Value } from "./value.ts";
export { bytesOf, isTensor } from "./value.ts";
