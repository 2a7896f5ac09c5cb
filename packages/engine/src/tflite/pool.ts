import { Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import { newGate } from "../native/index.ts";

/** Pool lends things that serve one run at a time. */
export interface Pool<T> {
  /** idle takes one that is there and free; undefined if there is none. Whoever takes it gives it back. */
  idle(): T | undefined;
  back(one: T): void;
  /** lend waits for one, makes it if fewer than there may be are there, and takes it back when `use` has ended, though the caller has left by then. */
  lend<R>(ctx: Ctx, use: (one: T) => Promise<R>): Promise<R>;
  /** close lends no more (who waits gets Unavailable), waits for what is lent, and ends all. */
  close(end: (one: T) => void): Promise<void>;
}

/** newPool makes a pool of at most `size`, with one in it. */
export function newPool<T>(first: T, size: number, make: () => Promise<T>): Pool<T> {
  const places = newGate({ places: size });
  const free = [first];
  let lent = 0;
  let closed = false;
  let quiet: (() => void) | undefined;
  function returned(): void {
    lent--;
    if (lent === 0) quiet?.();
  }
  function back(one: T): void {
    free.push(one);
    returned();
  }
  return {
    idle() {
      const one = free.pop();
      if (one !== undefined) lent++;
      return one;
    },
    back,
    lend: (ctx, use) =>
      places.run(ctx, async () => {
        throwIfDone(ctx);
        if (closed) throw newError(Code.Unavailable, "the model has been unloaded");
        lent++;
        let one = free.pop();
        try {
          one ??= await make();
          return await use(one);
        } finally {
          if (one === undefined) returned();
          else back(one);
        }
      }),
    async close(end) {
      closed = true;
      if (lent > 0) await new Promise<void>((resolve) => (quiet = resolve));
      for (const one of free.splice(0)) end(one);
    },
  };
}
