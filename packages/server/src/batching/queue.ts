// Data plane. Rows and time, and nothing else: when a task is taken in, and which tasks run together.
import { Code, type Failure, newError } from "@tfs/std";
import type { Limits } from "./parameters.ts";

/** Sized is what a queue must know of a task. */
export interface Sized {
  readonly rows: number;
}

/** Batch is tasks that run together, in the order in which they came. */
export interface Batch<T> {
  readonly tasks: T[];
  rows: number;
  /** firstAt is when its first task came, in milliseconds of the caller's clock. */
  readonly firstAt: number;
}

export type QueueLimits = Pick<Limits, "maxTaskRows" | "maxBatchRows" | "maxBatches" | "timeoutMs" | "splits" | "downSizes">;

/** newQueue makes an empty queue. Whoever puts a task in asks `pieces` first. */
export function newQueue<T extends Sized>(limits: QueueLimits): Queue<T> {
  return new Queue<T>(limits);
}

class Queue<T extends Sized> {
  readonly #limits: QueueLimits;
  /** The last one is open: tasks may join it. */
  readonly #batches: Batch<T>[] = [];
  /** A queue that is full always says the same: under load an error costs more than a refusal should. */
  #full: Failure | undefined = undefined;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /**
   * pieces tells in which pieces a task of so many rows goes in, each to be pushed at once and in order; undefined is whole. Throws InvalidArgument for a task
   * that is too large, Unavailable if there is no room for it.
   */
  pieces(rows: number): readonly number[] | undefined {
    const { maxTaskRows, maxBatchRows, maxBatches, splits } = this.#limits;
    if (rows > maxTaskRows) throw newError(Code.InvalidArgument, `Task size ${rows} is larger than maximum input batch size ${maxTaskRows}`);
    const open = this.#batches.at(-1);
    const openRows = open?.rows ?? 0;
    const room = maxBatchRows - openRows;
    if (!splits) {
      if (rows > room && this.#batches.length >= maxBatches) throw (this.#full ??= full(maxBatches));
      return undefined;
    }
    const queued = Math.max(1, this.#batches.length); // an open one that is empty counts as well
    const capacity = (maxBatches - queued) * maxBatchRows + room;
    if (rows > capacity) {
      const numbers = `num_enqueued_batches=${queued}, max_enqueued_batches=${maxBatches}, open_batch_size=${openRows}, max_execution_batch_size=${maxBatchRows}`;
      throw newError(Code.Unavailable, `${fullText}; task size is ${rows} but scheduling capacity is only ${capacity} (${numbers})`);
    }
    if (rows <= room) return undefined;
    const pieces: number[] = room > 0 ? [room] : [];
    for (let left = rows - room; left > 0; left -= maxBatchRows) pieces.push(Math.min(left, maxBatchRows));
    return pieces;
  }

  /** push puts a task in; one that does not fit closes the open batch. */
  push(task: T, now: number): void {
    const open = this.#batches.at(-1);
    if (open === undefined || open.rows + task.rows > this.#limits.maxBatchRows) {
      this.#batches.push({ tasks: [task], rows: task.rows, firstAt: now });
      return;
    }
    open.tasks.push(task);
    open.rows += task.rows;
  }

  /** dueAt is when the first batch may run: -Infinity if it is closed or full, Infinity if there is none. */
  dueAt(): number {
    const first = this.#batches[0];
    if (first === undefined) return Number.POSITIVE_INFINITY;
    if (this.#batches.length > 1 || first.rows >= this.#limits.maxBatchRows) return Number.NEGATIVE_INFINITY;
    return first.firstAt + this.#limits.timeoutMs;
  }

  /** rows are those of the first batch. */
  get rows(): number {
    return this.#batches[0]?.rows ?? 0;
  }

  /** take gives the first batch if it is due. */
  take(now: number): Batch<T> | undefined {
    if (this.dueAt() > now) return undefined;
    const batch = this.#batches.shift();
    return batch !== undefined && this.#batches.length === 0 ? this.#trimmed(batch) : batch;
  }

  /** trimmed leaves the last tasks of an open batch for the next one, if without them it has a size that needs no padding. */
  #trimmed(batch: Batch<T>): Batch<T> {
    const size = this.#limits.downSizes.findLast((one) => one <= batch.rows);
    if (size === undefined || size === batch.rows) return batch;
    let [rows, count] = [batch.rows, batch.tasks.length];
    while (rows > size) rows -= batch.tasks[--count]!.rows;
    if (rows !== size || count === 0) return batch; // a task lies across the bound
    this.#batches.push({ tasks: batch.tasks.splice(count), rows: batch.rows - rows, firstAt: batch.firstAt });
    batch.rows = rows;
    return batch;
  }

  /** fill moves tasks from the front of this queue to the end of a batch, in order, until it has `rows` or the next one does not fit. */
  fill(batch: Batch<T>, rows: number): void {
    for (let first = this.#batches[0]; first !== undefined; first = this.#batches[0]) {
      const task = first.tasks[0]!;
      if (batch.rows + task.rows > rows) return;
      batch.tasks.push(task);
      batch.rows += task.rows;
      first.rows -= task.rows;
      first.tasks.shift();
      if (first.tasks.length === 0) this.#batches.shift();
    }
  }

  /** drop takes out the tasks that need not run, and gives them. A batch that loses all of its tasks is gone. */
  drop(isOver: (task: T) => boolean): readonly T[] {
    const dropped: T[] = [];
    for (let i = 0; i < this.#batches.length; i++) {
      const batch = this.#batches[i]!;
      const before = dropped.length;
      const left: T[] = [];
      let rows = 0;
      for (const task of batch.tasks)
        if (isOver(task)) dropped.push(task);
        else {
          left.push(task);
          rows += task.rows;
        }
      if (left.length === 0) this.#batches.splice(i--, 1);
      else if (dropped.length > before) this.#batches[i] = { tasks: left, rows, firstAt: batch.firstAt };
    }
    return dropped;
  }
}
export type { Queue };

const fullText = "The batch scheduling queue to which this task was submitted is full";

function full(batches: number): Failure {
  return newError(Code.Unavailable, `${fullText}; currently ${batches} batches enqueued and max_enqueued_batches is ${batches}`);
}
