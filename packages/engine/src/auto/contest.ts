import { type Clock, Code, type Ctx, messageOf, newError, throwIfDone, withCancel } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import { difference, measure } from "../compare/index.ts";
import type { EngineName, LoadedModel, Trial } from "../engine.ts";
import type { Contender } from "./gather.ts";
import { firstLine, type Reason, reasonOf, tookTooLong } from "./reason.ts";
import { until } from "./until.ts";

/** The outputs that others' are held against: TensorFlow's own, or else those of the engine that is always there. */
const references: readonly EngineName[] = ["tensorflow", "embedded"];
/** Measuring takes this long at most, in milliseconds, however much is left. */
const measureMs = 1000;

export interface ContestOptions {
  readonly clock: Clock;
  /** untilMs is when it has to be decided, on the clock. */
  readonly untilMs: number;
}

/** Verdict is who won and why, and why others are left out. */
export interface Verdict {
  readonly winner: Contender;
  readonly why: string;
  readonly left: readonly Reason[];
  /** lasting: another contest would end the same way. Nobody won for want of time. */
  readonly lasting: boolean;
}

/** Answered is a trial that the reference has run. */
interface Answered extends Trial {
  readonly outputs: readonly Tensor[];
}

/** decide holds contenders' outputs against the reference's and keeps the quickest that agrees. Where nothing can be compared, the first of them has it. */
export async function decide(ctx: Ctx, contenders: readonly Contender[], trials: readonly Trial[], options: ContestOptions): Promise<Verdict> {
  const [first] = contenders;
  if (first === undefined) throw newError(Code.Unavailable, "nobody takes part");
  const byOrder = (why: string, lasting = true): Verdict => ({ winner: first, why, left: [], lasting });
  if (contenders.length === 1) return byOrder("no other has loaded the model");
  const reference = references.flatMap((name) => contenders.filter(({ engine }) => engine.name === name))[0];
  if (reference === undefined) return byOrder("it is the first that can run the model, and there is no reference to compare outputs with");
  const answers = await ask(ctx, reference.model, trials, options);
  if (answers.late) return byOrder("it is the first that can run the model, and there was no time to compare outputs", false);
  if (answers.answered.length === 0) return byOrder(`it is the first that can run the model, and what it was to be tried with does not run: ${answers.why}`);
  const left: Reason[] = [];
  const agreed: Contender[] = [];
  for (const one of contenders) {
    const why = one === reference ? undefined : await disagrees(ctx, one, answers.answered, options);
    if (why === undefined) agreed.push(one);
    else left.push(why);
  }
  if (agreed.length === 1)
    return { winner: reference, why: "no other gives the same outputs in time", left, lasting: left.every(({ code }) => code !== Code.DeadlineExceeded) };
  const { clock } = options;
  const models = agreed.map(({ model }) => model);
  const measured = await measure(ctx, models, answers.answered, { clock, untilMs: Math.min(options.untilMs, clock.now() + measureMs) });
  const ranked: { readonly one: Contender; readonly ms: number }[] = [];
  for (const [i, one] of agreed.entries()) {
    const figure = measured[i]!;
    if ("ms" in figure) ranked.push({ one, ms: figure.ms });
    else left.push({ engine: one.engine.name, why: figure.why, code: Code.DeadlineExceeded });
  }
  ranked.sort((a, b) => a.ms - b.ms);
  if (ranked[0] === undefined) return { winner: agreed[0]!, why: "it is the first that gives the reference's outputs", left, lasting: false };
  const figures = ranked.map(({ one, ms }) => `${one.engine.name} ${ms.toPrecision(2)} ms`).join(", ");
  return { winner: ranked[0].one, why: `the quickest: ${figures} a run`, left, lasting: true };
}

/** ask has the reference run what the others will be asked. What it cannot run itself is left out. */
async function ask(
  ctx: Ctx,
  model: LoadedModel,
  trials: readonly Trial[],
  options: ContestOptions,
): Promise<{ readonly answered: readonly Answered[]; readonly late: boolean; readonly why: string }> {
  const answered: Answered[] = [];
  let why = "";
  for (const trial of trials) {
    try {
      const outputs = await runBy(ctx, model, trial, options);
      if (outputs === undefined) return { answered, late: true, why };
      answered.push({ ...trial, outputs });
    } catch (err) {
      throwIfDone(ctx);
      why = firstLine(messageOf(err));
    }
  }
  return { answered, late: false, why };
}

/** disagrees says why a contender's outputs are not the reference's; undefined if they are. */
async function disagrees(ctx: Ctx, { engine, model }: Contender, answered: readonly Answered[], options: ContestOptions): Promise<Reason | undefined> {
  for (const trial of answered) {
    try {
      const outputs = await runBy(ctx, model, trial, options);
      if (outputs === undefined) return tookTooLong(engine.name, "running it");
      for (const [i, want] of trial.outputs.entries()) {
        const why = difference(trial.fetches[i]!, want, outputs[i]!);
        if (why !== undefined) return { engine: engine.name, why, code: Code.FailedPrecondition };
      }
    } catch (err) {
      throwIfDone(ctx);
      return reasonOf(engine.name, err);
    }
  }
  return undefined;
}

/** runBy runs a trial; undefined if it has not ended when the time is up. */
async function runBy(ctx: Ctx, model: LoadedModel, { feeds, fetches }: Trial, { clock, untilMs }: ContestOptions): Promise<readonly Tensor[] | undefined> {
  if (clock.now() >= untilMs) return undefined;
  using life = withCancel(ctx);
  return await until(clock, untilMs, model.run(life, feeds, fetches));
}
