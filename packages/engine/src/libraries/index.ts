/**
 * Package libraries finds the native libraries that engines call. It looks at files and asks Python where its packages are; it loads nothing.
 *
 *     const { found, passed } = await findLibrary(ctx, libraries.openvino, { cacheDir: libraryCache(env), pythons: ["python3"] });
 *     if (found !== undefined) newOpenVinoEngine({ dir: found.dir, gate });
 *
 * @module
 */
export { libraryCache } from "./cache.ts";
export type { Library, LibraryName, Part } from "./library.ts";
export { filesOf, libraries, libraryNames } from "./library.ts";
export type { Explicit, Found, FindOptions, Place, Passed, Search } from "./find.ts";
export { findLibrary } from "./find.ts";
