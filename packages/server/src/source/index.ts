/**
 * Package source finds versions: a pure function from a folder's children to version numbers, and the one place that lists the folder.
 *
 * @module
 */
export type { FoundVersion } from "./versions.ts";
export { latestVersion, listVersions, versionsIn } from "./versions.ts";
