import { type Counter, exponential, type Histogram, type Metric, type Registry, usBounds } from "@tfs/std/metrics";
import type { Servable } from "../servable/index.ts";

/** Api is what a run is for, by TensorFlow Serving's name. */
type Api = "Predict" | "Classify" | "Regress";

/** Runs counts runs of models by TensorFlow Serving's names, whoever asked for them. */
export interface Runs {
  /** ran counts a run that went well: what it was for, and when it began, on performance.now()'s clock. */
  ran(servable: Servable, api: Api, startedMs: number): void;
  /** examples counts those of a MultiInference. */
  examples(servable: Servable, count: number): void;
}

/** Counts are the handles of one version. Versions of a model count together. */
interface Counts {
  readonly latency: { [api in Api]?: Histogram };
  examples: { readonly sizes: Histogram; readonly total: Counter } | undefined;
}

/** newRuns declares the metrics. */
export function newRuns(registry: Registry): Runs {
  const latency: Metric<Histogram> = registry.histogram({
    name: "/tensorflow/serving/runtime_latency",
    help: "Microseconds that runs took which went well, with their time in a queue.",
    labels: ["model_name", "API", "runtime"],
    bounds: usBounds,
    atBound: "above",
  });
  const sizes: Metric<Histogram> = registry.histogram({
    name: "/tensorflow/serving/request_example_counts",
    help: "Examples of a MultiInference.",
    labels: ["model"],
    bounds: exponential(1, 2, 15),
    atBound: "above",
  });
  const total: Metric<Counter> = registry.counter({
    name: "/tensorflow/serving/request_example_count_total",
    help: "Examples of all MultiInferences.",
    labels: ["model"],
  });
  const known = new WeakMap<Servable, Counts>();
  const countsOf = (servable: Servable): Counts => {
    let counts = known.get(servable);
    if (counts === undefined) {
      counts = { latency: {}, examples: undefined };
      known.set(servable, counts);
    }
    return counts;
  };
  return {
    ran(servable, api, startedMs) {
      const us = Math.floor((performance.now() - startedMs) * 1000);
      (countsOf(servable).latency[api] ??= latency.with(servable.name, api, "TF1")).observe(us);
    },
    examples(servable, count) {
      const { name } = servable;
      const counts = (countsOf(servable).examples ??= { sizes: sizes.with(name), total: total.with(name) });
      counts.sizes.observe(count);
      counts.total.add(count);
    },
  };
}
