/** Timer is a pending call; disposing it cancels it. */
export interface Timer extends Disposable {
  cancel(): void;
}

/** Clock is time as a dependency: production takes systemClock, tests a fake one (`@tfs/std/testing`). */
export interface Clock {
  /** now is monotonic, in milliseconds, on the performance.now() scale. */
  now(): number;
  /** wallMs is the time of day: milliseconds since 1970, may jump. */
  wallMs(): number;
  /** after calls `fn` once, `ms` from now. The timer does not keep the process alive by itself if `background` is set. */
  after(ms: number, fn: () => void, options?: { readonly background?: boolean }): Timer;
}

/** setTimeout takes at most 2^31-1 ms; asked for more (Infinity too) it fires at once. */
const maxTimerMs = 0x7fffffff;

/** The global is an accessor in Node: looked up once, not with each reading. */
const monotonic = globalThis.performance;

const system: Clock = {
  now: () => monotonic.now(),
  wallMs: () => Date.now(),
  after(ms, fn, options) {
    const at = performance.now() + ms;
    let handle: ReturnType<typeof setTimeout> | undefined;
    const arm = (left: number): void => {
      handle = left > maxTimerMs ? setTimeout(() => arm(at - performance.now()), maxTimerMs) : setTimeout(fn, left);
      if (options?.background === true) (handle as { unref?: () => void }).unref?.(); // browsers give a number
    };
    arm(ms);
    const cancel = (): void => clearTimeout(handle);
    return { cancel, [Symbol.dispose]: cancel };
  },
};

/** systemClock is the machine's clock. */
export function systemClock(): Clock {
  return system;
}

/** sleep resolves after `ms`, or rejects with the signal's reason when that aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
