/**
 * Package manager owns the versions: it loads what the source found, knows each one's state, and gives out handles that keep a version loaded while
 * a request uses it.
 *
 *     using handle = manager.acquire(spec); // released on every way out
 *     return await handle.servable.run(ctx, feeds, fetches);
 *
 * @module
 */
export type { Handle, LoadFailure, Manager, ManagerOptions, VersionStatus } from "./manager.ts";
export { newManager } from "./manager.ts";
export { state } from "./state.ts";
