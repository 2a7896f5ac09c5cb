/**
 * Package folder makes the folders in which the server writes.
 *
 *     await makeFolder("/var/log/tfs");
 *
 * @module
 */
export { makeFolder } from "./folder.ts";
