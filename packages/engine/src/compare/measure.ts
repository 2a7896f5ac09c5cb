import { setImmediate } from "node:timers/promises";
import { type Clock, type Ctx, messageOf } from "@tfs/std";
import type { LoadedModel, Trial } from "../engine.ts";

/** Rounds that are run at most. */
const maxRounds = 20;
/** A turn of a model takes about this long at least, in milliseconds: what is quicker is run several times, up to maxRepeats. */
const turnMs = 1;
const maxRepeats = 64;

/** Measured is how long a model takes for a run, in milliseconds, as the geometric mean over all trials; or why that is not known. */
export type Measured = { readonly ms: number } | { readonly why: string };

export interface MeasureOptions {
  readonly clock: Pick<Clock, "now">;
  /** untilMs is when no further round begins, on the clock; a round that is under way is left there too. */
  readonly untilMs: number;
  /** least is how many rounds are run however late it is; default none. */
  readonly least?: number;
}

/**
 * measure runs models in turns, so that what else the machine does meets all of them alike. Of each trial the quickest turn counts, since that only ever adds; each trial
 * counts alike, be it great or small. One that has not had a whole round by then, or fails, has no figure.
 */
export async function measure(
  ctx: Ctx,
  models: readonly Pick<LoadedModel, "run">[],
  trials: readonly Trial[],
  { clock, untilMs, least = 0 }: MeasureOptions,
): Promise<Measured[]> {
  const best = models.map(() => trials.map(() => Number.POSITIVE_INFINITY));
  const failed = new Map<number, string>();
  rounds: for (let round = 0; round < maxRounds; round++) {
    for (const [t, { feeds, fetches }] of trials.entries()) {
      for (let turn = 0; turn < models.length; turn++) {
        const m = (round + turn) % models.length; // nobody is always the first
        if (failed.has(m)) continue;
        if (round >= least && clock.now() >= untilMs) break rounds;
        const known = best[m]![t]!;
        const repeats = Math.min(maxRepeats, Math.max(1, known === Number.POSITIVE_INFINITY ? 1 : Math.ceil(turnMs / known)));
        try {
          const begun = clock.now();
          for (let i = 0; i < repeats; i++) await models[m]!.run(ctx, feeds, fetches);
          best[m]![t] = Math.min(known, Math.max((clock.now() - begun) / repeats, Number.MIN_VALUE));
        } catch (err) {
          failed.set(m, messageOf(err));
        }
        await setImmediate(); // a run may hold up the event loop; two of them in a row do not
      }
    }
  }
  return best.map((times, m) => {
    const why = failed.get(m);
    if (why !== undefined) return { why };
    if (times.includes(Number.POSITIVE_INFINITY)) return { why: "there was no time to measure it" };
    return { ms: Math.exp(times.reduce((sum, ms) => sum + Math.log(ms), 0) / times.length) };
  });
}
