// Data plane. One queue's tasks, from the call to its answer.
import { background, type Clock, Code, type Ctx, type Failure, hasEnded, newError } from "@tfs/std";
import { slice, type Tensor } from "@tfs/tensor";
import { type Lanes, newLanes, type Policy } from "./lanes.ts";
import type { Meter } from "./metrics.ts";
import type { Limits } from "./parameters.ts";
import { isLow } from "../priority/index.ts";
import type { Batch, Queue, Sized } from "./queue.ts";
import { checkOutputs, cut, type Feeds, glue, join, rowsOf, sizeFor } from "./rows.ts";
import type { Line, Scheduler } from "./scheduler.ts";

/** Runner runs one call: what a servable does. */
export type Runner = (ctx: Ctx, feeds: Feeds, fetches: readonly string[]) => Promise<readonly Tensor[]>;

export interface BatcherOptions {
  readonly run: Runner;
  /** inputs and outputs are names of tensors; every call feeds and fetches exactly these. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly limits: Limits;
  /** lowLimits are those of requests of low priority, policy how they share batches with the others. */
  readonly lowLimits: Limits;
  readonly policy: Policy;
  /** isolates runs the tasks of a batch that failed once more, each by itself; without it all of them fail, as in TensorFlow Serving. */
  readonly isolates: boolean;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly defer: (fn: () => void) => void;
  readonly meter: Meter;
}

/** overdue is how a task ends whose time is up before its batch begins; made in advance, because it costs least under load. */
const overdue: Failure = newError(Code.ResourceExhausted, "Run() timeout exceeded while waiting in batching queue");

/** Task is a call, or a piece of one, that waits. */
interface Task extends Sized {
  readonly ctx: Ctx;
  readonly feeds: Feeds;
  /** limits are those of its priority. */
  readonly limits: Limits;
  /** at is when it came. */
  readonly at: number;
  /** whole is shared by the pieces of one call. */
  readonly whole: Whole | undefined;
  readonly resolve: (outputs: readonly Tensor[]) => void;
  readonly reject: (err: unknown) => void;
}

/** Whole is the call that a piece is of: once one of its pieces has failed, the others need not run. */
interface Whole {
  failure: { readonly err: unknown } | undefined;
}

/** newBatcher makes the queue of one set of inputs and outputs of a model. */
export function newBatcher(options: BatcherOptions): Batcher {
  return new Batcher(options);
}

/** After so many batches in turn that had one task and left none behind, the next task is taken to come alone as well. */
const loneBatches = 3;

