import { type Clock, Code, codeOf, type Ctx, sleep, throwIfDone } from "@tfs/std";

/** Patience is how often a transient failure is tried again. */
export interface Patience {
  readonly clock: Clock;
  /** random gives numbers from 0 to 1, so that many who failed together do not come back together. */
  readonly random: () => number;
  /** tries counts the first one too; default 5. */
  readonly tries?: number;
  /** firstMs is the wait before the second try, about; it doubles, up to 5 s. Default 200. */
  readonly firstMs?: number;
}

const longestMs = 5_000;

/** retry does something until it succeeds, fails for good, or the tries are used up. Only Unavailable is transient. Throws the context's reason if that ends. */
export async function retry<T>(ctx: Ctx, patience: Patience, work: () => Promise<T>): Promise<T> {
  const { clock, random, tries = 5, firstMs = 200 } = patience;
  for (let tried = 1; ; tried++) {
    throwIfDone(ctx);
    try {
      return await work();
    } catch (err) {
      throwIfDone(ctx);
      if (tried >= tries || codeOf(err) !== Code.Unavailable) throw err;
      await sleep(clock, Math.min(longestMs, firstMs * 2 ** (tried - 1)) * (0.5 + random() / 2), ctx.signal);
    }
  }
}
