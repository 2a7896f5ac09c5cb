/**
 * Package metrics counts what passes the gateway: calls by protocol, model and status, how long they took, their bytes, what is in flight, and how connections and
 * backends are.
 *
 *     const metrics = newMetrics();
 *     const meter = metrics.meter("grpc", shapeOf(path));
 *     meter.begin();
 *     const model = meter.look(buffer, start, end) ?? meter.unknown;
 *     meter.end(model, Code.Ok, ms, requestBytes, answerBytes);
 *
 * @module
 */
export type { Gauges, Meter, Metrics, Model, Protocol } from "./metrics.ts";
export { newMetrics } from "./metrics.ts";
export { countBackends } from "./opener.ts";
export { statusOf } from "./status.ts";
