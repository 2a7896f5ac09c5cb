/**
 * Package tensorflow is TensorFlow itself, through the two libraries of its PyPI wheel: it runs whatever TensorFlow runs. Small models run in the event
 * loop, all else on threads of Node's pool, behind the gate that the process' engines share.
 *
 *     const engine = newTensorFlowEngine({ dir: "venv/lib/python3.11/site-packages/tensorflow", gate: newGate({ places: 4 }) });
 *
 * @module
 */
export type { SessionConfig } from "./config.ts";
export type { TensorFlowOptions } from "./tensorflow.ts";
export { newTensorFlowEngine } from "./tensorflow.ts";
