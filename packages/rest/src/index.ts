/**
 * Package rest is TensorFlow Serving's REST dialect as pure functions: paths to calls, JSON to tensors and back, codes to statuses, with its own
 * texts. It does no I/O and runs in browsers; server, gateway and SDK share it.
 *
 *     const call = route("POST", "/v1/models/m:predict");
 *     const document = parsePredict(body);
 *     const { format, inputs } = document.inputs(signature);
 *     const answer = printPredict(outputs, format); // or, in front of a fleet:
 *     const message = newPredictEncoder(call, document.signatureName).encode(inputs);
 *     const forwarded = printPredictResponse(reply, format);
 *
 * @module
 */
export { parseError, parseMetadata, parsePredictResponse, parseStatus, printPredictRequest } from "./client.ts";
export type { AnswerOptions, PredictEncoder } from "./envelope.ts";
export { newAnswerEncoder, newPredictEncoder, versionOf } from "./envelope.ts";
export type { ExamplesRequest } from "./examples.ts";
export { parseExamples } from "./examples.ts";
export { newFloats } from "./floats.ts";
export type { Format, PredictInputs } from "./format.ts";
export type { Gzipped, Headers } from "./gzip.ts";
export { gunzipped, isGzipped } from "./gzip.ts";
export type { Media } from "./media.ts";
export { acceptsGzip, npzType, sentMedia, wantedMedia } from "./media.ts";
export type { Unready } from "./models.ts";
export { printModels, printReadiness } from "./models.ts";
export { npyType, parseNpy, printNpy } from "./npy.ts";
export { parseNpz, printNpz } from "./npz.ts";
export type { Described } from "./openapi.ts";
export { printModelApi, printServerApi } from "./openapi.ts";
export { printPage } from "./html.ts";
export type { PredictDocument } from "./predict_request.ts";
export { parsePredict } from "./predict_request.ts";
export type { PrintOptions } from "./predict_response.ts";
export { printPredict, printPredictResponse } from "./predict_response.ts";
export { printClassify, printMetadata, printRegress, printStatus } from "./results.ts";
export type { MoreRoute, Route, Target, Verb } from "./route.ts";
export { isApi, isServed, moreRoute, route } from "./route.ts";
export type { Numbers } from "./runs.ts";
export { numberForms } from "./runs.ts";
export type { Kernel, Scratch } from "./sink.ts";
export { newScratch } from "./sink.ts";
export { codeFromHttp, httpStatus, printError } from "./status.ts";
