/**
 * Package method is what a service's method is to those who serve it: bytes in, bytes out, in either codec. One that is made from messages is served the same over
 * gRPC, gRPC-Web and Connect.
 *
 *     const [path, method] = newUnary(ModelService.method.getModelStatus, async (ctx, request) => status(request));
 *     serveMethod(call, method, (err) => toFailure(err));
 *
 * @module
 */
export type { Described, Form, Verb } from "./form.ts";
export { answerIn, isUnreadable, newForm, newUnary, pathOf, readJson } from "./form.ts";
export type { Answer, Codec, Method, Methods, Streaming, Unary } from "./method.ts";
export type { FailureOf } from "./serve.ts";
export { serveMethod } from "./serve.ts";
