/**
 * Package reflection answers gRPC's server reflection, v1 and v1alpha, from the descriptors that the gateway knows: clients without generated code (grpcurl, Postman)
 * learn from it what there is and how to call it.
 *
 *     const reflection = newReflection(newSchema([ownServices]));
 *     if (isReflection(path)) reflection.serve(exchange);
 *
 * @module
 */
export { isOwn, isReflection, ownServices } from "./own.ts";
export type { Reflection } from "./reflection.ts";
export { newReflection } from "./reflection.ts";
