/**
 * Package schema knows the methods that the gateway may be asked for, from descriptors: those we ship and those that the operator names. It turns messages into
 * JSON and back. It knows nothing of requests or backends.
 *
 *     const schema = newSchema([readDescriptorSet("shop.binpb")]);
 *     const method = schema.method("/shop.v1.Shop/Buy");
 *     const message = method?.requestFromJson(json);
 *
 * @module
 */
export type { Method, MethodKind } from "./method.ts";
export type { Schema } from "./schema.ts";
export { newSchema } from "./schema.ts";
export { parseDescriptorSet, readDescriptorSet } from "./set.ts";
