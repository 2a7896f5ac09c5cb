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
  return {
    signal: parent.signal,
    deadline: parent.deadline,
    value: <U>(k: Key<U>) => ((k as Key<unknown>) === key ? (value as unknown as U) : parent.value(k)),
  };
}

/** withCancel makes a child that ends when the parent ends or when it is cancelled. Dispose it, or the parent keeps it alive. */
export function withCancel(parent: Ctx): CancelCtx {
  return child(parent, parent.deadline);
}

/**
 * withTimeout makes a child that ends `ms` milliseconds from now at the latest; never later than its parent. Zero or less ends it before it
 * is returned. Infinity is no timeout of its own.
 */
export function withTimeout(parent: Ctx, ms: number): CancelCtx {
  if (Number.isNaN(ms)) throw new Error("withTimeout takes milliseconds, not NaN");
  return child(parent, Math.min(parent.deadline, performance.now() + ms));
}

/**
 * withSignal makes a child that also ends when a foreign signal aborts: the edge where plain JavaScript callers come in. A reason that
 * carries no code becomes the cause of one that does: DeadlineExceeded for a platform TimeoutError (AbortSignal.timeout), else Canceled.
 */
export function withSignal(parent: Ctx, signal: AbortSignal): CancelCtx {
  return child(parent, parent.deadline, signal);
}

/** throwIfDone throws the context's reason if its signal has aborted or its deadline has passed. */
export function throwIfDone(ctx: Ctx): void {
  if (ctx.signal.aborted) throw ctx.signal.reason;
  if (ctx.deadline <= performance.now()) throw deadlineExceeded;
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
      stop = follow(ctx.signal, reject);
    });
    return await Promise.race([work, ended]);
  } finally {
    stop();
  }
}

/** done resolves when the context ends, for whatever reason. */
export function done(ctx: Ctx): Promise<void> {
  return new Promise((resolve) => void follow(ctx.signal, () => resolve()));
}

/** setTimeout takes at most 2^31-1 ms; a longer one would fire at once. */
const maxTimerMs = 0x7fffffff;

function child(parent: Ctx, deadline: number, foreign?: AbortSignal): CancelCtx {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopParent = (): void => {};
  let stopForeign = (): void => {};
  const cancel = (reason: unknown = canceled): void => {
    stopParent();
    stopForeign();
    clearTimeout(timer);
    if (!controller.signal.aborted) controller.abort(reason);
  };
  const arm = (): void => {
    const left = deadline - performance.now();
    timer = setTimeout(() => (deadline <= performance.now() ? cancel(deadlineExceeded) : arm()), Math.min(Math.max(0, Math.ceil(left)), maxTimerMs));
  };
  stopParent = follow(parent.signal, cancel);
  if (foreign !== undefined && !controller.signal.aborted) stopForeign = follow(foreign, (reason) => cancel(coded(reason)));
  if (deadline < parent.deadline && !controller.signal.aborted) {
    if (deadline <= performance.now()) cancel(deadlineExceeded);
    else arm();
  }
  return { signal: controller.signal, deadline, value: (key) => parent.value(key), cancel, [Symbol.dispose]: () => cancel() };
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
  if (signal === neverAborts) return () => {};
  if (signal.aborted) {
    onAbort(signal.reason);
    return () => {};
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
