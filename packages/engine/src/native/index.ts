/**
 * Package native is what engines that call C libraries share: the way to C, a bound on calls under way, and a memory of how long they take.
 * Each library's own functions are in one file of its engine.
 *
 * @module
 */
export type { Gate, GateOptions } from "./gate.ts";
export { newGate } from "./gate.ts";
export type { Koffi, Libc, Pointer } from "./libc.ts";
export { openLibc } from "./libc.ts";
export { newOpened } from "./opened.ts";
export type { Count, Runs } from "./runs.ts";
export { newCount, newRuns } from "./runs.ts";
export type { Timing, TimingOptions } from "./timing.ts";
export { newTiming } from "./timing.ts";
