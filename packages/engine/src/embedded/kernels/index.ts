/**
 * Package kernels is one table from op name to kernel, put together from families. A later engine's own kernels take the place of an entry.
 *
 * @module
 */
import type { Kernels } from "../kernel.ts";
import { arrays } from "./array.ts";
import { compare } from "./compare.ts";
import { controls } from "./control.ts";
import { einsums } from "./einsum.ts";
import { examples } from "./example.ts";
import { gathers } from "./gather.ts";
import { windows } from "./window.ts";
import { lists } from "./list.ts";
import { math } from "./math.ts";
import { products } from "./product.ts";
import { reductions } from "./reduce.ts";
import { regexes } from "./regex.ts";
import { slices } from "./slices.ts";
import { source } from "./source.ts";
import { state } from "./state.ts";
import { tables } from "./table.ts";
import { texts } from "./text.ts";
import { unaries } from "./unary.ts";

export { chainOf } from "./chain.ts";
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
  ...lists,
  ...controls,
};
