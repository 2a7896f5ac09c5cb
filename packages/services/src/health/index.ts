/**
 * Package health answers grpc.health.v1 by what its owner says of each name.
 *
 *     const health = newHealth({ serving: (service) => (service === "" ? ready() : undefined), services: () => [""], owner: "the server", clock });
 *     health.drain(); // watchers hear NOT_SERVING at once
 *
 * @module
 */
export type { Health, HealthOptions } from "./health.ts";
export { newHealth } from "./health.ts";
