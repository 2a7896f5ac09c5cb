import { Code, type Ctx, newError, race, throwIfDone } from "@tfs/std";

/** Gate bounds how many native calls are under way at a time. They run on threads of Node's pool, which files and names need too. */
export interface Gate {
  /**
   * run waits for a place, first come first served, and calls. A context that ends takes a waiting call out of the queue; one that ends during
   * the call, which cannot be stopped, lets the caller go, and the place stays taken until the call returns. A deadline that has passed when the turn comes ends it there.
   * Throws ResourceExhausted if too many wait.
   */
  run<T>(ctx: Ctx, call: () => Promise<T>): Promise<T>;
  /** busy is how many calls have a place or wait for one. */
  readonly busy: number;
}

export interface GateOptions {
  /** places is how many calls run at a time: twice the cores serves well, and less than UV_THREADPOOL_SIZE, or files wait for models. */
  readonly places: number;
  /** maxWaiting is how many may wait for a place; default 4096. */
  readonly maxWaiting?: number;
}

interface Waiting {
  go(): void;
}

/** newGate makes a gate; all engines of a process share one. */
export function newGate({ places, maxWaiting = 4096 }: GateOptions): Gate {
  let running = 0;
  const queue = new Set<Waiting>();

  async function place(ctx: Ctx): Promise<void> {
    if (running < places) {
      running++;
      return;
    }
    if (queue.size >= maxWaiting) throw newError(Code.ResourceExhausted, `${queue.size} calls wait for the engine already`);
    let mine: Waiting | undefined;
    const granted = new Promise<void>((resolve) => {
      mine = { go: resolve };
    });
    queue.add(mine!);
    try {
      await race(ctx, granted);
    } catch (err) {
      if (!queue.delete(mine!)) leave(); // granted in the same turn that the context ended in
      throw err;
    }
  }

  /** leave hands the place to who has waited longest. */
  function leave(): void {
    const [next] = queue;
    if (next === undefined) {
      running--;
      return;
    }
    queue.delete(next);
    next.go();
  }

  async function held<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } finally {
      leave();
    }
  }

  return {
    async run(ctx, call) {
      throwIfDone(ctx);
      await place(ctx);
      return await race(
        ctx,
        held(() => {
          throwIfDone(ctx); // nobody may be there to abort it: in an engine's process there is not
          return call();
        }),
      );
    },
    get busy() {
      return running + queue.size;
    },
  };
}
