/**
 * Package folder makes the folders in which the server writes, and names those that are one process's own.
 *
 *     await makeFolder("/var/log/tfs");
 *
 * @module
 */
export { makeFolder } from "./folder.ts";
export { ownerLives, ownerName } from "./owner.ts";
