/**
 * Package tensor/testing reads tensors out of golden files and compares computed ones with them.
 *
 *     assertClose(got, goldenTensor(golden.outputs.y), 1e-5, "y");
 *
 * @module
 */
export { assertClose, assertNear } from "./close.ts";
export type { GoldenTensor } from "./golden.ts";
export { goldenTensor } from "./golden.ts";
