/**
 * Package random is TensorFlow's stream of random numbers: Philox, and what is made of its words. With the same seeds it gives the same bits.
 *
 * @module
 */
export type { Fill } from "./distributions.ts";
export {
  normal,
  normalDouble,
  reserved,
  truncated,
  truncatedDouble,
  uniform,
  uniformBy,
  uniformDouble,
  unitDouble,
  whole,
  wholeLong,
} from "./distributions.ts";
export type { Philox } from "./philox.ts";
export { high, low, newWords, scrambled, seeded, skipped } from "./philox.ts";
