/**
 * Entry all has every engine: `openvino`, `tensorflow` and `tfjs` are for those who have these, `auto` gives each model to the body that runs it best, `isolation` runs
 * another engine in processes of their own. Their code takes time and memory to read, which who runs `embedded` alone need not spend.
 *
 *     const gate = newGate({ places: 4 });
 *     const engine = newAutoEngine({ candidates: [newOpenVinoEngine({ dir, gate }), newEmbeddedEngine()], clock });
 *
 * @module
 */
export type { AutoOptions, Memory, MemoryOptions } from "./auto/index.ts";
export { newAutoEngine, newMemory } from "./auto/index.ts";
export type { IsolatedOptions, Patience } from "./isolation/index.ts";
export { newIsolatedEngine, serveEngine } from "./isolation/index.ts";
export type { Gate, GateOptions } from "./native/index.ts";
export { newGate } from "./native/index.ts";
export type { OpenVinoOptions } from "./openvino/index.ts";
export { newOpenVinoEngine } from "./openvino/index.ts";
export type { Cost, Scan, ScanOptions, Verdict } from "./scan/index.ts";
export { scan } from "./scan/index.ts";
export type { TensorFlowOptions } from "./tensorflow/index.ts";
export { newTensorFlowEngine } from "./tensorflow/index.ts";
export type { TfLiteOptions } from "./tflite/index.ts";
export { newTfLiteEngine, preferTfLite } from "./tflite/index.ts";
export type { BuildOptions, Built, TfjsOptions, TfjsPackage } from "./tfjs/index.ts";
export { buildTfjs, newTfjsEngine } from "./tfjs/index.ts";
