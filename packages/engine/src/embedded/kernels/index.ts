/**
 * Package kernels is one table from op name to kernel, put together from families. A later engine's own kernels take the place of an entry.
 *
 * @module
 */
import { calls } from "../flat.ts";
import type { Kernels } from "../kernel.ts";
import { arrays } from "./array.ts";
import { bins } from "./bins.ts";
import { compare } from "./compare.ts";
import { controls } from "./control.ts";
import { crosses } from "./cross.ts";
import { decoders } from "./decode.ts";
import { diagonals } from "./diag.ts";
import { einsums } from "./einsum.ts";
import { examples } from "./example.ts";
import { transforms } from "./fft.ts";
import { gathers } from "./gather.ts";
import { hashes } from "./hash.ts";
import { windows } from "./window.ts";
import { lists } from "./list.ts";
import { math } from "./math.ts";
import { products } from "./product.ts";
import { randoms, streamed } from "./random.ts";
import { reductions } from "./reduce.ts";
import { regexes } from "./regex.ts";
import { resizes } from "./resize.ts";
import { scatters } from "./scatter.ts";
import { segments } from "./segment.ts";
import { slices } from "./slices.ts";
import { source } from "./source.ts";
import { spaces } from "./space.ts";
import { sparses } from "./sparse.ts";
import { specials } from "./special.ts";
import { state } from "./state.ts";
import { suppressions } from "./suppress.ts";
import { tables } from "./table.ts";
import { tensorArrays } from "./tensorarray.ts";
import { textNumbers } from "./textnumber.ts";
import { texts } from "./text.ts";
import { unaries } from "./unary.ts";
import { unicodes } from "./unicode.ts";
import { volumes } from "./volume.ts";

export { streamed };
export { chainOf } from "./chain.ts";
export { fusedOf } from "./fused.ts";
export { product } from "./product.ts";
export { variableName } from "./state.ts";
export { convolution } from "./window.ts";
export type { Dense, Sparse } from "./example.ts";
export { parseExamples } from "./example.ts";

export const kernels: Kernels = {
  ...source,
  ...state,
  ...math,
  ...unaries,
  ...compare,
  ...arrays,
  ...slices,
  ...gathers,
  ...reductions,
  ...products,
  ...windows,
  ...einsums,
  ...texts,
  ...regexes,
  ...tables,
  ...examples,
  ...transforms,
  ...scatters,
  ...segments,
  ...sparses,
  ...suppressions,
  ...textNumbers,
  ...unicodes,
  ...specials,
  ...decoders,
  ...crosses,
  ...bins,
  ...diagonals,
  ...hashes,
  ...resizes,
  ...spaces,
  ...volumes,
  ...lists,
  ...randoms,
  ...tensorArrays,
  ...controls,
};

/** missingOps are those that have no kernel, and are no calls, which need none. */
export function missingOps(ops: readonly string[]): string[] {
  return ops.filter((op) => kernels[op] === undefined && !calls.has(op));
}

/** countsByOutput tells ops that compute a number for each of their output. */
export function countsByOutput(op: string): boolean {
  return Object.hasOwn(math, op) || (Object.hasOwn(compare, op) && op !== "Where") || (Object.hasOwn(unaries, op) && op !== "Cast");
}

/** countsByInput tells ops that compute with each number of their input. */
export function countsByInput(op: string): boolean {
  return Object.hasOwn(reductions, op);
}
