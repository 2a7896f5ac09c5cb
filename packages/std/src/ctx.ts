import { Code } from "./code.ts";
import { type Failure, failureOf, newError } from "./errors.ts";

/** Key names a value that rides along with a request; two keys with one name are still different keys. */
export interface Key<T> {
  readonly name: string;
  /** Never present at run time; ties the key to its value's type. */
  readonly type?: T;
}

/** Ctx says how long the caller still cares. First parameter of whatever waits or does I/O. */
export interface Ctx {
  /** signal aborts when the work is no longer wanted; its reason is a Failure (Canceled or DeadlineExceeded) unless a caller chose another. */
  readonly signal: AbortSignal;
  /** deadline is on the performance.now() clock, in milliseconds; Infinity if there is none. */
  readonly deadline: number;
  value<T>(key: Key<T>): T | undefined;
}

/** CancelCtx can be cancelled by who made it; disposing it cancels it and lets go of the parent and the timer. */
export interface CancelCtx extends Ctx, Disposable {
  cancel(reason?: unknown): void;
}

/** deadlineExceeded is the one reason a deadline aborts with: made in advance, so that expiry costs no stack trace. */
export const deadlineExceeded: Failure = newError(Code.DeadlineExceeded, "deadline exceeded");
/** canceled is the reason of a cancel() without one. */
export const canceled: Failure = newError(Code.Canceled, "canceled");

const neverAborts: AbortSignal = new AbortController().signal;

const root: Ctx = { signal: neverAborts, deadline: Number.POSITIVE_INFINITY, value: () => undefined };

/** background is the root: never cancelled, no deadline, no values. */
export function background(): Ctx {
  return root;
}

export function newKey<T>(name: string): Key<T> {
  return { name };
}

export function withValue<T>(parent: Ctx, key: Key<T>, value: T): Ctx {
  return new Valued(parent, key, value);
}

/** withCancel makes a child that ends when the parent ends or when it is cancelled. Dispose it, or the parent keeps it alive. */
export function withCancel(parent: Ctx): CancelCtx {
  return new Child(parent, parent.deadline);
}

/**
 * withTimeout makes a child that ends `ms` milliseconds from now at the latest; never later than its parent. Zero or less ends it before it
 * is returned. Infinity is no timeout of its own.
 */
export function withTimeout(parent: Ctx, ms: number): CancelCtx {
  if (Number.isNaN(ms)) throw new Error("withTimeout takes milliseconds, not NaN");
  return new Child(parent, ms === Number.POSITIVE_INFINITY ? parent.deadline : Math.min(parent.deadline, performance.now() + ms));
}

/**
 * withSignal makes a child that also ends when a foreign signal aborts: the edge where plain JavaScript callers come in. A reason that
 * carries no code becomes the cause of one that does: DeadlineExceeded for a platform TimeoutError (AbortSignal.timeout), else Canceled.
 */
export function withSignal(parent: Ctx, signal: AbortSignal): CancelCtx {
  return new Child(parent, parent.deadline, signal);
}

/** throwIfDone throws the context's reason if it has ended or its deadline has passed. */
export function throwIfDone(ctx: Ctx): void {
  if (isStopped(ctx)) throw reasonOf(ctx);
  if (ctx.deadline !== Number.POSITIVE_INFINITY && ctx.deadline <= performance.now()) throw deadlineExceeded;
}

/** hasEnded tells whether a context's signal has aborted, and does not make one to find out. */
export function hasEnded(ctx: Ctx): boolean {
  if (ctx instanceof Child) return ctx.ended;
  return ctx instanceof Valued ? hasEnded(ctx.parent) : ctx.signal.aborted;
}

/** isStopped is hasEnded for who looks at the deadline himself: reading the time costs more than all else. */
function isStopped(ctx: Ctx): boolean {
  if (ctx instanceof Child) return ctx.stopped;
  return ctx instanceof Valued ? isStopped(ctx.parent) : ctx.signal.aborted;
}

/** reasonOf gives why a context has ended. */
function reasonOf(ctx: Ctx): unknown {
  if (ctx instanceof Child) return ctx.reason;
  return ctx instanceof Valued ? reasonOf(ctx.parent) : ctx.signal.reason;
}

/** remainingMs gives the time left until the deadline: Infinity without one, 0 when it has passed. */
export function remainingMs(ctx: Ctx): number {
  return Math.max(0, ctx.deadline - performance.now());
}

/** race settles as `work` does, or rejects with the context's reason as soon as it ends; the work itself goes on unless it too watches ctx. */
export async function race<T>(ctx: Ctx, work: Promise<T>): Promise<T> {
  let stop = () => {};
  try {
    const ended = new Promise<never>((_, reject) => {
      stop = onEnd(ctx, reject);
    });
    return await Promise.race([work, ended]);
  } finally {
    stop();
  }
}

/** done resolves when the context ends, for whatever reason. */
export function done(ctx: Ctx): Promise<void> {
  return new Promise((resolve) => void onEnd(ctx, () => resolve()));
}

/** setTimeout takes at most 2^31-1 ms; a longer one would fire at once. */
const maxTimerMs = 0x7fffffff;

/**
 * Child is a context that can be cancelled. It follows its parent, the foreign signal and the clock from when somebody follows it, or has asked for its signal; before that
 * it looks at them when it is asked. Most calls end without that anybody has.
 */
