/**
 * Package services has what gateway and model server both answer for themselves: gRPC's health and reflection, and how any method is served over gRPC, gRPC-Web and
 * Connect. It knows messages and descriptors; it knows nothing of models or backends.
 *
 *     const health = newHealth({ serving, services, owner: "the server", clock });
 *     const method = health.methods.get(dialect.path);
 *     const call = serveCall(exchange, dialect, { maxMessageBytes });
 *     if (call !== undefined) serveMethod(call, method, (err) => toFailure(err));
 *
 * @module
 */
export type { Descriptors, DescriptorSet } from "./descriptors/index.ts";
export { isStandard, newDescriptors, shippedFiles, standardServices } from "./descriptors/index.ts";
export type { Health, HealthOptions } from "./health/index.ts";
export { newHealth } from "./health/index.ts";
export type { Answer, Codec, Described, FailureOf, Form, Method, Methods, Streaming, Unary, Verb } from "./method/index.ts";
export { answerIn, isUnreadable, newForm, newUnary, pathOf, readJson, serveMethod } from "./method/index.ts";
export type { Reflection, ReflectionOptions } from "./reflection/index.ts";
export { newReflection } from "./reflection/index.ts";
