import { type Ctx, withCancel } from "./ctx.ts";

/** Group runs tasks that end before the function that made it does; the first failure cancels the others and is what wait throws. */
export interface Group {
  go(task: (ctx: Ctx) => Promise<void>): void;
  wait(): Promise<void>;
}

export function newGroup(parent: Ctx): Group {
  const ctx = withCancel(parent);
  const running: Promise<void>[] = [];
  let failure: { readonly err: unknown } | undefined;
  async function run(task: (ctx: Ctx) => Promise<void>): Promise<void> {
    try {
      await task(ctx);
    } catch (err) {
      failure ??= { err };
      ctx.cancel(err);
    }
  }
  return {
    go: (task) => void running.push(run(task)),
    async wait() {
      using _ = ctx;
      for (let i = 0; i < running.length; i++) await running[i]; // a task may start tasks
      if (failure !== undefined) throw failure.err;
    },
  };
}
