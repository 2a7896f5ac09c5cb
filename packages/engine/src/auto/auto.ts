import { openSavedModel } from "@tfs/savedmodel";
import { background, type Clock, Code, codeOf, type Ctx, newError, race, throwIfDone } from "@tfs/std";
import type { Chosen, Engine, EngineName, LoadedModel, LoadOptions, Trial } from "../engine.ts";
import { decide } from "./contest.ts";
import { fingerprint } from "./fingerprint.ts";
import { gather } from "./gather.ts";
import type { Memory } from "./memory.ts";
import { listed, noneCan, type Reason, reasonOf, tookTooLong } from "./reason.ts";
import { seededTrials } from "./seeded.ts";
import { untriable } from "./traits.ts";
import { until } from "./until.ts";

export interface AutoOptions {
  /** candidates are asked in this order where they are not compared: the first that can run a model gets it. */
  readonly candidates: readonly Engine[];
  readonly clock: Clock;
  /** trial compares candidates; default true. Without it the first that can run a model gets it. */
  readonly trial?: boolean;
  /** budgetMs is the time that choosing may take for one version, with the loads that it needs; default 5000. Who is not done by then is left out. Versions are compared one
   * after the other; looking for engines, which is once and for all of them, has as much time for itself. */
  readonly budgetMs?: number;
  /** memory keeps what was chosen; default nothing is kept. */
  readonly memory?: Memory;
  /** context is told apart in the memory: what is quickest on one machine, or in one release of ours, need not be so in another. Default "". */
  readonly context?: string;
}

/** Engines that keep a model's state as TensorFlow does, and in which random ops are random with each run; the first is asked first. */
const faithful: readonly EngineName[] = ["tensorflow", "embedded", "tfjs"];

const defaultBudgetMs = 5000;
/** Loads may take this part of it: who has not loaded the model then leaves the others the time to be compared. */
const loadShare = 0.6;
/** How long an engine that was not chosen may take to let the model go, in milliseconds; a version that is closed waits as long. */
const endMs = 10_000;

/** Found is a candidate that can run here. */
interface Found {
  readonly engine: Engine;
  readonly version: string;
}

/** Task is a version that is being loaded. */
interface Task {
  readonly ctx: Ctx;
  readonly dir: string;
  readonly options: LoadOptions;
  readonly found: readonly Found[];
  readonly missing: readonly Reason[];
}

/**
 * newAutoEngine makes an engine that gives each model to the candidate that runs it best: of those that can, and whose outputs are those of the reference, the
 * quickest. A candidate that fails never ends a load that another can do; if none can, the error has the reason of each.
 */
export function newAutoEngine(options: AutoOptions): Engine {
  return new Auto(options);
}

