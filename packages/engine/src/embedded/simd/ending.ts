import type { Memory } from "./memory.ts";

/** Ending is what happens to the sums of a product or a convolution before they are written: a bias is added for each column, then limits hold, which may be infinite. */
export interface Ending {
  readonly bias: Float32Array | undefined;
  readonly low: number;
  readonly high: number;
}

/** plain is an ending that changes nothing. */
export const plain: Ending = { bias: undefined, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

/** biasAt gives where an ending's bias lies; 0 if it has none. */
export function biasAt(memory: Memory, { bias }: Ending): number {
  return bias === undefined ? 0 : memory.source(bias);
}
