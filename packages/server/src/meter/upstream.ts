import { type Code, codeName } from "@tfs/std";
import { type Counter, type Histogram, type Metric, overflow, type Registry, usBounds } from "@tfs/std/metrics";
import type { Kind, Method } from "./call.ts";
import type { Place } from "./own.ts";

/** Model has what TensorFlow Serving counts of a model's calls, by its name as callers write it, and the place of those that came to no version. */
export interface Model {
  readonly label: string;
  readonly place: Place;
  readonly codes: (Counter | undefined)[];
  readonly latencies: Map<string, Histogram>;
}

/** Upstream counts calls as TensorFlow Serving does: over gRPC those of three methods, over REST all. */
export interface Upstream {
  /** model gives a model by its name: one that is served has its own, and so have the first that are not; all others share one. */
  model(name: string): Model;
  count(model: Model, code: Code): void;
  /** latency counts how long a call took that went well, in milliseconds. */
  latency(model: Model, kind: Kind, ms: number): void;
}

/** Models whose names are kept at a time; names that no model has, which are what strangers make up. */
const maxModels = 10_000;
const maxStrangers = 100;
/** A longer name is nobody's: it is not kept. */
const maxNameChars = 256;

const apis: { readonly [method in Method]?: string } = { predict: "Predict", classify: "Classify", regress: "Regress" };

/** upstreamCounts tells whether TensorFlow Serving counts calls of a method by a protocol. */
export function upstreamCounts({ protocol, method }: Kind): boolean {
  return protocol === "rest" || apis[method] !== undefined;
}

export interface UpstreamOptions {
  /** serves tells whether a model of that name is there now. */
  readonly serves: (name: string) => boolean;
  /** placeOf makes the place of a model. */
  readonly placeOf: (label: string) => Place;
}

/** newUpstream declares the metrics. */
export function newUpstream(registry: Registry, { serves, placeOf }: UpstreamOptions): Upstream {
  const maxCells = maxModels + maxStrangers;
  const requests: Metric<Counter> = registry.counter({
    name: "/tensorflow/serving/request_count",
    help: "Calls by model, and how they went.",
    labels: ["model_name", "status"],
    maxCells: maxCells * 2,
  });
  const latencies: Metric<Histogram> = registry.histogram({
    name: "/tensorflow/serving/request_latency",
    help: "Microseconds that calls took which went well.",
    labels: ["model_name", "API", "entrypoint"],
    bounds: usBounds,
    atBound: "above",
    maxCells,
  });
  const newModel = (label: string): Model => ({ label, place: placeOf(label), codes: [], latencies: new Map() });
  const [none, others] = [newModel(""), newModel(overflow)];
  const models = new Map<string, Model>();
  let strangers = 0;
  return {
    model(name) {
      if (name === "") return none;
      const known = models.get(name);
      if (known !== undefined) return known;
      if (name.length > maxNameChars || models.size >= maxCells) return others;
      if (!serves(name) && strangers++ >= maxStrangers) return others;
      const made = newModel(name);
      models.set(name, made);
      return made;
    },
    count(model, code) {
      (model.codes[code] ??= requests.with(model.label, codeName(code))).add();
    },
    latency(model, { protocol, method }, ms) {
      const api = apis[method] ?? "";
      const [name, entrypoint] = protocol === "rest" ? [api.toLowerCase(), "REST"] : [api, "GRPC"];
      let cell = model.latencies.get(name);
      if (cell === undefined) {
        cell = latencies.with(model.label, name, entrypoint);
        model.latencies.set(name, cell);
      }
      cell.observe(Math.floor(ms * 1000));
    },
  };
}
