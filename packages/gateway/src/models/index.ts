/**
 * Package models answers tfs.serving.v1's ListModels for the whole fleet: every model server is asked, and their lists become one, in which is counted who has what.
 *
 *     const methods = newModels(() => pool.members);
 *
 * @module
 */
export type { Backend } from "./list.ts";
export { newModels } from "./list.ts";
