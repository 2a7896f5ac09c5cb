import { Code, type Ctx, type Failure, hasEnded, newError, newLoad, race, throwIfDone } from "@tfs/std";

/** Gate bounds how many native calls are under way at a time. They run on threads of Node's pool, which files and names need too. */
export interface Gate {
  /**
   * run waits for a place, first come first served, and calls. A context that ends takes a waiting call out of the queue; one that ends during
   * the call, which cannot be stopped, lets the caller go, and the place stays taken until the call returns. A deadline that has passed when the turn comes ends it there.
   * Throws ResourceExhausted if too many wait, and Unavailable if they wait for longer than their callers do: then few are let wait.
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
  /** now gives the time in milliseconds; default performance.now. */
  readonly now?: () => number;
}

interface Waiting {
  go(): void;
}

/** overloaded is what is told as long as those who wait would come too late. Made once: to build one costs more than to refuse a call. */
const overloaded: Failure = newError(Code.Unavailable, "the server is overloaded: try again later");

const readTime = (): number => performance.now();

/** newGate makes a gate; all engines of a process share one. */
export function newGate({ places, maxWaiting = 4096, now = readTime }: GateOptions): Gate {
  let running = 0;
  const queue = new Set<Waiting>();
  const load = newLoad();

  async function place(ctx: Ctx): Promise<void> {
    const came = now();
    if (load.came(came, queue.size, false)) throw overloaded;
    if (running < places) {
      running++;
      load.began(came, 0, false);
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
      const gone = now();
      load.began(gone, gone - came, true);
      throw err;
    }
    const begun = now();
    load.began(begun, begun - came, hasEnded(ctx) || ctx.deadline <= begun);
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
    const begun = now();
    try {
      return await call();
    } finally {
      load.ran(1, (now() - begun) / places);
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
