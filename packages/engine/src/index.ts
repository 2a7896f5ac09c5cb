/**
 * Package engine runs SavedModels: one interface, several bodies, one conformance suite. This entry has `embedded`, TypeScript and WebAssembly with nothing native to
 * install; `@tfs/engine/all` has all the others.
 *
 *     const engine = newEmbeddedEngine();
 *     const model = await engine.load(ctx, "models/half_plus_two/1");
 *     const [y] = await model.run(ctx, new Map([["x:0", x]]), ["y:0"]);
 *
 * @module
 */
export { newEmbeddedEngine } from "./embedded/index.ts";
export type { Chosen, Engine, EngineName, LoadedModel, LoadOptions, Probe, Took, Trial } from "./engine.ts";
export { engineNames } from "./engine.ts";
export type { Explicit, FindOptions, Found, Library, LibraryName, Passed, Place, Search } from "./libraries/index.ts";
export { filesOf, findLibrary, libraries, libraryCache, libraryNames } from "./libraries/index.ts";
export type { SessionConfig } from "./tensorflow/index.ts";
