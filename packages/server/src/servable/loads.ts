import type { MetaGraphDef } from "@tfs/proto";
import { type Counter, exponential, type Histogram, type Metric, type Registry, usBounds } from "@tfs/std/metrics";
import type { Tensor } from "@tfs/tensor";

/** Loads counts loads and runs: by the names of TensorFlow's runtime, and loads by our own too. */
export interface Loads {
  /** tried counts a try to make a version ready: to bring it here, and to load it. */
  tried(model: string, outcome: "success" | "fail"): void;
  /** loaded counts a load that went well, and how long its stages took in milliseconds. `path` is where the version lies. */
  loaded(path: string, metaGraph: MetaGraphDef, ms: { readonly whole: number; readonly restore: number; readonly init: number }): void;
  /** failed counts one that did not. */
  failed(path: string): void;
  /** runs counts a run that begins. */
  runs(): void;
  /** ran counts a run that went well, how many milliseconds it took by itself, and what went in and out. */
  ran(ms: number, inputs: Iterable<Tensor>, outputs: readonly Tensor[]): void;
}

/** Metrics of TensorFlow's runtime that have nothing to count here, as its page has them before anything was counted. */
const silent: readonly (readonly [kind: "counter" | "gauge", name: string, ...labels: string[]])[] = [
  ["counter", "/tensorflow/core/bfc_allocator_delay"],
  ["counter", "/tensorflow/core/graph_build_calls"],
  ["counter", "/tensorflow/core/graph_build_time_usecs"],
  ["counter", "/tensorflow/core/graph_optimization_usecs", "kind", "name"],
  ["counter", "/tensorflow/core/graph_unused_outputs", "name"],
  ["counter", "/tensorflow/core/saved_model/read/api", "api_label"],
  ["gauge", "/tensorflow/core/saved_model/read/fingerprint"],
  ["gauge", "/tensorflow/core/saved_model/read/path"],
  ["counter", "/tensorflow/core/saved_model/write/api", "api_label"],
  ["counter", "/tensorflow/core/saved_model/write/count", "write_version"],
  ["counter", "/tensorflow/core/xla_compilations"],
  ["counter", "/tensorflow/core/xla_compilation_time_usecs"],
  ["gauge", "/tensorflow/serving/mlmd_map", "model_name", "version"],
];

/** newLoads declares the metrics. */
export function newLoads(registry: Registry): Loads {
  const counter = (name: string, help: string, ...labels: string[]): Metric<Counter> => registry.counter({ name, help, labels });
  const histogram = (name: string, help: string, bounds: readonly number[], ...labels: string[]): Metric<Histogram> =>
    registry.histogram({ name, help, labels, bounds, atBound: "above" });
  const attempts = counter("/tensorflow/cc/saved_model/load_attempt_count", "Loads, and how they went.", "model_path", "status");
  const latency = counter("/tensorflow/cc/saved_model/load_latency", "Microseconds that loads took which went well.", "model_path");
  const stages = histogram("/tensorflow/cc/saved_model/load_latency_by_stage", "Microseconds of a load's stages.", usBounds, "model_path", "stage");
  const reads = counter("/tensorflow/core/saved_model/read/count", "Versions read, by the form in which they were written.", "write_version");
  const sessions = counter("/tensorflow/core/direct_session_runs", "Runs of graphs.").with();
  const graphRuns = counter("/tensorflow/core/graph_runs", "Runs of graphs that went well.").with();
  const us = counter("/tensorflow/core/graph_run_time_usecs", "Microseconds that runs took.").with();
  const usBy = histogram("/tensorflow/core/graph_run_time_usecs_histogram", "Microseconds of a run.", exponential(1000, 2, 20)).with();
  const inputBytes = histogram("/tensorflow/core/graph_run_input_tensor_bytes", "Bytes that are fed to a run.", exponential(1, 4, 14)).with();
  const outputBytes = histogram("/tensorflow/core/graph_run_output_tensor_bytes", "Bytes that a run gives.", exponential(1, 4, 14)).with();
  const tries = counter("tfs_model_loads_total", "Tries to bring a version here and to load it, and how they went.", "model", "outcome");
  for (const [kind, name, ...labels] of silent) registry[kind]({ name, help: "Nothing is counted here.", labels });
  return {
    tried: (model, outcome) => tries.with(model, outcome).add(),
    loaded(path, metaGraph, ms) {
      attempts.with(path, "success").add();
      latency.with(path).add(Math.floor(ms.whole * 1000));
      stages.with(path, "restore_graph").observe(Math.floor(ms.restore * 1000));
      stages.with(path, "init_graph").observe(Math.floor(ms.init * 1000));
      reads.with(metaGraph.objectGraphDef === undefined ? "1" : "2").add(); // TensorFlow 2 writes an object graph
    },
    failed: (path) => attempts.with(path, "fail").add(),
    runs: () => sessions.add(),
    ran(ms, inputs, outputs) {
      const took = Math.floor(ms * 1000);
      graphRuns.add();
      us.add(took);
      usBy.observe(took);
      inputBytes.observe(bytesOf(inputs));
      outputBytes.observe(bytesOf(outputs));
    },
  };
}

function bytesOf(tensors: Iterable<Tensor>): number {
  let bytes = 0;
  for (const { data } of tensors) {
    if (ArrayBuffer.isView(data)) bytes += data.byteLength;
    else for (const text of data as readonly Uint8Array[]) bytes += text.length;
  }
  return bytes;
}
