/**
 * Package simd is our own WebAssembly: products of matrices, of floats and of doubles, windows over images, chains of elementwise ops, folds of rows. Values that one operation writes and
 * another reads stay in its memory, in the arena of a run. The source is packages/engine/wasm, from which `npm run wasm` makes code.ts.
 *
 * @module
 */
export type { Arena } from "./arena.ts";
export type { Mask } from "./attention.ts";
export type { Step } from "./cells.ts";
export type { ChainOp, Layout, Recipe } from "./chains.ts";
export { lay, maxValues } from "./chains.ts";
export { collect } from "./collect.ts";
export { bytesOf, laidBytes, newCommon } from "./common.ts";
export type { Ending } from "./ending.ts";
export { plain } from "./ending.ts";
export { simdForm } from "./memory.ts";
export type { Matrix, Numbers, Stack } from "./products.ts";
export type { Simd } from "./simd.ts";
export { newSimd } from "./simd.ts";
export type { Images, Window } from "./windows.ts";
