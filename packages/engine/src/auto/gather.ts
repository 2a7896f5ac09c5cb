import { type Clock, type Ctx, withCancel } from "@tfs/std";
import type { Engine, LoadedModel, LoadOptions } from "../engine.ts";
import { type Reason, reasonOf, tookTooLong } from "./reason.ts";

/** Contender is a candidate that has loaded the model. */
export interface Contender {
  readonly engine: Engine;
  readonly model: LoadedModel;
  /** stages are what its load told of. */
  readonly stages: readonly Stage[];
}

type Stage = Parameters<NonNullable<LoadOptions["onStage"]>>;

export interface Gathered {
  /** contenders are in the order of the candidates. */
  readonly contenders: readonly Contender[];
  readonly failures: readonly Reason[];
  /** late ends when those have ended, and are closed, that had not when the time was up. */
  readonly late: Promise<unknown>;
}

export interface GatherOptions extends LoadOptions {
  readonly clock: Clock;
  /** untilMs is when those that have not loaded the model are no longer waited for, if another has. */
  readonly untilMs: number;
}

/** gather loads a model with all candidates at a time. */
export async function gather(ctx: Ctx, candidates: readonly Engine[], dir: string, { clock, untilMs, ...options }: GatherOptions): Promise<Gathered> {
  const life = withCancel(ctx);
  const outcomes = new Map<Engine, Contender | Reason>();
  let isOver = false;
  let isLate = false;
  let wake = (): void => {};
  const loads = candidates.map(async (engine) => {
    const stages: Stage[] = [];
    try {
      const model = await engine.load(life, dir, { ...options, onStage: (...stage) => void stages.push(stage) });
      if (isOver) return await model.close();
      outcomes.set(engine, { engine, model, stages });
    } catch (err) {
      if (!isOver) outcomes.set(engine, reasonOf(engine.name, err));
    }
    wake();
  });
  using _ = clock.after(untilMs - clock.now(), () => {
    isLate = true;
    wake();
  });
  const loaded = (): Contender[] => candidates.map((engine) => outcomes.get(engine)).filter((one) => one !== undefined && "model" in one);
  while (outcomes.size < candidates.length && !(isLate && loaded().length > 0)) await new Promise<void>((resolve) => (wake = resolve));
  isOver = true;
  const failures = candidates.map((engine) => outcomes.get(engine) ?? tookTooLong(engine.name, "loading it")).filter((one) => "why" in one);
  const late = Promise.all(loads).finally(() => life.cancel());
  if (outcomes.size < candidates.length) life.cancel();
  return { contenders: loaded(), failures, late };
}
