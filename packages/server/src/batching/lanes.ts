// Data plane. Two queues in front of one model: tasks of low priority fill up the batches of the others, join them, or run where there are none.
import { type Batch, newQueue, type Queue, type QueueLimits, type Sized } from "./queue.ts";
import { sizeFor } from "./rows.ts";

/** policies are how tasks of the two priorities share batches, by TensorFlow's names. */
export const policies = [
  "low_priority_padding_with_max_batch_size",
  "low_priority_padding_with_next_allowed_batch_size",
  "priority_isolation",
  "priority_merge",
] as const;

/**
 * Policy says how tasks of low priority run. Padding fills a batch that is to run anyway, up to all it holds, or up to the size that it would be padded to; isolation
 * never mixes; merge makes one batch of both as soon as either would run or both fill it. Alone they run when no other batch is due.
 */
export type Policy = (typeof policies)[number];

export interface LaneOptions {
  readonly high: QueueLimits;
  readonly low: QueueLimits;
  readonly policy: Policy;
  /** allowedSizes of batches of high priority. */
  readonly allowedSizes: readonly number[];
}

/** newLanes makes both queues, empty. */
export function newLanes<T extends Sized>(options: LaneOptions): Lanes<T> {
  return new Lanes<T>(options);
}

class Lanes<T extends Sized> {
  readonly high: Queue<T>;
  readonly #options: LaneOptions;
  /** Most servers never see a task of low priority. */
  #low: Queue<T> | undefined = undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.high = newQueue(options.high);
  }

  get low(): Queue<T> {
    return (this.#low ??= newQueue(this.#options.low));
  }

  get isEmpty(): boolean {
    return this.high.isEmpty && (this.#low === undefined || this.#low.isEmpty);
  }

  /** dueAt is when a batch may run: -Infinity if that needs no time, Infinity if there is none. */
  dueAt(): number {
    const low = this.#low;
    if (low === undefined || low.isEmpty) return this.high.dueAt();
    const { policy, high } = this.#options;
    if (policy === "priority_merge" && !this.high.isEmpty && this.high.rows + low.rows >= high.maxBatchRows) return Number.NEGATIVE_INFINITY;
    return Math.min(this.high.dueAt(), low.dueAt());
  }

  /** take gives the batch that is due, tasks of high priority first. */
  take(now: number): Batch<T> | undefined {
    const low = this.#low;
    if (low === undefined || low.isEmpty) return this.high.take(now);
    const { policy, allowedSizes } = this.#options;
    const { maxBatchRows } = this.#options.high;
    if (policy === "priority_merge" && this.dueAt() > now) return undefined;
    const batch = this.high.take(policy === "priority_merge" ? Number.POSITIVE_INFINITY : now);
    if (batch === undefined) return low.take(now);
    if (policy === "priority_isolation") return batch;
    low.fill(batch, policy === "low_priority_padding_with_next_allowed_batch_size" ? Math.min(sizeFor(batch.rows, allowedSizes), maxBatchRows) : maxBatchRows);
    return batch;
  }

  /** drop takes out the tasks that need not run, and gives them. */
  drop(isOver: (task: T) => boolean): readonly T[] {
    const dropped = this.high.drop(isOver);
    return this.#low === undefined ? dropped : [...dropped, ...this.#low.drop(isOver)];
  }
}
export type { Lanes };
