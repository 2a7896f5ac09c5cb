/**
 * Package bridge answers TensorFlow Serving's REST API by asking the fleet over gRPC.
 *
 *     const bridge = newBridge(unary, clock);
 *     const body = await bridge.answer(ctx, route("POST", "/v1/models/m:predict"), requestBody);
 *
 * @module
 */
export type { Bridge } from "./rest.ts";
export { newBridge } from "./rest.ts";
export type { Unary } from "./unary.ts";
