/**
 * Package engine runs SavedModels: one interface, several bodies, one conformance suite. `embedded` is TypeScript and WebAssembly, with
 * nothing native to install; `openvino`, `tensorflow` and `tfjs` are for those who have these; `auto` gives each model to the body that runs it best.
 *
 *     const engine = newEmbeddedEngine();
 *     const model = await engine.load(ctx, "models/half_plus_two/1");
 *     const [y] = await model.run(ctx, new Map([["x:0", x]]), ["y:0"]);
 *
 * @module
 */
export type { AutoOptions, Memory, MemoryOptions } from "./auto/index.ts";
export { newAutoEngine, newMemory } from "./auto/index.ts";
export { newEmbeddedEngine } from "./embedded/index.ts";
export type { Chosen, Engine, EngineName, LoadedModel, LoadOptions, Probe, Trial } from "./engine.ts";
export { engineNames } from "./engine.ts";
export type { IsolatedOptions, Patience } from "./isolation/index.ts";
export { newIsolatedEngine, serveEngine } from "./isolation/index.ts";
export type { Explicit, FindOptions, Found, Library, LibraryName, Passed, Place, Search } from "./libraries/index.ts";
export { filesOf, findLibrary, libraries, libraryCache, libraryNames } from "./libraries/index.ts";
export type { Gate, GateOptions } from "./native/index.ts";
export { newGate } from "./native/index.ts";
export type { OpenVinoOptions } from "./openvino/index.ts";
export { newOpenVinoEngine } from "./openvino/index.ts";
export type { Cost, Scan, ScanOptions, Verdict } from "./scan/index.ts";
export { scan } from "./scan/index.ts";
export type { TfLiteOptions } from "./tflite/index.ts";
export { newTfLiteEngine, preferTfLite } from "./tflite/index.ts";
export type { SessionConfig, TensorFlowOptions } from "./tensorflow/index.ts";
export { newTensorFlowEngine } from "./tensorflow/index.ts";
export type { BuildOptions, Built, TfjsOptions, TfjsPackage } from "./tfjs/index.ts";
export { buildTfjs, newTfjsEngine } from "./tfjs/index.ts";
