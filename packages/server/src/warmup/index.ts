/**
 * Package warmup runs the requests that a version brings along before it is available, so that its first caller does not pay for what is first; and writes the
 * files that they lie in.
 *
 *     const warm = newWarmup({ infer: { checkMethodName: false }, iterations: 1, metrics, clock, logger });
 *     await warm(ctx, servable, "/models/m/1");
 *     await writeWarmupRequests("/models/m/1", [predictRecord({ x: newTensor(DType.Float, [1], Float32Array.of(2)) })]);
 *
 * @module
 */
export type { ExamplesOptions, RecordOptions, WarmupRecord, WarmupTask } from "./records.ts";
export { classifyRecord, multiInferenceRecord, predictRecord, regressRecord } from "./records.ts";
export type { TrialsOptions } from "./trials.ts";
export { newTrials } from "./trials.ts";
export type { Warmup, WarmupOptions } from "./warmup.ts";
export { newWarmup } from "./warmup.ts";
export { writeWarmupRequests } from "./write.ts";
