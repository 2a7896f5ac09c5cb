// Data plane: a call is some additions, once its kind has been seen.
import type { Arrival } from "@tfs/rpc";
import { Code } from "@tfs/std";
import type { Registry } from "@tfs/std/metrics";
import type { Servable } from "../servable/index.ts";
import type { Call, Kind, Method, Protocol, Span, Spans } from "./call.ts";
import { newOwn, type Own, type Place } from "./own.ts";
import { traceparentOf } from "./traceparent.ts";
import { type Model, newUpstream, type Upstream, upstreamCounts } from "./upstream.ts";

/** Models tells what can be asked for now: a model by any version, or one version. */
interface Models {
  serves(name: string): boolean;
  available(name: string, version: bigint): boolean;
}

export interface MeterOptions {
  readonly registry: Registry;
  readonly models: Models;
  /** spans, if calls are to be followed by somebody. */
  readonly spans?: Spans;
}

/** Meter counts calls. */
export interface Meter {
  begin(protocol: Protocol, method: Method, arrival: Arrival): Call;
  /** refused counts a call that nobody looked at: of what it is, its body would tell. */
  refused(protocol: Protocol, arrival: Arrival, code: Code): void;
  /** traceOf gives the id of the trace that a request is part of, kept or not; undefined if there is none. */
  traceOf(arrival: Arrival): string | undefined;
}

/** newMeter declares what is counted of calls. */
export function newMeter({ registry, models, spans }: MeterOptions): Meter {
  const own = newOwn(registry, (name, version) => models.available(name, version));
  const upstream = newUpstream(registry, { serves: (name) => models.serves(name), placeOf: (model) => own.aside(model) });
  const shared: Shared = { upstream, own, none: upstream.model("") };
  return {
    begin(protocol, method, arrival) {
      const span = spans?.begin({ protocol, method }, arrival);
      return new Counted(shared, { protocol, method }, traceIdOf(arrival, span), span);
    },
    refused(protocol, arrival, code) {
      const kind = { protocol, method: "other" } as const;
      const span = spans?.begin(kind, arrival);
      const { none } = shared;
      const row = none.place.row("", kind);
      row.count(code);
      row.seconds.observe(0, traceIdOf(arrival, span));
      if (upstreamCounts(kind)) upstream.count(none, code);
      span?.end({ ...kind, model: none.label, version: "", signature: "", code, seconds: 0 });
    },
    traceOf: (arrival) => spans?.traceOf(arrival) ?? traceparentOf(arrival.fields)?.id,
  };
}

/** traceIdOf gives the trace that shows what a call is an example of; undefined if it is not kept. */
function traceIdOf({ fields }: Arrival, span: Span | undefined): string | undefined {
  if (span !== undefined) return span.traceId;
  const trace = traceparentOf(fields);
  return trace?.isKept === true ? trace.id : undefined;
}

/** traceField is the field of a log's line that names the trace of what it tells of; none if there is no trace. */
export function traceField(meter: Pick<Meter, "traceOf">, exchange: Arrival): { readonly trace?: string } {
  const trace = meter.traceOf(exchange);
  return trace === undefined ? {} : { trace };
}

interface Shared {
  readonly upstream: Upstream;
  readonly own: Own;
  readonly none: Model;
}

class Counted implements Call {
  readonly #shared: Shared;
  #kind: Kind;
  readonly #traceId: string | undefined;
  readonly #span: Span | undefined;
  #started: number;
  #model: Model | undefined = undefined;
  #place: Place | undefined = undefined;
  #servable: Servable | undefined = undefined;
  #signature = "";
  #receivedBytes = 0;

  constructor(shared: Shared, kind: Kind, traceId: string | undefined, span: Span | undefined) {
    this.#shared = shared;
    this.#kind = kind;
    this.#traceId = traceId;
    this.#span = span;
    this.#started = performance.now();
    shared.own.inFlight[kind.protocol].add(1);
  }

  named(model: string, method?: Method): void {
    this.#model = this.#shared.upstream.model(model);
    if (method !== undefined) this.#kind = { protocol: this.#kind.protocol, method };
  }

  received(bytes: number): void {
    this.#started = performance.now();
    this.#receivedBytes = bytes;
  }

  found(servable: Servable, signature: string): void {
    this.#servable = servable;
    this.#place = this.#shared.own.at(servable);
    this.#signature = servable.signatures.has(signature) ? signature : "";
  }

  end(code: Code, sentBytes: number): void {
    const ms = performance.now() - this.#started;
    const { own, upstream, none } = this.#shared;
    const kind = this.#kind;
    own.inFlight[kind.protocol].add(-1);
    const model = this.#model ?? none;
    const row = (this.#place ?? model.place).row(this.#signature, kind);
    row.count(code);
    row.seconds.observe(ms / 1000, this.#traceId);
    row.received.add(this.#receivedBytes);
    row.sent.add(sentBytes);
    // What cannot be read never gets as far as being counted in TensorFlow Serving's gRPC.
    if (upstreamCounts(kind) && (this.#model !== undefined || kind.protocol === "rest")) {
      upstream.count(model, code);
      if (code === Code.Ok) upstream.latency(model, kind, ms);
    }
    this.#span?.end({
      protocol: kind.protocol,
      method: kind.method,
      model: model.label,
      version: String(this.#servable?.version ?? ""),
      signature: this.#signature,
      code,
      seconds: ms / 1000,
    });
  }
}
