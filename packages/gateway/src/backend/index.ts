/**
 * Package backend is the fleet: a channel per model server, and which one a call goes to.
 *
 * @module
 */
export type { Pool } from "./pool.ts";
export { newPool } from "./pool.ts";
