/**
 * Package workers spreads one port over several processes. The primary accepts and deals connections out in turn; a worker serves those that it took.
 *
 *     if (isWorker(env)) await serveConnections(ctx, gateway);
 *     else await runWorkers(ctx, { count: 4, addresses, program, args, env, ... });
 *
 * A connection belongs to the primary until a worker says that it has it: a worker that dies or drains loses none that is on its way.
 *
 * @module
 */
export type { PrimaryOptions } from "./primary.ts";
export { runWorkers } from "./primary.ts";
export type { Report } from "./reports.ts";
export type { Serving } from "./worker.ts";
export { isWorker, serveConnections } from "./worker.ts";
