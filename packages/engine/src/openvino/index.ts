/**
 * Package openvino is the embedded engine with the heavy part of each signature's graph given to OpenVINO. At load the graph is divided: what is on strings,
 * tables and exact integers stays with the host, before or after; everything between is frozen, with variables as constants, and compiled. Whatever
 * does not fit a compiled signature, or fails there, the embedded engine answers, with TensorFlow's texts.
 *
 * @module
 */
export type { Compiled } from "./library.ts";
export { openLibrary } from "./library.ts";
export type { Native } from "./native.ts";
export { newNative } from "./native.ts";
export { nativeOps } from "./ops.ts";
export type { OpenVinoOptions } from "./openvino.ts";
export { newOpenVinoEngine } from "./openvino.ts";