class Auto implements Engine {
  readonly name = "auto";
  readonly #options: AutoOptions;
  /** Engines are looked for once, when the first model comes. */
  readonly #probes = new Map<Engine, Promise<Found | Reason>>();
  /** #turn ends when nobody compares engines any more. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: AutoOptions) {
    this.#options = options;
  }

  async probe(ctx: Ctx): ReturnType<Engine["probe"]> {
    const { found, missing } = split(await race(ctx, Promise.all(this.#options.candidates.map((engine) => this.#look(engine)))));
    if (found.length === 0) return { ok: false, why: listed(missing) };
    return { ok: true, version: found.map(({ engine, version }) => `${engine.name} ${version}`).join(", ") };
  }

  async load(ctx: Ctx, dir: string, options: LoadOptions = {}): Promise<LoadedModel> {
    const { trial = true } = this.#options;
    const task: Task = { ctx, dir, options, ...(await this.#find(ctx)) };
    if (task.found.length < 2) return await firstOf(task, task.found, "no other engine was found");
    const key = trial ? await this.#key(task) : undefined;
    return (await this.#asBefore(task, key)) ?? (await this.#choose(task, key));
  }

  /** #asBefore loads with the engine that was chosen the last time; undefined if none was, or it is no longer able to. */
  async #asBefore(task: Task, key: string | undefined): Promise<LoadedModel | undefined> {
    const known = key === undefined ? undefined : await this.#options.memory?.get(key);
    const again = task.found.filter(({ engine }) => engine.name === known?.engine);
    if (known === undefined || again.length === 0) return undefined;
    try {
      return await firstOf(task, again, `as the last time: ${known.why}`);
    } catch {
      throwIfDone(task.ctx);
      return undefined;
    }
  }

  async #choose(task: Task, key: string | undefined): Promise<LoadedModel> {
    const { ctx, dir, options, found } = task;
    const saved = await openSavedModel(ctx, dir, options.tags === undefined ? {} : { tags: options.tags });
    await saved.close();
    const never = untriable(saved.metaGraph);
    if (never !== undefined) {
      const able = faithful.flatMap((name) => found.filter(({ engine }) => engine.name === name));
      const others = found.filter((one) => !able.includes(one)).map(({ engine }) => ({ engine: engine.name, why: never, code: Code.Unimplemented }));
      const untried = `it is the first that can run the model, and engines are not compared: ${never}`;
      return await firstOf({ ...task, missing: [...task.missing, ...others] }, able, untried);
    }
    if (this.#options.trial === false) return await firstOf(task, found, "it is the first that can run the model, and trials are off");
    const meant = (await options.trials?.(ctx, saved.metaGraph)) ?? [];
    const trials = meant.length > 0 ? meant : seededTrials(saved.metaGraph);
    const untried = "it is the first that can run the model, and engines are not compared: no signature takes numbers alone, and there are no warm-up requests";
    return trials.length === 0 ? await firstOf(task, found, untried) : await this.#alone(ctx, () => this.#compare(task, trials, key));
  }

  /** #alone does one thing at a time: engines that are compared while others are measure those. */
  async #alone<T>(ctx: Ctx, work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let end = (): void => {};
    this.#turn = new Promise((resolve) => (end = resolve));
    try {
      await race(ctx, before);
      return await work();
    } finally {
      void before.then(end); // one that does not wait any longer lets nobody in before their time
    }
  }

  async #compare(task: Task, trials: readonly Trial[], key: string | undefined): Promise<LoadedModel> {
    const { clock, memory, budgetMs = defaultBudgetMs } = this.#options;
    const { ctx, dir, options, found, missing } = task;
    const begun = clock.now();
    const candidates = found.map(({ engine }) => engine);
    const { contenders, failures, late: loads } = await gather(ctx, candidates, dir, { ...options, clock, untilMs: begun + loadShare * budgetMs });
    const closed = (all: typeof contenders): Promise<unknown> => Promise.all([loads, ...all.map(({ model }) => model.close())]);
    if (contenders.length === 0) {
      throwIfDone(ctx);
      throw noneCan(missing, failures);
    }
    try {
      throwIfDone(ctx);
      const { winner, why, left, lasting } = await decide(ctx, contenders, trials, { clock, untilMs: begun + budgetMs });
      const chosen: Chosen = { engine: winner.engine.name, why: said(why, [...late(missing), ...failures, ...left]) };
      const settled = lasting && (contenders.length > 1 || failures.every(({ code }) => code !== Code.DeadlineExceeded));
      if (key !== undefined && settled) await memory?.put(key, chosen);
      for (const stage of winner.stages) options.onStage?.(...stage);
      return handed(winner.model, chosen, this.#ended(closed(contenders.filter((one) => one !== winner))));
    } catch (err) {
      await this.#ended(closed(contenders));
      throw err;
    }
  }

  /** #ended waits for those that were not chosen, but not for ever: one may hang in what it was tried with. What goes wrong with them is of no interest any more. */
  async #ended(others: Promise<unknown>): Promise<void> {
    await until(this.#options.clock, this.#options.clock.now() + endMs, others).catch(() => {});
  }

  /** #find looks for the candidates, as long as there is time, and for the first of them however long that takes. One that is not found by then may be when the next version comes. */
  async #find(ctx: Ctx): Promise<Pick<Task, "found" | "missing">> {
    const { candidates, clock, budgetMs = defaultBudgetMs } = this.#options;
    const untilMs = clock.now() + budgetMs;
    const looked = candidates.map(async (engine) => (await until(clock, untilMs, this.#look(engine))) ?? tookTooLong(engine.name, "looking for it"));
    const { found, missing } = split(await race(ctx, Promise.all(looked)));
    if (found.length > 0) return { found, missing };
    const looks = candidates.map((engine) => this.#look(engine));
    const first = await race(
      ctx,
      Promise.any(looks.map(there)).catch(() => undefined),
    );
    if (first === undefined) return split(await Promise.all(looks)); // all of them have been looked for
    return { found: [first], missing: missing.filter(({ engine }) => engine !== first.engine.name) };
  }

  /** #look asks an engine once, for all versions: it does not end with the load that asked first. */
  #look(engine: Engine): Promise<Found | Reason> {
    let probe = this.#probes.get(engine);
    if (probe === undefined) {
      probe = engine.probe(background()).then(
        (found) => (found.ok ? { engine, version: found.version } : { engine: engine.name, why: found.why, code: Code.Unavailable }),
        (err: unknown) => reasonOf(engine.name, err),
      );
      this.#probes.set(engine, probe);
    }
    return probe;
  }

  /** #key says what a choice is for: the model, its tags, the engines and the context; undefined if nothing is kept. */
  async #key({ ctx, dir, options, found }: Task): Promise<string | undefined> {
    const { memory, context = "" } = this.#options;
    if (memory === undefined) return undefined;
    let model: string | undefined;
    try {
      model = await fingerprint(ctx, dir);
    } catch {
      throwIfDone(ctx); // a folder that cannot be read: whoever loads from it says so
    }
    const engines = found.map(({ engine, version }) => `${engine.name} ${version}`);
    return model && JSON.stringify([model, options.tags ?? ["serve"], engines, context]);
  }
}

