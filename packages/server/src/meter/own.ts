import { type Code, codeName } from "@tfs/std";
import type { Counter, Gauge, Histogram, Metric, Registry } from "@tfs/std/metrics";
import type { Servable } from "../servable/index.ts";
import { type Kind, methods, type Protocol, protocols } from "./call.ts";

/** Row has the handles of calls of one kind to one version and signature. */
export interface Row {
  readonly seconds: Histogram;
  readonly received: Counter;
  readonly sent: Counter;
  count(code: Code): void;
}

/** Place is where calls are counted that came to one version of a model, or to none. */
export interface Place {
  row(signature: string, kind: Kind): Row;
}

/** Own counts calls by our own names. */
export interface Own {
  /** at is the place of a version. */
  at(servable: Servable): Place;
  /** aside makes a place for calls that named a model and came to no version; `model` is the name it is shown under. */
  aside(model: string): Place;
  readonly inFlight: { readonly [protocol in Protocol]: Gauge };
}

/** Upper bounds in seconds: what is small here takes a tenth of a millisecond, a slow model minutes. */
const secondsBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Combinations of labels that are counted apart; those with a code are a few times as many. */
const maxCells = 10_000;
const codesEach = 3;
/** Versions whose counts are kept after they have gone, so that a last look may find them. */
const maxGone = 100;

/** newOwn declares the metrics; `available` tells whether a version can be asked for now. */
export function newOwn(registry: Registry, available: (name: string, version: bigint) => boolean): Own {
  const labels = ["model", "version", "signature", "protocol", "method"];
  const families: Families = {
    requests: registry.counter({ name: "tfs_requests_total", help: "Calls answered.", labels: [...labels, "code"], maxCells: maxCells * codesEach }),
    seconds: registry.histogram({
      name: "tfs_request_duration_seconds",
      help: "From a call's whole request to its answer, failed ones too.",
      labels,
      maxCells,
      bounds: secondsBounds,
    }),
    received: registry.counter({ name: "tfs_request_bytes_total", help: "Messages and bodies of requests.", labels, maxCells }),
    sent: registry.counter({ name: "tfs_response_bytes_total", help: "Messages and bodies of answers, before compression.", labels, maxCells }),
  };
  const flying = registry.gauge({ name: "tfs_requests_in_flight", help: "Calls that have begun and not ended.", labels: ["protocol"] });
  const byServable = new WeakMap<Servable, Counted>();
  const versions = new Map<string, Counted>();
  return {
    at(servable) {
      const known = byServable.get(servable);
      if (known !== undefined) return known;
      const { name, version } = servable;
      const key = `${version}/${name}`;
      const place = versions.get(key) ?? new Counted(families, name, { version, available: () => available(name, version) });
      byServable.set(servable, place);
      versions.delete(key);
      versions.set(key, place); // the last that came is the last that goes
      forget(versions);
      return place;
    },
    aside: (model) => new Counted(families, model, undefined),
    inFlight: { grpc: flying.with("grpc"), grpc_web: flying.with("grpc_web"), connect: flying.with("connect"), rest: flying.with("rest") },
  };
}

/** forget drops the counts of versions that are gone, but for those that came last. */
function forget(versions: Map<string, Counted>): void {
  const gone = [...versions].filter(([, place]) => place.version?.available() === false);
  for (const [key, place] of gone.slice(0, Math.max(0, gone.length - maxGone))) {
    versions.delete(key);
    place.drop();
  }
}

/** Families are what there is to count. */
interface Families {
  readonly requests: Metric<Counter>;
  readonly seconds: Metric<Histogram>;
  readonly received: Metric<Counter>;
  readonly sent: Metric<Counter>;
}

interface AtVersion {
  readonly version: bigint;
  available(): boolean;
}

class Counted implements Place {
  readonly version: AtVersion | undefined;
  readonly #families: Families;
  readonly #model: string;
  readonly #rows = new Map<string, (Counting | undefined)[]>();

  constructor(families: Families, model: string, version: AtVersion | undefined) {
    this.#families = families;
    this.#model = model;
    this.version = version;
  }

  row(signature: string, { protocol, method }: Kind): Row {
    let rows = this.#rows.get(signature);
    if (rows === undefined) {
      rows = protocols.flatMap(() => methods.map(() => undefined));
      this.#rows.set(signature, rows);
    }
    const index = protocols.indexOf(protocol) * methods.length + methods.indexOf(method);
    return (rows[index] ??= new Counting(this.#families, [this.#model, String(this.version?.version ?? ""), signature, protocol, method]));
  }

  drop(): void {
    for (const rows of this.#rows.values()) for (const row of rows) row?.drop();
  }
}

class Counting implements Row {
  readonly seconds: Histogram;
  readonly received: Counter;
  readonly sent: Counter;
  readonly #families: Families;
  readonly #labels: readonly string[];
  readonly #codes: (Counter | undefined)[] = [];

  constructor(families: Families, labels: readonly string[]) {
    this.#families = families;
    this.#labels = labels;
    this.seconds = families.seconds.with(...labels);
    this.received = families.received.with(...labels);
    this.sent = families.sent.with(...labels);
  }

  count(code: Code): void {
    (this.#codes[code] ??= this.#families.requests.with(...this.#labels, codeName(code))).add();
  }

  drop(): void {
    for (const family of [this.#families.seconds, this.#families.received, this.#families.sent]) family.remove(...this.#labels);
    for (const code of this.#codes.keys()) this.#families.requests.remove(...this.#labels, codeName(code));
  }
}
