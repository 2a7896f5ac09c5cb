/**
 * Package reflection answers gRPC's server reflection, v1 and v1alpha, from descriptors: clients without generated code (grpcurl, Postman) learn from it what there is
 * and how to call it.
 *
 *     const reflection = newReflection({ descriptors: newDescriptors([standardServices]), owner: "the server" });
 *
 * @module
 */
export type { Reflection, ReflectionOptions } from "./reflection.ts";
export { newReflection } from "./reflection.ts";
