/**
 * Package infer is the verbs: predict, classify, regress, multi-inference, metadata, status. gRPC and REST meet here; below it nobody knows how a request
 * came. Every check, code and text is TensorFlow Serving's.
 *
 * @module
 */
export { classify, multiInference, regress } from "./examples.ts";
export type { CallKind, CallLog, Keep } from "./kept.ts";
export type { Listed } from "./list.ts";
export { listModels } from "./list.ts";
export type { InferOptions, Models, Seen } from "./options.ts";
export { defaultSignature } from "./options.ts";
export type { Prediction, PredictCall } from "./predict.ts";
export { predict, predictOn, signatureOf } from "./predict.ts";
export { metadata, status } from "./reports.ts";
export type { Runs } from "./runs.ts";
export { newRuns } from "./runs.ts";
export type { SessionCall, SessionResult } from "./session.ts";
export { sessionRun } from "./session.ts";
