/**
 * Package auto gives each model to the engine that runs it best. Candidates that are found load it at the same time; their outputs are held against the reference's,
 * those that agree are measured, the quickest keeps it. What was chosen is remembered. Models that keep state or are random are not tried.
 *
 *     const engine = newAutoEngine({ candidates: [newOpenVinoEngine({}), newEmbeddedEngine()], clock, memory: newMemory({ path, onTrouble }) });
 *     const model = await engine.load(ctx, "models/half_plus_two/1");
 *     model.chosen; // { engine: "openvino", why: "the quickest: openvino 0.04 ms, embedded 0.1 ms a run" }
 *
 * @module
 */
export type { AutoOptions } from "./auto.ts";
export { newAutoEngine } from "./auto.ts";
export type { Memory, MemoryOptions } from "./memory.ts";
export { newMemory } from "./memory.ts";
export { seededTrials } from "./seeded.ts";
export { untriable } from "./traits.ts";
