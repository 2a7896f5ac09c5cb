import { file_grpc_health_v1_health, Health } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { file_grpc_reflection_v1_reflection, ServerReflection } from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { file_grpc_reflection_v1alpha_reflection, ServerReflection as ServerReflectionAlpha } from "@tfs/proto/gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { DescriptorSet } from "../schema/index.ts";

const files = [file_grpc_health_v1_health, file_grpc_reflection_v1_reflection, file_grpc_reflection_v1alpha_reflection];

/** ownServices describes the gRPC services that the gateway answers itself. */
export const ownServices: DescriptorSet = { files: new Map(files.map((file) => [file.proto.name, file])) };

/** isOwn tells whether the gateway answers a service itself, by its full name. */
export function isOwn(service: string): boolean {
  return own.has(service);
}
const own = new Set([Health.typeName, ServerReflection.typeName, ServerReflectionAlpha.typeName]);

const paths = new Set([ServerReflection, ServerReflectionAlpha].map((service) => `/${service.typeName}/ServerReflectionInfo`));

/** isReflection tells whether a gRPC path is the one method of reflection, in either version: their messages are the same on the wire. */
export function isReflection(path: string): boolean {
  return paths.has(path);
}
