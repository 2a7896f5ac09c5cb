/**
 * Package monitoring shows what was counted: on TensorFlow Serving's page, byte for byte as there, and on one of our own, for Prometheus.
 *
 *     const process = newProcessLevels();
 *     const pages = newPages({ registry, levels: [modelLevels(manager), process.levels], tensorFlowPath: "/monitoring/prometheus/metrics", path: "/metrics" });
 *     pages("GET", "/metrics", fields.get("accept"));
 *
 * @module
 */
export type { Levels } from "./levels.ts";
export { modelLevels } from "./levels.ts";
export type { Page, Pages, PagesOptions } from "./pages.ts";
export { newPages, ownFamilies } from "./pages.ts";
export type { ProcessLevels } from "./process.ts";
export { newProcessLevels } from "./process.ts";
export { firstsOf } from "./value.ts";
