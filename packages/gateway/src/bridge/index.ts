/**
 * Package bridge answers TensorFlow Serving's REST API by gRPC calls to the fleet: JSON in, tensors out, and back.
 *
 * @module
 */
export type { Bridge } from "./rest.ts";
export { newBridge } from "./rest.ts";
