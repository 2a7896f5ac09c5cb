/**
 * Package graph is what is done to a program's ops before kernels are made of them: constants are computed, scales and shifts go into the weights before them, elementwise
 * ops become chains, the ops of some patterns become one. Pure functions from ops to ops; an edge that is fetched keeps its value, and what is fed stays a boundary.
 *
 * @module
 */
export { attentionAt } from "./attention.ts";
export { cellAt } from "./cell.ts";
export { chained, recipeOf } from "./chain.ts";
export type { Memo } from "./ending.ts";
export { ended, normalized } from "./ending.ts";
export type { FoldOptions } from "./fold.ts";
export { folded, pruned } from "./fold.ts";
export { fused } from "./fuse.ts";
export { geluAt } from "./gelu.ts";
export { normAt } from "./norm.ts";
export type { After, Fused, Graph, Op, Pattern, Work } from "./op.ts";
export { patterns } from "./op.ts";
export { remembered, sized } from "./sizes.ts";
