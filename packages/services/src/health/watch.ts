import { create } from "@bufbuild/protobuf";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
} from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import type { ServerCall, ServerCallHandler } from "@tfs/rpc";
import { type Clock, Code, deadlineExceeded, type Failure, newError, type Timer } from "@tfs/std";
import type { Form } from "../method/index.ts";

/** statusOf says in the protocol's words whether calls are answered. */
export function statusOf(serving: boolean | undefined): ServingStatus {
  if (serving === undefined) return ServingStatus.SERVICE_UNKNOWN;
  return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}

export type WatchForm = Form<HealthCheckRequest, HealthCheckResponse>;

export interface WatchOptions {
  readonly serving: (service: string) => boolean | undefined;
  readonly owner: string;
  readonly clock: Clock;
}

/** Watchers are the open Watch calls. */
export interface Watchers {
  /** open answers a Watch with the status as it stands, and from then on with each change. Past the limit it is ended as ResourceExhausted. */
  open(call: ServerCall, form: WatchForm): void;
  /** end tells each the status once more and ends it as Unavailable, those that come later too: whoever wants to go on watching connects anew. */
  end(): void;
}

const maxWatchers = 1000;
/** While somebody watches, the status is looked at so often. */
const lookMs = 250;

/** newWatchers makes an empty set; a timer runs while it is not. */
export function newWatchers({ serving, owner, clock }: WatchOptions): Watchers {
  const watchers = new Set<Watcher>();
  const draining = newError(Code.Unavailable, `${owner} is shutting down`);
  let timer: Timer | undefined;
  let ended = false;

  /** Each name is looked up once, however many watch it. */
  function tell(visit: (watcher: Watcher, status: ServingStatus) => void): void {
    const statuses = new Map<string, ServingStatus>();
    for (const watcher of watchers) {
      const status = statuses.get(watcher.service) ?? statusOf(serving(watcher.service));
      statuses.set(watcher.service, status);
      visit(watcher, status);
    }
  }
  function look(): void {
    timer = undefined;
    const now = clock.now();
    tell((watcher, status) => {
      if (watcher.deadline <= now) leave(watcher, deadlineExceeded);
      else watcher.tell(status);
    });
    if (watchers.size > 0) timer = clock.after(lookMs, look, { background: true });
  }
  function leave(watcher: Watcher, failure: Failure | undefined): void {
    watchers.delete(watcher);
    if (failure !== undefined) watcher.call.end(failure);
  }
  function join(watcher: Watcher): void {
    if (watchers.size >= maxWatchers) return void watcher.call.end(newError(Code.ResourceExhausted, `${maxWatchers} calls watch already`));
    watcher.tell(statusOf(serving(watcher.service)));
    if (ended) return void watcher.call.end(draining); // it came with the last requests
    watchers.add(watcher);
    timer ??= clock.after(lookMs, look, { background: true });
  }
  return {
    open(call, form) {
      call.handler = new Watcher(call, form, clock.now() + call.timeoutMs, { join, leave: (watcher) => leave(watcher, undefined) });
    },
    end() {
      ended = true;
      tell((watcher, status) => {
        watcher.tell(status);
        watcher.call.end(draining);
      });
      watchers.clear();
      timer?.cancel();
      timer = undefined;
    },
  };
}

/** Circle is where a watcher belongs once it has said what it watches. */
interface Circle {
  join(watcher: Watcher): void;
  leave(watcher: Watcher): void;
}

class Watcher implements ServerCallHandler {
  readonly call: ServerCall;
  readonly deadline: number;
  readonly #form: WatchForm;
  readonly #circle: Circle;
  #service: string | undefined = undefined;
  #told: ServingStatus | undefined = undefined;
  /** The client takes no more for now: what changes meanwhile it hears as it then is. */
  #full = false;

  constructor(call: ServerCall, form: WatchForm, deadline: number, circle: Circle) {
    this.call = call;
    this.deadline = deadline;
    this.#form = form;
    this.#circle = circle;
  }

  get service(): string {
    return this.#service ?? "";
  }

  tell(status: ServingStatus): void {
    if (status === this.#told || this.#full) return;
    this.#told = status;
    this.#full = !this.call.message(this.#form.write(create(HealthCheckResponseSchema, { status })));
  }

  onMessage(bytes: Uint8Array): boolean {
    if (this.#service !== undefined) throw newError(Code.Unimplemented, "Watch takes one message, more came");
    this.#service = this.#form.read(bytes).service;
    return true;
  }

  onEnd(): void {
    if (this.#service === undefined) this.call.end(newError(Code.Unimplemented, "Watch takes one message, none came"));
    else this.#circle.join(this);
  }

  onCancel(): void {
    this.#circle.leave(this);
  }

  onDrain(): void {
    this.#full = false; // the next look tells
  }
}
