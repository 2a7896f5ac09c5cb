/**
 * Package pool runs models in threads where they would keep the event loop for long. A thread gets a copy of a model from its seed, which is the graph's encoding
 * and what variables and tables hold; what is large of it lies in shared memory.
 *
 *     const pool = newPool({ threads: 4 });
 *     const model = newPooledModel({ model: restored, metaGraphBytes, pool });
 *
 * @module
 */
export type { Pool, PoolOptions } from "./pool.ts";
export { newPool } from "./pool.ts";
export { newPooledModel } from "./pooled.ts";
