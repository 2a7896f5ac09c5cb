/**
 * Package backend is the fleet: a channel per model server, which one a call goes to, and what happens when that one refuses.
 *
 *     const pool = newPool(["10.0.0.1:8500", "10.0.0.2:8500"], { clock, logger });
 *     pool.connect();
 *     const call = pool.open(headers, handler);
 *
 * @module
 */
export type { Pool, PoolOptions } from "./pool.ts";
export { newPool } from "./pool.ts";
