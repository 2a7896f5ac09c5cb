import { type Buckets, checkBounds, type HistogramDefinition, newHistogramCell } from "./histogram.ts";

export interface Definition {
  /** name may be anything: each text form maps it to the characters it allows. */
  readonly name: string;
  readonly help: string;
  /** labels are the names whose values tell the cells apart; default none. */
  readonly labels?: readonly string[];
  /** maxCells bounds how many combinations of label values are kept, default 1000: label values may come from strangers. */
  readonly maxCells?: number;
}

/** Counter only grows. */
export interface Counter {
  /** add counts `n`, default 1. */
  add(n?: number): void;
}

/** Gauge is a level. */
export interface Gauge {
  set(value: number): void;
  add(n: number): void;
}

/** Histogram counts observations by bucket, and their sum. */
export interface Histogram {
  /** observe counts a value; NaN is left out. With a trace's id the value becomes its bucket's exemplar. */
  observe(value: number, traceId?: string): void;
}

/** Metric gives the cell for a combination of label values. */
export interface Metric<Handle> {
  /**
   * with gives the cell of these label values, in the order of `labels`, making it at zero. Resolve it when building, not per request. When the metric
   * is full, a new combination counts in one cell whose values all are `overflow`. Values are cut at 256 characters.
   */
  with(...values: readonly string[]): Handle;
  /** remove forgets a cell: the model is gone, the backend is gone. Handles to it count on, unseen. */
  remove(...values: readonly string[]): void;
}

/** Registry holds the metrics of one server; two servers have two. */
export interface Registry {
  counter(definition: Definition): Metric<Counter>;
  gauge(definition: Definition): Metric<Gauge>;
  histogram(definition: HistogramDefinition): Metric<Histogram>;
  /** collect reads everything, sorted by name: what the text forms print. */
  collect(): readonly Family[];
}

/** Family is one metric as it stands. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly cells: readonly Cell[];
}

/** Cell is one combination of label values: `value` of a counter or gauge, `buckets` of a histogram. */
export interface Cell {
  readonly values: readonly string[];
  readonly value: number;
  readonly buckets?: Buckets;
}

/** overflow is the label value of the one cell that takes what is past maxCells. */
export const overflow = "(other)";

const defaultMaxCells = 1000;
const maxLabelChars = 256;

/** newRegistry makes an empty registry. A name that comes twice, or a wrong number of label values, is a mistake in the program: a plain Error. */
export function newRegistry(): Registry {
  const families = new Map<string, () => Family>();

  function add<Handle>(definition: Definition, kind: Family["kind"], newCell: () => Readable<Handle>): Metric<Handle> {
    const { name, help, labels = [], maxCells = defaultMaxCells } = definition;
    if (families.has(name)) throw new Error(`there is a metric ${name} already`);
    const cells = newCells(name, labels, maxCells, newCell);
    families.set(name, () => ({ name, help, kind, labels, cells: cells.read() }));
    return cells.metric;
  }

  return {
    counter: (definition) => add(definition, "counter", newCounter),
    gauge: (definition) => add(definition, "gauge", newGauge),
    histogram(definition) {
      const bounds = checkBounds(definition.bounds);
      return add(definition, "histogram", () => {
        const cell = newHistogramCell(bounds, definition.atBound ?? "below");
        return { handle: cell, read: () => ({ value: 0, buckets: cell.read() }) };
      });
    },
    collect: () => [...families.keys()].sort().map((name) => families.get(name)!()),
  };
}

/** Readable is a handle for who counts and a view for who prints. */
interface Readable<Handle> {
  readonly handle: Handle;
  read(): Omit<Cell, "values">;
}

interface Cells<Handle> {
  readonly metric: Metric<Handle>;
  read(): Cell[];
}

function newCells<Handle>(name: string, labels: readonly string[], maxCells: number, newCell: () => Readable<Handle>): Cells<Handle> {
  const cells = new Map<string, { readonly values: readonly string[]; readonly cell: Readable<Handle> }>();
  const keyOf = (given: readonly string[]): [string, string[]] => {
    if (given.length !== labels.length) throw new Error(`metric ${name} takes ${labels.length} label values, not ${given.length}`);
    const values = given.map((v) => v.slice(0, maxLabelChars));
    return [JSON.stringify(values), values];
  };
  const at = (key: string, values: readonly string[]): Handle => {
    const known = cells.get(key);
    if (known !== undefined) return known.cell.handle;
    const cell = newCell();
    cells.set(key, { values, cell });
    return cell.handle;
  };
  const others = labels.map(() => overflow);
  return {
    metric: {
      with(...given) {
        const [key, values] = keyOf(given);
        return cells.size < maxCells || cells.has(key) ? at(key, values) : at(JSON.stringify(others), others);
      },
      remove: (...given) => void cells.delete(keyOf(given)[0]),
    },
    read: () => Array.from(cells.values(), ({ values, cell }) => ({ values, ...cell.read() })),
  };
}

function newCounter(): Readable<Counter> {
  let value = 0;
  const add = (n = 1): void => {
    if (!(n >= 0)) throw new Error(`a counter cannot count ${n}`);
    value += n;
  };
  return { handle: { add }, read: () => ({ value }) };
}

function newGauge(): Readable<Gauge> {
  let value = 0;
  const set = (to: number): void => {
    value = to;
  };
  return { handle: { set, add: (n) => set(value + n) }, read: () => ({ value }) };
}
