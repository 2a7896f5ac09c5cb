/**
 * Package bridge answers TensorFlow Serving's REST API by asking the fleet over gRPC.
 *
 *     const bridge = newBridge({ opener: pool, clock, numbers: "tensorflow" });
 *     const body = await bridge.answer(ctx, "status", { target: { model: "m" }, body: new Uint8Array(), metadata: [] });
 *     bridge.predict({ target: { model: "m" }, body: requestBody, deadline, metadata: [] }, handler).start();
 *
 * @module
 */
export type { PredictHandler, Prediction } from "./predict.ts";
export type { Bridge } from "./rest.ts";
export { newBridge } from "./rest.ts";
export { maxAnswerBytes } from "./unary.ts";
