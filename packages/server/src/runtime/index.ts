/**
 * Package runtime makes the engines that run models, each when it is first asked for, over libraries that are looked for then.
 *
 *     const engines = newEngines({ clock, logger, cacheDir: "/home/me/.cache/tfs/engines" });
 *     const model = await engines("auto").load(ctx, "/models/m/1");
 *
 * @module
 */
export type { Engines, RuntimeOptions, RuntimeTuning, TfLiteTuning } from "./runtime.ts";
export { engineNamed, newEngines } from "./runtime.ts";
