/**
 * Package descriptors knows .proto files: those that we ship, and what they and others declare.
 *
 *     const descriptors = newDescriptors([standardServices, shipped]);
 *     const file = descriptors.fileOf("tensorflow.serving.PredictionService");
 *
 * @module
 */
export type { Descriptors, DescriptorSet } from "./descriptors.ts";
export { newDescriptors } from "./descriptors.ts";
export { isStandard, shippedFiles, standardServices } from "./shipped.ts";
