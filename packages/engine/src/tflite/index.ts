/**
 * Package tflite runs model.tflite of a version's folder: it reads the file itself, makes signatures of it, and has LiteRT's C library run the graph.
 *
 *     const engine = newTfLiteEngine({ dir: "/opt/ai_edge_litert", gate });
 *     const model = await engine.load(ctx, "models/half_plus_two/1");
 *
 * @module
 */
export { preferTfLite } from "./prefer.ts";
export type { TfLiteOptions } from "./tflite.ts";
export { newTfLiteEngine } from "./tflite.ts";
