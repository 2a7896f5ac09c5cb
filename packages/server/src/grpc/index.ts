/**
 * Package grpc binds the verbs of infer to gRPC, gRPC-Web and Connect.
 *
 * @module
 */
export type { GrpcOptions } from "./routes.ts";
export { newGrpcHandler } from "./routes.ts";
