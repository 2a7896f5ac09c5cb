/**
 * Package requestlog keeps calls that were answered, for models whose configuration asks for it: which of them, by sampling, and where, in files of PredictionLog
 * records or lines of JSON. It never holds up a call and never fails one: what does not fit into its queue is dropped and counted.
 *
 *     const logs = newRequestLogs({ tags: ["serve"], metrics, clock, logger, random: Math.random });
 *     logs.set(models); // all at once, or it throws and nothing has changed
 *     logs.take(ctx, "m")?.("predict", spec, () => request, () => response);
 *     await logs.close();
 *
 * @module
 */
export type { Collector, CollectorFactory, LogRecord } from "./collector.ts";
export type { RequestLogs, RequestLogsOptions, RequestLogTuning } from "./logs.ts";
export { newRequestLogs } from "./logs.ts";
export { defaultFileBytes, defaultFileMs, defaultFiles, defaultTotalBytes } from "./files.ts";
export { defaultQueueBytes } from "./room.ts";
export type { StreamLog } from "./stream.ts";
