/**
 * Package batching joins requests for one version into fewer, larger runs, and splits the outputs again. It knows rows, tensors and time; it knows nothing of
 * signatures, protocols or how a model is run.
 *
 *     const batching = newBatching({ parameters: { maxBatchSize: 32 }, cpus: 4, clock, metrics, defer: setImmediate });
 *     const batched = await batching.wrap(servable, dir);
 *     await batched.run(ctx, feeds, fetches); // with those of others
 *
 * @module
 */
export type { Batching, BatchingOptions, BatchingTuning } from "./batching.ts";
export { newBatching } from "./batching.ts";
export type { MiniOptions } from "./mini.ts";
export { newMiniBatching } from "./mini.ts";
export type { Policy } from "./lanes.ts";
export { policies } from "./lanes.ts";
export type { Padding, Parameters } from "./parameters.ts";
export { paddings, parametersOf } from "./parameters.ts";
