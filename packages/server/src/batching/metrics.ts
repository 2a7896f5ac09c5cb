import { type Counter, exponential, type Histogram, type Metric, type Registry } from "@tfs/std/metrics";

/** Meter counts what batching does, under TensorFlow Serving's names. */
export interface Meter {
  /** came counts the rows of one input of a request. */
  came(rows: number): void;
  /** taken counts how long a task has waited. */
  taken(micros: number): void;
  /** ran counts a run: its rows, and how many of them were padding. */
  ran(size: number, padding: number): void;
}

const prefix = "/tensorflow/serving/batching_session";
const sizes = exponential(1, 2, 14);
/** The label value that TensorFlow Serving's own batching has there. */
const poolName = "";

/** newMeter declares the metrics. The three about sizes appear when they are first counted. */
export function newMeter(registry: Registry): Meter {
  const waited = registry.histogram({
    name: `${prefix}/queuing_latency`,
    help: "Time that requests waited for their batch, in microseconds.",
    labels: ["thread_pool_name"],
    bounds: exponential(100, 1.2, 52),
    atBound: "above",
  });
  const runs = registry.counter({ name: `${prefix}/wrapped_run_count`, help: "Batches that were run." });
  const sized = (name: string, help: string, labels: readonly string[] = []): (() => Metric<Histogram>) =>
    once(() => registry.histogram({ name: `${prefix}/${name}`, help, labels, bounds: sizes, atBound: "above" }));
  const input = sized("input_batch_size", "Rows of each input of a request.");
  const processed = sized("processed_batch_size", "Rows of each run, padding included.");
  const padding = sized("padding_size", "Rows of padding in each run.", ["execution_batch_size"]);

  const [waitedCell, runsCell] = [once((): Histogram => waited.with(poolName)), once((): Counter => runs.with())];
  const [inputCell, processedCell] = [once(() => input().with()), once(() => processed().with())];
  const paddingCells = new Map<number, Histogram>();
  const paddingCell = (size: number): Histogram => {
    let cell = paddingCells.get(size);
    if (cell === undefined) {
      cell = padding().with(String(size));
      if (paddingCells.size < maxCells) paddingCells.set(size, cell);
    }
    return cell;
  };
  return {
    came: (rows) => inputCell().observe(rows),
    taken: (micros) => waitedCell().observe(micros),
    ran(size, rows) {
      runsCell().add();
      processedCell().observe(size);
      paddingCell(size).observe(rows);
    },
  };
}

/** Cells that are looked up only once; sizes past them are looked up each time. */
const maxCells = 1000;

/** once makes a thing when it is first asked for. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
