/**
 * Package simd is our own WebAssembly: products of matrices, and windows over images. The source is packages/engine/wasm, from which `npm run wasm` makes code.ts.
 *
 * @module
 */
export { simdForm } from "./memory.ts";
export type { Matrix } from "./products.ts";
export type { Simd } from "./simd.ts";
export { newSimd } from "./simd.ts";
export type { Images, Window } from "./windows.ts";