/** there gives one that is found, and throws if it is not. */
async function there(look: Promise<Found | Reason>): Promise<Found> {
  const one = await look;
  if ("version" in one) return one;
  throw newError(one.code, one.why);
}

function split(looked: readonly (Found | Reason)[]): Pick<Task, "found" | "missing"> {
  return { found: looked.filter((one) => "version" in one), missing: looked.filter((one) => "why" in one) };
}

/** late are those that might have been there, had there been time: they are told of even where another engine is found. */
function late(missing: readonly Reason[]): readonly Reason[] {
  return missing.filter(({ code }) => code === Code.DeadlineExceeded);
}

/** said puts why an engine was chosen and why others were not into one line. */
function said(why: string, others: readonly Reason[]): string {
  return others.length === 0 ? why : `${why}; ${listed(others)}`;
}

/** firstOf loads with the first engine that can. What is wrong with the model itself is told as the only engine found tells it. */
async function firstOf({ ctx, dir, options, missing }: Task, found: readonly Found[], why: string): Promise<LoadedModel> {
  const failures: Reason[] = [];
  let cause: unknown;
  for (const { engine } of found) {
    try {
      const model = await engine.load(ctx, dir, options);
      return handed(model, { engine: engine.name, why: said(why, [...late(missing), ...failures]) });
    } catch (err) {
      throwIfDone(ctx);
      if (found.length === 1 && codeOf(err) !== Code.Unimplemented) throw err;
      failures.push(reasonOf(engine.name, err));
      cause = err;
    }
  }
  throw noneCan(missing, failures, cause);
}

/** handed gives a model on, with who runs it; closing it waits for what else was loaded for the choice. */
function handed(model: LoadedModel, chosen: Chosen, others?: Promise<void>): LoadedModel {
  return {
    metaGraph: model.metaGraph,
    chosen,
    estimateBytes: () => model.estimateBytes(),
    run: (ctx, feeds, fetches, took) => model.run(ctx, feeds, fetches, took),
    async close() {
      await Promise.all([model.close(), others]);
    },
  };
}
