/**
 * Package tfjs is the engine for those who have `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node` installed: TensorFlow by way of their addon, in a worker
 * thread, since it runs synchronously. The graph's names and dtypes come from our own reader; of tfjs-node only the addon does anything for a call.
 *
 *     const engine = newTfjsEngine();
 *     const model = await engine.load(ctx, "models/half_plus_two/1");
 *
 * buildTfjs compiles the addon against a TensorFlow of today, with what is wrong in it put right.
 *
 * @module
 */
export type { BuildOptions, Built } from "./build.ts";
export { buildTfjs } from "./build.ts";
export type { TfjsPackage } from "./place.ts";
export type { TfjsOptions } from "./tfjs.ts";
export { newTfjsEngine } from "./tfjs.ts";
