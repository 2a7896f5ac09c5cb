/**
 * Package std/metrics counts: a registry of counters, gauges and histograms with labels, and the text a Prometheus server scrapes, in
 * Prometheus's own form or in TensorFlow Serving's. Handles are
 * resolved when building, so that counting is an addition; how many label combinations a metric may have is bounded.
 *
 *     const registry = newRegistry();
 *     const requests = registry.counter({ name: "tfs_requests_total", help: "Requests answered.", labels: ["model", "code"] });
 *     const ok = requests.with("digits", "OK");
 *     ok.add();
 *     printPrometheus(registry.collect());
 *
 * @module
 */
export type { Buckets, Exemplar, HistogramDefinition } from "./histogram.ts";
export { exponential } from "./histogram.ts";
export { openMetricsType, printOpenMetrics, printPrometheus, prometheusType } from "./prometheus.ts";
export type { Cell, Counter, Definition, Family, Gauge, Histogram, Metric, Registry } from "./registry.ts";
export { newRegistry, overflow } from "./registry.ts";
export { printTensorFlow, tensorFlowType, usBounds } from "./tensorflow.ts";