class Batcher implements Line {
  readonly #options: BatcherOptions;
  readonly #lanes: Lanes<Task>;
  #running = 0;
  #lone = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
    const { limits, lowLimits, policy } = options;
    this.#lanes = newLanes({ high: limits, low: lowLimits, policy, allowedSizes: limits.allowedSizes });
  }

  /** run gives the outputs, in their order. Throws what the queue refuses with, what the run fails with, and ResourceExhausted if its time is up before it begins. */
  run(ctx: Ctx, feeds: Feeds): Promise<readonly Tensor[]> {
    const { meter, scheduler, clock, limits, lowLimits } = this.#options;
    const rows = rowsOf(feeds);
    for (let i = feeds.size; i > 0; i--) meter.came(rows);
    if (this.#lone >= loneBatches) {
      if (rows <= limits.maxTaskRows && rows <= limits.maxBatchRows && limits.timeoutMs === 0 && scheduler.claim()) return this.#runAtOnce(ctx, feeds, rows);
      this.#lone = 0;
    }
    const low = isLow(ctx);
    const queue = low ? this.#lanes.low : this.#lanes.high;
    const pieces = queue.pieces(rows);
    const call = { ctx, feeds, limits: low ? lowLimits : limits, at: clock.now() };
    const outputs = pieces === undefined ? push(queue, call, rows) : pushPieces(queue, call, pieces);
    scheduler.wake(this);
    return outputs;
  }

  /** runAtOnce runs a task that came alone, as those before it did: to wait for the end of the turn would bring nobody else. */
  async #runAtOnce(ctx: Ctx, feeds: Feeds, rows: number): Promise<readonly Tensor[]> {
    const { limits, meter, scheduler } = this.#options;
    meter.taken(0);
    this.#running++;
    try {
      return await this.#runOne(ctx, feeds, rows, limits);
    } finally {
      this.#running--;
      scheduler.release();
    }
  }

  /** isIdle: nothing waits here, and nothing runs. */
  get isIdle(): boolean {
    return this.#lanes.isEmpty && this.#running === 0;
  }

  get isEmpty(): boolean {
    return this.#lanes.isEmpty;
  }

  dueAt(): number {
    return this.#lanes.dueAt();
  }

  sweep(now: number): void {
    for (const task of this.#lanes.drop((t) => whyOver(t, now) !== undefined)) fail(task, whyOver(task, now)!.err);
  }

  async start(now: number, mustNotWait: boolean): Promise<void> {
    const batch = this.#lanes.take(mustNotWait ? Number.POSITIVE_INFINITY : now);
    if (batch === undefined) return;
    const tasks = this.#alive(batch, now);
    this.#lone = batch.tasks.length === 1 && this.isEmpty ? this.#lone + 1 : 0;
    if (tasks.length === 0) return;
    this.#running++;
    try {
      await this.#execute(tasks);
    } catch (err) {
      if (tasks.length === 1 || !this.#options.isolates) for (const task of tasks) fail(task, err);
      else await this.#isolate(tasks);
    } finally {
      this.#running--;
    }
  }

  /** alive gives the tasks that are still waited for; the others end here. */
  #alive({ tasks }: Batch<Task>, now: number): readonly Task[] {
    let over = 0;
    for (const task of tasks) {
      this.#options.meter.taken((now - task.at) * 1000);
      const why = whyOver(task, now);
      if (why === undefined) continue;
      over++;
      fail(task, why.err);
    }
    return over === 0 ? tasks : tasks.filter((task) => whyOver(task, now) === undefined);
  }

  /** isolate runs tasks that failed together once more, each by itself, so that each gets its own answer or error. */
  async #isolate(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) {
      await new Promise<void>((resolve) => this.#options.defer(resolve)); // others get their turn
      try {
        await this.#execute([task]);
      } catch (err) {
        fail(task, err);
      }
    }
  }

  /** execute runs tasks as one. Throws if they cannot be joined, if the run fails, or if its outputs cannot be told apart. */
  async #execute(tasks: readonly Task[]): Promise<void> {
    const { run, inputs, outputs: names, meter } = this.#options;
    const first = tasks[0]!;
    const { limits } = first; // where priorities share a batch, the high one comes first
    if (tasks.length === 1) return first.resolve(await this.#runOne(first.ctx, first.feeds, first.rows, limits));
    let rows = 0;
    for (const task of tasks) rows += task.rows;
    const size = sizeFor(rows, limits.allowedSizes);
    meter.ran(size, size - rows);
    const outputs = await run(ctxOf(tasks), join(feedsOf(tasks), { names: inputs, size, pads: limits.pads }), names);
    checkOutputs(outputs, size);
    let begin = 0;
    for (const task of tasks) task.resolve(cut(outputs, begin, (begin += task.rows)));
  }

  async #runOne(ctx: Ctx, feeds: Feeds, rows: number, { allowedSizes, pads }: Limits): Promise<readonly Tensor[]> {
    const { run, inputs, outputs: names, meter } = this.#options;
    const size = sizeFor(rows, allowedSizes);
    meter.ran(size, size - rows);
    const outputs = await run(ctx, size === rows ? feeds : join([feeds], { names: inputs, size, pads }), names);
    checkOutputs(outputs, size);
    return size === rows ? outputs : cut(outputs, 0, rows);
  }
}
export type { Batcher };

/** Call is what the pieces of a task have in common. */
type Call = Pick<Task, "ctx" | "feeds" | "limits" | "at">;

function push(queue: Queue<Task>, { ctx, feeds, limits, at }: Call, rows: number, whole?: Whole): Promise<readonly Tensor[]> {
  return new Promise((resolve, reject) => queue.push({ ctx, feeds, rows, limits, at, whole, resolve, reject }, at));
}

async function pushPieces(queue: Queue<Task>, call: Call, pieces: readonly number[]): Promise<readonly Tensor[]> {
  const whole: Whole = { failure: undefined };
  let begin = 0;
  const outputs = pieces.map((rows) => {
    const feeds = new Map<string, Tensor>();
    for (const [name, t] of call.feeds) feeds.set(name, slice(t, begin, begin + rows));
    begin += rows;
    return push(queue, { ...call, feeds }, rows, whole);
  });
  return glue(await Promise.all(outputs));
}

function feedsOf(tasks: readonly Task[]): Feeds[] {
  return tasks.map(({ feeds }) => feeds);
}

/** ctxOf is what tasks that run together run under: the latest of their deadlines, and the first one's values. Nobody's leaving ends it for the others. */
function ctxOf(tasks: readonly Task[]): Ctx {
  const { ctx: first } = tasks[0]!;
  let deadline = first.deadline;
  for (const { ctx } of tasks) if (ctx.deadline > deadline) deadline = ctx.deadline;
  return { signal: background().signal, deadline, value: (key) => first.value(key) };
}

const isOverdue = { err: overdue };

/** whyOver tells why a task need not run: its time is up, its caller has gone, or another piece of the same call has failed. */
function whyOver({ ctx, whole }: Task, now: number): { readonly err: unknown } | undefined {
  if (ctx.deadline <= now) return isOverdue;
  if (hasEnded(ctx)) return { err: ctx.signal.reason };
  return whole?.failure;
}

function fail({ whole, reject }: Task, err: unknown): void {
  if (whole !== undefined) whole.failure ??= { err };
  reject(err);
}
