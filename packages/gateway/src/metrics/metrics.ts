// Data plane, but for collect: handles are made when a model is first answered; after that a call is some additions.
import { Code, codeName } from "@tfs/std";
import { type Counter, type Family, type Gauge, type Histogram, type Metric, newRegistry, overflow } from "@tfs/std/metrics";
import { newPeeker, type Peeker, type Shape } from "../peek/index.ts";

/** Protocol is how a call came in. */
export type Protocol = "grpc" | "grpc_web" | "connect" | "rest";

/** Model is whom a call is for, as its metrics know it. */
export interface Model {
  readonly name: string;
}

/** Meter counts the calls of one protocol whose messages have one shape. */
export interface Meter {
  /** unknown is for calls that name no model, or not where it can be seen. */
  readonly unknown: Model;
  /** looks tells whether messages of this shape name a model at all. */
  readonly looks: boolean;
  begin(): void;
  /** look gives the model that a call is for whose first bytes are buffer[start, end); undefined if more are needed to tell. */
  look(buffer: Buffer, start: number, end: number): Model | undefined;
  /** named gives a model by its name, where that is known without looking. */
  named(name: string): Model;
  /** end counts a call that began: its status, how long it took, and the bytes of its body and of its answer's. */
  end(model: Model, code: Code, ms: number, receivedBytes: number, sentBytes: number): void;
}

/** Gauges are levels that are read when somebody asks. */
export interface Gauges {
  readonly connections: number;
  /** backends by address, and whether each is connected. */
  readonly backends: readonly (readonly [address: string, connected: boolean])[];
}

/** Metrics is all that one process counts. */
export interface Metrics {
  /** meter gives a way to count: one for each protocol and shape, to be kept. Without a shape no model is looked for. */
  meter(protocol: Protocol, shape?: Shape): Meter;
  collect(gauges: Gauges): readonly Family[];
}

/**
 * Models with metrics of their own: the first thousand that have once answered with OK. What strangers make up never does, so it cannot use up the names; with
 * everything past the limit it counts as "(other)".
 */
const maxModels = 1000;

/** Upper bounds in seconds: a call through the gateway takes a fraction of a millisecond, a slow model minutes. */
const secondsBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const protocols: readonly Protocol[] = ["grpc", "grpc_web", "connect", "rest"];
const codes = 17;

/** newMetrics makes the metrics of one process, all at zero. */
export function newMetrics(): Metrics {
  const registry = newRegistry();
  const labels = ["protocol", "model"];
  // Named and overflowing models, and none, by protocol; codes are few by definition.
  const maxCells = protocols.length * (maxModels + 2);
  const families: Families = {
    requests: registry.counter({ name: "tfs_gateway_requests_total", help: "Calls answered.", labels: [...labels, "code"], maxCells: maxCells * codes }),
    seconds: registry.histogram({
      name: "tfs_gateway_request_duration_seconds",
      help: "From a call's headers to the end of its answer.",
      labels,
      maxCells,
      bounds: secondsBounds,
    }),
    received: registry.counter({ name: "tfs_gateway_request_bytes_total", help: "Bodies of calls, counted when the call ends.", labels, maxCells }),
    sent: registry.counter({ name: "tfs_gateway_response_bytes_total", help: "Bodies of answers, counted when the call ends.", labels, maxCells }),
  };
  const inFlight = registry.gauge({ name: "tfs_gateway_requests_in_flight", help: "Calls that have begun and not ended.", labels: ["protocol"] });
  const connections = registry.gauge({ name: "tfs_gateway_connections", help: "Open connections of clients." }).with();
  const backends = registry.gauge({ name: "tfs_gateway_backend_connected", help: "Processes that are connected to the backend.", labels: ["backend"] });
  const models = newModels();
  return {
    meter: (protocol, shape) => new Counting(protocol, shape, { models, families, inFlight: inFlight.with(protocol) }),
    collect(gauges) {
      connections.set(gauges.connections);
      for (const [address, connected] of gauges.backends) backends.with(address).set(connected ? 1 : 0);
      return registry.collect();
    },
  };
}

