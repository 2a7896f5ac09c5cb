/**
 * Package isolation runs an engine in processes of their own, one for each loaded model: when a native library crashes or hangs, that takes only the model. It fails
 * with Unavailable until another process has loaded it, which is begun at once.
 *
 *     const engine = newIsolatedEngine({ command: [process.execPath, "child.js"], name: "tensorflow", clock, logger });
 *     await serveEngine(newTensorFlowEngine()); // child.js
 *
 * @module
 */
export type { IsolatedOptions } from "./isolated.ts";
export { newIsolatedEngine } from "./isolated.ts";
export { serveEngine } from "./serve.ts";
export type { Patience } from "./watch.ts";
