/**
 * Package health answers grpc.health.v1: whether calls can be answered now, for the gateway as a whole and for each service that it knows.
 *
 *     const health = newHealth({ ready: () => pool.ready, services: ["tensorflow.serving.PredictionService"], clock });
 *     if (isHealth(path)) health.serve(exchange);
 *     health.drain(); // watchers hear NOT_SERVING at once
 *
 * @module
 */
export type { Health, HealthOptions } from "./health.ts";
export { isHealth, newHealth } from "./health.ts";
