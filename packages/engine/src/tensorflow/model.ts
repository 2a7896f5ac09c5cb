// Data plane: from a run's tensors to TensorFlow and back.
import type { MetaGraphDef } from "@tfs/proto";
import { Code, type Ctx, hasEnded, newError, throwIfDone } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { LoadedModel, Took } from "../engine.ts";
import { type Gate, newGate, newRuns } from "../native/index.ts";
import type { Library, Session } from "./library.ts";
import { newPlan, type Plan } from "./plan.ts";
import { sizeOf } from "./tensor.ts";

/** Plans kept per model; each distinct pair of feed and fetch names is one, and clients choose the fetches. */
const maxPlans = 256;

export interface ModelOptions {
  readonly gate: Gate;
  readonly metaGraph: MetaGraphDef;
  readonly bytes: number;
  /** serial: calls may change the model's state, so that each waits for the one before. */
  readonly serial: boolean;
  /** ranked: feeds must have as many dimensions as the graph says, for the sake of ops that end the process otherwise. */
  readonly ranked: boolean;
}

/** Given is what one run has. */
interface Given {
  readonly plan: Plan;
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly bytes: number;
  readonly took: Took | undefined;
}

class Model implements LoadedModel {
  readonly metaGraph: MetaGraphDef;
  readonly #library: Library;
  readonly #session: Session;
  readonly #gate: Gate;
  readonly #turn: Gate | undefined;
  readonly #bytes: number;
  readonly #ranked: boolean;
  readonly #plans = new Map<string, Plan>();
  readonly #runs = newRuns();
  #closed: Promise<void> | undefined;

  constructor(library: Library, session: Session, { gate, metaGraph, bytes, serial, ranked }: ModelOptions) {
    this.metaGraph = metaGraph;
    this.#library = library;
    this.#session = session;
    this.#gate = gate;
    this.#turn = serial ? newGate({ places: 1 }) : undefined;
    this.#bytes = bytes;
    this.#ranked = ranked;
  }

  estimateBytes(): number {
    return this.#bytes;
  }

  async run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]> {
    throwIfDone(ctx);
    if (this.#closed !== undefined) throw newError(Code.Unavailable, "the model has been unloaded");
    const plan = this.#plan(feeds, fetches);
    if (!plan.runs) return plan.fetched([], feeds);
    let bytes = 0;
    for (const t of feeds.values()) bytes += sizeOf(t);
    const given: Given = { plan, feeds, bytes, took };
    const now = plan.timing.small(bytes) && (this.#turn === undefined || this.#turn.busy === 0);
    return plan.fetched(now ? this.#now(given) : await this.#later(ctx, given), feeds);
  }

  /** #now runs in the event loop. */
  #now({ plan, feeds, bytes, took }: Given): readonly Tensor[] {
    const begun = performance.now();
    const call = plan.take(feeds);
    try {
      call.run(this.#library.callerThread);
      const got = call.read();
      const ms = performance.now() - begun;
      plan.timing.took(bytes, ms);
      took?.(ms);
      return got;
    } finally {
      plan.giveBack(call);
    }
  }

  /** #later runs on a thread of the pool, when the gate lets it. */
  async #later(ctx: Ctx, given: Given): Promise<readonly Tensor[]> {
    const turn = this.#turn;
    return await this.#runs.run(
      (work) => (turn === undefined ? this.#gate.run(ctx, work) : turn.run(ctx, () => this.#gate.run(ctx, work))),
      () => this.#native(ctx, given),
    );
  }

  async #native(ctx: Ctx, { plan, feeds, bytes, took }: Given): Promise<readonly Tensor[]> {
    const begun = performance.now();
    const call = plan.take(feeds);
    try {
      // A graph that is alone may use all threads, if that makes it quicker; where others run too, handing its operations around only costs.
      const alone = this.#gate.busy <= 1;
      const inCaller = !alone || plan.ways.inCaller(bytes);
      await call.runLater(inCaller ? this.#library.callerThread : null);
      if (hasEnded(ctx)) return []; // nobody waits
      const got = call.read();
      const ms = performance.now() - begun;
      plan.timing.took(bytes, ms);
      if (alone) plan.ways.took(bytes, inCaller, ms);
      took?.(ms);
      return got;
    } finally {
      plan.giveBack(call);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#runs.over();
    for (const plan of this.#plans.values()) plan.free();
    this.#plans.clear();
    await this.#library.unload(this.#session);
  }

  #plan(feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[]): Plan {
    let key = "";
    for (const name of feeds.keys()) key += `${name}\0`;
    key += "\0";
    for (const name of fetches) key += `${name}\0`;
    const found = this.#plans.get(key);
    if (found !== undefined) return found;
    const made = newPlan(this.#library, this.#session, { feeds: [...feeds.keys()], fetches, ranked: this.#ranked });
    if (this.#plans.size >= maxPlans) {
      const [oldest, plan] = this.#plans.entries().next().value!;
      this.#plans.delete(oldest);
      plan.free();
    }
    this.#plans.set(key, made);
    return made;
  }
}
export type { Model };

export function newModel(library: Library, session: Session, options: ModelOptions): Model {
  return new Model(library, session, options);
}