class Child implements CancelCtx {
  readonly deadline: number;
  readonly #parent: Ctx;
  readonly #foreign: AbortSignal | undefined;
  #watching = false;
  #controller: AbortController | undefined = undefined;
  #ended = false;
  #reason: unknown = undefined;
  /** Those who are called back when it ends, besides who follows the signal. */
  #followers: Set<(reason: unknown) => void> | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #stopParent: (() => void) | undefined = undefined;
  #stopForeign: (() => void) | undefined = undefined;

  constructor(parent: Ctx, deadline: number, foreign?: AbortSignal) {
    this.#parent = parent;
    this.deadline = deadline;
    this.#foreign = foreign;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#watch();
      this.#controller = new AbortController();
      if (this.#ended) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get stopped(): boolean {
    if (this.#ended || this.#watching) return this.#ended;
    if (isStopped(this.#parent)) this.cancel(reasonOf(this.#parent));
    else if (this.#foreign?.aborted === true) this.cancel(coded(this.#foreign.reason));
    return this.#ended;
  }

  get ended(): boolean {
    if (this.stopped || this.#watching) return this.#ended;
    if (hasEnded(this.#parent)) this.cancel(reasonOf(this.#parent));
    else if (this.deadline < this.#parent.deadline && this.deadline <= performance.now()) this.cancel(deadlineExceeded);
    return this.#ended;
  }

  get reason(): unknown {
    return this.#reason;
  }

  value<T>(key: Key<T>): T | undefined {
    return this.#parent.value(key);
  }

  cancel(reason: unknown = canceled): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason = reason;
    if (this.#watching) this.#letGo();
    this.#controller?.abort(reason);
    const followers = this.#followers;
    this.#followers = undefined;
    if (followers !== undefined) for (const onAbort of followers) onAbort(reason);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** onEnd is follow for who has the context itself. */
  onEnd(onAbort: (reason: unknown) => void): () => void {
    this.#watch();
    if (this.#ended) {
      onAbort(this.#reason);
      return nothing;
    }
    const all = (this.#followers ??= new Set());
    all.add(onAbort);
    return () => void all.delete(onAbort);
  }

  #watch(): void {
    if (this.#ended || this.#watching) return;
    this.#watching = true;
    const parent = this.#parent;
    if (parent !== root) this.#stopParent = onEnd(parent, (reason) => this.cancel(reason));
    if (this.#foreign !== undefined && !this.#ended) this.#stopForeign = follow(this.#foreign, (reason) => this.cancel(coded(reason)));
    if (!this.#ended && this.deadline < parent.deadline) this.#arm();
  }

  #letGo(): void {
    this.#stopParent?.();
    this.#stopForeign?.();
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const left = this.deadline - performance.now();
    if (left <= 0) this.cancel(deadlineExceeded);
    else this.#timer = setTimeout(() => this.#arm(), Math.min(Math.ceil(left), maxTimerMs));
  }
}

/** Valued is a context with one value more. */
class Valued<T> implements Ctx {
  readonly parent: Ctx;
  readonly deadline: number;
  readonly #key: Key<T>;
  readonly #value: T;

  constructor(parent: Ctx, key: Key<T>, value: T) {
    this.parent = parent;
    this.deadline = parent.deadline;
    this.#key = key;
    this.#value = value;
  }

  get signal(): AbortSignal {
    return this.parent.signal;
  }

  value<U>(key: Key<U>): U | undefined {
    return (key as Key<unknown>) === this.#key ? (this.#value as unknown as U) : this.parent.value(key);
  }
}

function nothing(): void {}

/** onEnd calls back once when a context ends (at once if it has); the returned function stops that. Each call needs a function of its own. */
function onEnd(ctx: Ctx, onAbort: (reason: unknown) => void): () => void {
  if (ctx instanceof Child) return ctx.onEnd(onAbort);
  return ctx instanceof Valued ? onEnd(ctx.parent, onAbort) : follow(ctx.signal, onAbort);
}

/** coded gives a foreign abort reason a gRPC code, if it has none of its own. */
function coded(reason: unknown): unknown {
  if (failureOf(reason) !== undefined) return reason;
  const timeout = reason instanceof Error && reason.name === "TimeoutError";
  return timeout ? newError(Code.DeadlineExceeded, "deadline exceeded", reason) : newError(Code.Canceled, "canceled", reason);
}

/**
 * followers holds who follows each signal. One listener serves them all: an EventTarget walks its listeners to add and to remove one, which a
 * signal with thousands of requests under it would pay for in each of them.
 */
const followers = new WeakMap<AbortSignal, Followers>();
interface Followers {
  readonly all: Set<(reason: unknown) => void>;
  readonly listener: () => void;
}

/** follow calls back once when the signal aborts (at once if it has); the returned function stops following. Each call needs a function of its own. */
function follow(signal: AbortSignal, onAbort: (reason: unknown) => void): () => void {
  if (signal === neverAborts) return nothing;
  if (signal.aborted) {
    onAbort(signal.reason);
    return nothing;
  }
  const { all, listener } = followers.get(signal) ?? watch(signal);
  all.add(onAbort);
  return () => {
    if (!all.delete(onAbort) || all.size > 0) return;
    signal.removeEventListener("abort", listener);
    if (followers.get(signal)?.all === all) followers.delete(signal);
  };
}

function watch(signal: AbortSignal): Followers {
  const all = new Set<(reason: unknown) => void>();
  const listener = (): void => {
    followers.delete(signal);
    for (const onAbort of all) onAbort(signal.reason);
  };
  signal.addEventListener("abort", listener, { once: true });
  const made = { all, listener };
  followers.set(signal, made);
  return made;
}
