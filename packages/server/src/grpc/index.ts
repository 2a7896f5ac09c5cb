/**
 * Package grpc binds the verbs of infer to gRPC, gRPC-Web and Connect, and adds the services of a server that is more than its models: health, reflection, our own.
 *
 *     const { methods, drain } = newServices({ infer, core, clock, failureOf, … });
 *     const listener = newListener({ ...newGrpcHandler({ methods, failureOf }), clock, logger });
 *
 * @module
 */
export { newFailureOf, shuttingDown } from "./failure.ts";
export type { GrpcHandler, GrpcOptions } from "./routes.ts";
export { newGrpcHandler } from "./routes.ts";
export type { Services, ServicesOptions } from "./services.ts";
export { newServices } from "./services.ts";
