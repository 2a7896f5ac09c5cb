/**
 * Package meter counts calls: by TensorFlow Serving's names, which know a model and how it went, and by our own, which know version, signature, protocol and method
 * too. What a call is counted under is looked up once for each combination, and their number is bounded.
 *
 *     const meter = newMeter({ registry, models: manager });
 *     const call = meter.begin("grpc", "predict", exchange);
 *     call.received(bytes.length);
 *     call.named(spec.name);
 *     call.found(handle.servable, "serving_default");
 *     call.end(Code.Ok, answer.length);
 *
 * @module
 */
export type { Call, Ended, Kind, Method, Protocol, Span, Spans } from "./call.ts";
export type { Meter, MeterOptions } from "./meter.ts";
export { newMeter, traceField } from "./meter.ts";
