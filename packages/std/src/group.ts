import { type Ctx, withCancel } from "./ctx.ts";

/** Group runs tasks that end before the function that made it does; the first failure cancels the others and is what wait throws. */
export interface Group {
  /** go starts a task. A task may start tasks, until wait has returned. */
  go(task: (ctx: Ctx) => Promise<void>): void;
  /** wait returns when every task has ended and lets go of the parent; whoever makes a group awaits it on every way out. */
  wait(): Promise<void>;
}

/** newGroup makes a group whose tasks get a child of `parent`: they are told to stop when the parent ends or when one of them fails. */
export function newGroup(parent: Ctx): Group {
  const ctx = withCancel(parent);
  const running = new Set<Promise<void>>(); // ended tasks leave it: a group may live as long as a server
  let failure: { readonly err: unknown } | undefined;
  let over = false;
  async function run(task: (ctx: Ctx) => Promise<void>): Promise<void> {
    try {
      await task(ctx);
    } catch (err) {
      failure ??= { err };
      ctx.cancel(err);
    }
  }
  return {
    go(task) {
      if (over) throw new Error("go after wait has returned: nobody would see this task end");
      const ended = run(task).then(() => void running.delete(ended));
      running.add(ended);
    },
    async wait() {
      using _ = ctx;
      while (running.size > 0) await Promise.all(running);
      over = true;
      if (failure !== undefined) throw failure.err;
    },
  };
}
