/**
 * Package savedmodel reads a SavedModel directory: meta-graphs, signatures, assets, fingerprint, and the variables of its TensorBundle with
 * every checksum verified. It knows nothing of how a graph is run or served.
 *
 *     await using model = await openSavedModel(ctx, "models/digits/1");
 *     const kernel = await model.variables?.read(ctx, "dense/kernel");
 *
 * @module
 */
export type { Bundle, BundleEntry } from "./bundle.ts";
export { openBundle } from "./bundle.ts";
export { crc32c, maskCrc, unmaskCrc } from "./crc32c.ts";
export type { OpenOptions, SavedModel } from "./savedmodel.ts";
export { openSavedModel } from "./savedmodel.ts";
