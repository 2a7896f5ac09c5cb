/**
 * Package simd is our own WebAssembly: products of matrices. The source is packages/engine/wasm, from which `npm run wasm` makes code.ts.
 *
 * @module
 */
export type { Matrix, Products } from "./products.ts";
export { newProducts } from "./products.ts";