/** Families are what there is to count per model. */
interface Families {
  readonly requests: Metric<Counter>;
  readonly seconds: Metric<Histogram>;
  readonly received: Metric<Counter>;
  readonly sent: Metric<Counter>;
}

/** Row has the handles of one protocol and model. */
interface Row {
  readonly label: string;
  readonly codes: (Counter | undefined)[];
  readonly seconds: Histogram;
  readonly received: Counter;
  readonly sent: Counter;
}

/** Named is a model by its name. Its rows, one by protocol, are those of the label that it has: undefined until that is decided. */
interface Named extends Model {
  readonly name: string;
  rows: (Row | undefined)[] | undefined;
}

/** Models are those that have a label of their own, what stands for all others, and what stands for none. */
interface Models {
  readonly none: Named;
  readonly others: Named;
  readonly labelled: Map<string, Named>;
}

function newModels(): Models {
  const fixed = (name: string): Named => ({ name, rows: protocols.map(() => undefined) });
  return { none: fixed(""), others: fixed(overflow), labelled: new Map() };
}

class Counting implements Meter {
  readonly unknown: Named;
  readonly looks: boolean;
  readonly #peeker: Peeker<Named> | undefined;
  readonly #protocol: Protocol;
  readonly #index: number;
  readonly #models: Models;
  readonly #families: Families;
  readonly #inFlight: Gauge;

  constructor(protocol: Protocol, shape: Shape | undefined, shared: { readonly models: Models; readonly families: Families; readonly inFlight: Gauge }) {
    const { models, families, inFlight } = shared;
    this.unknown = models.none;
    this.looks = shape !== undefined;
    this.#peeker = shape && newPeeker(shape, (spec) => this.named(spec?.name ?? ""));
    this.#protocol = protocol;
    this.#index = protocols.indexOf(protocol);
    this.#models = models;
    this.#families = families;
    this.#inFlight = inFlight;
  }

  begin(): void {
    this.#inFlight.add(1);
  }

  look(buffer: Buffer, start: number, end: number): Named | undefined {
    return this.#peeker === undefined ? this.unknown : this.#peeker.look(buffer, start, end);
  }

  named(name: string): Named {
    const { none, labelled } = this.#models;
    return name === "" ? none : (labelled.get(name) ?? { name, rows: undefined });
  }

  end(model: Named, code: Code, ms: number, receivedBytes: number, sentBytes: number): void {
    this.#inFlight.add(-1);
    const row = model.rows?.[this.#index] ?? this.#rowOf(this.#labelOf(model, code));
    (row.codes[code] ?? this.#counterOf(row, code)).add();
    row.seconds.observe(ms / 1000);
    row.received.add(receivedBytes);
    row.sent.add(sentBytes);
  }

  /** #labelOf decides under which label a model counts: for good, unless it is one that has not yet answered with OK. */
  #labelOf(model: Named, code: Code): Named {
    if (model.rows !== undefined) return model;
    const { labelled, others } = this.#models;
    const known = labelled.get(model.name);
    if (known !== undefined) {
      model.rows = known.rows;
      return known;
    }
    if (labelled.size >= maxModels) model.rows = others.rows;
    if (code !== Code.Ok || labelled.size >= maxModels) return others;
    model.rows = protocols.map(() => undefined);
    labelled.set(model.name, model);
    return model;
  }

  #rowOf(label: Named): Row {
    const rows = label.rows!; // a label has them
    const { seconds, received, sent } = this.#families;
    const values = [this.#protocol, label.name];
    return (rows[this.#index] ??= {
      label: label.name,
      codes: new Array<Counter | undefined>(codes).fill(undefined),
      seconds: seconds.with(...values),
      received: received.with(...values),
      sent: sent.with(...values),
    });
  }

  #counterOf(row: Row, code: Code): Counter {
    const counter = this.#families.requests.with(this.#protocol, row.label, codeName(code));
    row.codes[code] = counter;
    return counter;
  }
}
