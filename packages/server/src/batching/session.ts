// Data plane. A servable whose runs are joined: one queue for each set of inputs and outputs.
import { Code, type Ctx, newError } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { Servable } from "../servable/index.ts";
import { type Batcher, type BatcherOptions, newBatcher } from "./batcher.ts";
import type { Feeds } from "./rows.ts";

export type SessionOptions = Omit<BatcherOptions, "run" | "inputs" | "outputs">;

/** Callers choose the outputs: a model has this many queues at most, and as many ways to name each are known. */
export const maxQueues = 256;

/** newSession gives a servable that answers as the one handed in does, and runs it less often. */
export function newSession(servable: Servable, options: SessionOptions): Servable {
  const queues = new Queues(servable, options);
  return { ...servable, run: (ctx, feeds, fetches) => queues.run(ctx, feeds, fetches) };
}

/** Way is a queue, by the names of a call. */
interface Way {
  readonly batcher: Batcher;
  /** order tells which output each fetch is; undefined if they are the queue's own. */
  readonly order: readonly number[] | undefined;
}

class Queues {
  readonly #servable: Servable;
  readonly #options: SessionOptions;
  readonly #batchers = new Map<string, Batcher>();
  readonly #ways = new Map<string, Way>();

  constructor(servable: Servable, options: SessionOptions) {
    this.#servable = servable;
    this.#options = options;
  }

  async run(ctx: Ctx, feeds: Feeds, fetches: readonly string[]): Promise<readonly Tensor[]> {
    const key = keyOf(feeds.keys(), fetches);
    const { batcher, order } = this.#ways.get(key) ?? this.#find(key, [...feeds.keys()], fetches);
    const outputs = await batcher.run(ctx, feeds);
    return order === undefined ? outputs : order.map((i) => outputs[i]!);
  }

  /** find gives the queue of these names in whatever order. Throws Unavailable if there are too many. */
  #find(key: string, feeds: readonly string[], fetches: readonly string[]): Way {
    const [inputs, outputs] = [[...feeds].sort(), [...new Set(fetches)].sort()];
    const ownKey = keyOf(inputs, outputs);
    let batcher = this.#batchers.get(ownKey);
    if (batcher === undefined) {
      if (this.#batchers.size >= maxQueues) this.#forget();
      batcher = newBatcher({ ...this.#options, run: this.#servable.run, inputs, outputs });
      this.#batchers.set(ownKey, batcher);
    }
    const order = fetches.map((name) => outputs.indexOf(name));
    const way: Way = { batcher, order: order.length === outputs.length && order.every((at, i) => at === i) ? undefined : order };
    if (this.#ways.size >= maxQueues) this.#ways.delete(this.#ways.keys().next().value!); // the oldest
    this.#ways.set(key, way);
    return way;
  }

  /** forget lets the oldest queue go that nothing waits in. */
  #forget(): void {
    for (const [key, batcher] of this.#batchers) {
      if (!batcher.isIdle) continue;
      this.#batchers.delete(key);
      for (const [name, way] of this.#ways) if (way.batcher === batcher) this.#ways.delete(name);
      return;
    }
    throw newError(Code.Unavailable, `requests for ${maxQueues} different sets of inputs and outputs of this model are waiting: no more are taken`);
  }
}

/** keyOf tells lists of names apart, whatever is in the names. */
function keyOf(inputs: Iterable<string>, outputs: Iterable<string>): string {
  let key = "";
  for (const name of inputs) key += `${name.length}:${name}`;
  key += "/";
  for (const name of outputs) key += `${name.length}:${name}`;
  return key;
}
