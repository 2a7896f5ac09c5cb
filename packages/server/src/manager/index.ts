/**
 * Package manager owns the versions: told which are aspired, it loads and unloads in the order that a plan gives, knows each one's state, and gives out
 * handles that keep a version loaded while a request uses it.
 *
 *     manager.aspire("m", [{ version: 2n, path: "/models/m/2" }]);
 *     using handle = manager.acquire(spec); // released on every way out
 *     return await handle.servable.run(ctx, feeds, fetches);
 *
 * @module
 */
export type { LabelOptions, Labels } from "./labels.ts";
export { assignLabels } from "./labels.ts";
export type { Manager, ManagerOptions, Tuning, VersionStatus } from "./manager.ts";
export { newManager } from "./manager.ts";
export type { Aspired } from "./model.ts";
export type { Transition } from "./plan.ts";
export { transitions } from "./plan.ts";
export type { State } from "./state.ts";
export { state, stateName } from "./state.ts";
export type { Handle, Version } from "./version.ts";
