import { setImmediate } from "node:timers/promises";
import { type Clock, type Ctx, messageOf } from "@tfs/std";
import type { LoadedModel, Trial } from "../engine.ts";

/** Rounds that are run at most. */
const maxRounds = 60;
/** A turn of a model takes about this long at least, in milliseconds: what is quicker is run several times, up to maxRepeats. */
const turnMs = 2;
const maxRepeats = 256;

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
 * measure runs models in turns, so that what else the machine does meets all of them alike. Of each trial the median of the later half of its turns counts: by then code is
 * compiled, and what a model leaves to be collected is part of what it costs. Each trial counts alike, be it great or small. One that has not had a whole round by then, or
 * fails, has no figure.
 */
export async function measure(
  ctx: Ctx,
  models: readonly Pick<LoadedModel, "run">[],
  trials: readonly Trial[],
  { clock, untilMs, least = 0 }: MeasureOptions,
): Promise<Measured[]> {
  const turns = models.map(() => trials.map((): number[] => []));
  const failed = new Map<number, string>();
  rounds: for (let round = 0; round < maxRounds; round++) {
    for (const [t, { feeds, fetches }] of trials.entries()) {
      for (let turn = 0; turn < models.length; turn++) {
        const m = (round + turn) % models.length; // nobody is always the first
        if (failed.has(m)) continue;
        if (round >= least && clock.now() >= untilMs) break rounds;
        const known = turns[m]![t]!;
        const repeats = known.length === 0 ? 1 : Math.min(maxRepeats, Math.ceil(turnMs / known.at(-1)!));
        try {
          const begun = clock.now();
          for (let i = 0; i < repeats; i++) await models[m]!.run(ctx, feeds, fetches);
          known.push(Math.max((clock.now() - begun) / repeats, Number.MIN_VALUE));
        } catch (err) {
          failed.set(m, messageOf(err));
        }
        await setImmediate(); // a run may hold up the event loop; two of them in a row do not
      }
    }
  }
  return turns.map((all, m) => {
    const why = failed.get(m);
    if (why !== undefined) return { why };
    if (all.some((times) => times.length === 0)) return { why: "there was no time to measure it" };
    return { ms: Math.exp(all.reduce((sum, times) => sum + Math.log(usual(times)), 0) / all.length) };
  });
}

/** usual is the median of the later half. */
function usual(times: readonly number[]): number {
  const later = times.slice(Math.floor(times.length / 2)).sort((a, b) => a - b);
  return later[Math.floor((later.length - 1) / 2)]!;
}
