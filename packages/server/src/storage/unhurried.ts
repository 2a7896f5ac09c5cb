import { type Ctx, deadlineExceeded, withCancel } from "@tfs/std";

/**
 * unhurried makes a context for a look that ends when the looker cancels or `life` does, but not when the looker's time is up: whoever looks waits no longer then, and
 * does not ask again before this look has answered. To end it would only begin it anew.
 */
export function unhurried(ctx: Ctx, life: Ctx): Ctx & Disposable {
  const own = withCancel(life);
  const onAbort = (): void => {
    if (ctx.signal.reason !== deadlineExceeded) own.cancel(ctx.signal.reason);
  };
  if (ctx.signal.aborted) onAbort();
  else ctx.signal.addEventListener("abort", onAbort, { once: true });
  return {
    signal: own.signal,
    deadline: own.deadline,
    value: (key) => ctx.value(key),
    [Symbol.dispose]() {
      ctx.signal.removeEventListener("abort", onAbort);
      own[Symbol.dispose]();
    },
  };
}
