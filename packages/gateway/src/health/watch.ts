import { create, toBinary } from "@bufbuild/protobuf";
import { HealthCheckResponse_ServingStatus, HealthCheckResponseSchema } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { type Exchange, type ExchangeHandler, frameMessage, grpcAnswer, trailersFor } from "@tfs/rpc";
import { type Clock, Code, newError, type Timer } from "@tfs/std";

/** Status is a serving status of health.proto. */
export type Status = HealthCheckResponse_ServingStatus;

/** statusOf says in the protocol's words whether calls are answered. */
export function statusOf(ready: boolean): Status {
  return ready ? HealthCheckResponse_ServingStatus.SERVING : HealthCheckResponse_ServingStatus.NOT_SERVING;
}

/** Watchers are the open Watch calls. */
export interface Watchers {
  /** add answers a Watch with the status as it stands, and from then on with each change; `known`: the service that it asks for is. Throws ResourceExhausted past the limit. */
  add(exchange: Exchange, known: boolean): void;
  /** end tells each the status once more and ends it as Unavailable: whoever wants to go on watching connects anew. */
  end(): void;
}

const maxWatchers = 1000;
/** While somebody watches, the status is looked at so often. */
const lookMs = 250;

const draining = newError(Code.Unavailable, "the gateway is shutting down");

/** newWatchers makes an empty set; a timer runs while it is not. */
export function newWatchers(options: { readonly ready: () => boolean; readonly clock: Clock }): Watchers {
  const { ready, clock } = options;
  const watchers = new Set<Watcher>();
  let timer: Timer | undefined;

  function look(): void {
    timer = undefined;
    for (const watcher of watchers) watcher.tell(ready());
    if (watchers.size > 0) timer = clock.after(lookMs, look, { background: true });
  }
  return {
    add(exchange, known) {
      if (watchers.size >= maxWatchers) throw newError(Code.ResourceExhausted, `${maxWatchers} calls watch already`);
      const watcher = new Watcher(exchange, known, () => watchers.delete(watcher));
      watchers.add(watcher);
      exchange.handler = watcher;
      exchange.respond(grpcAnswer);
      watcher.tell(ready());
      timer ??= clock.after(lookMs, look, { background: true });
    },
    end() {
      for (const watcher of watchers) watcher.end(ready());
      watchers.clear();
      timer?.cancel();
      timer = undefined;
    },
  };
}

class Watcher implements ExchangeHandler {
  readonly #exchange: Exchange;
  readonly #known: boolean;
  readonly #onGone: () => void;
  #told: Status | undefined = undefined;
  /** The client takes no more for now: what changes meanwhile it hears as it then is. */
  #full = false;

  constructor(exchange: Exchange, known: boolean, onGone: () => void) {
    this.#exchange = exchange;
    this.#known = known;
    this.#onGone = onGone;
  }

  tell(ready: boolean): void {
    const status = this.#known ? statusOf(ready) : HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN;
    if (status === this.#told || this.#full) return;
    this.#told = status;
    this.#full = !this.#exchange.write(frameMessage(toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }))));
  }

  end(ready: boolean): void {
    this.tell(ready);
    this.#exchange.end(trailersFor(draining));
  }

  onDrain(): void {
    this.#full = false; // the next look tells
  }

  onReset(): void {
    this.#onGone();
  }

  onData(_buffer: Buffer, start: number, end: number): void {
    this.#exchange.consumed(end - start);
  }

  onEnd(): void {}
}
