/**
 * Package archive makes base paths of archives that a web server has: `https://host/path/model.tar.gz`. What others packed is unpacked with suspicion.
 *
 * @module
 */
export type { ArchiveStorageOptions } from "./archives.ts";
export { newArchiveStorage } from "./archives.ts";
