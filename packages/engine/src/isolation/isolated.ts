import type { MetaGraphDef } from "@tfs/proto";
import { type Clock, Code, type Ctx, type Failure, type Logger, messageOf, background, newError, race, sleep, throwIfDone, withCancel } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { Chosen, Engine, EngineName, LoadedModel, LoadOptions, Probe, Took } from "../engine.ts";
import { newWriter } from "./bytes.ts";
import { kind } from "./frame.ts";
import { loadFrame, type Loaded, readLoaded, readProbe, readRan, readStage, runFrame } from "./messages.ts";
import { type EngineProcess, type ProcessOptions, startProcess } from "./process.ts";
import { newSpare, type Spare } from "./spare.ts";
import { type Patience, patience as usual } from "./watch.ts";

export interface IsolatedOptions {
  /** command runs a program that calls serveEngine with the engine, and its arguments. */
  readonly command: readonly string[];
  /** name of that engine. Engines are compared in this process, if at all, each in one of its own: trials do not go there. */
  readonly name: Exclude<EngineName, "auto">;
  readonly clock: Clock;
  /** logger is told of processes that start and end, and of what they write, line by line. */
  readonly logger: Logger;
  /** patience with a process that gives no sign; what is left out has its default. */
  readonly patience?: Partial<Patience>;
  /** maxCalls bounds the calls of one model that are under way, also those that nobody waits for any more; default 4096. One more is ResourceExhausted. */
  readonly maxCalls?: number;
  /** maxBytes bounds their bytes; default 1 GiB. */
  readonly maxBytes?: number;
  /** spareMs is how long after a model's first load a process is started that is kept ready for all models, so that a restart has only to load; default 0. Infinity keeps none. */
  readonly spareMs?: number;
}

/** The first restart comes at once, the next after firstDelayMs, each later one after twice as long. A process that was well for wellMs begins anew. */
const firstDelayMs = 100;
const maxDelayMs = 30_000;
const wellMs = 60_000;

/** newIsolatedEngine makes an engine that runs another in processes of their own, one for each model that is loaded. */
export function newIsolatedEngine(options: IsolatedOptions): Engine {
  const { patience = {}, maxCalls = 4096, maxBytes = 2 ** 30, spareMs = 0, ...given } = options;
  const tuning: ProcessOptions = { ...given, patience: { ...usual, ...patience }, maxCalls, maxBytes };
  const spare = newSpare(tuning, spareMs);
  return {
    name: options.name,
    async probe(ctx): Promise<Probe> {
      try {
        return await once(ctx, tuning, (p) => p.ask("other", (call) => newWriter(kind.probe, call), readProbe).answer);
      } catch (err) {
        throwIfDone(ctx);
        return { ok: false, why: messageOf(err) };
      }
    },
    async load(ctx, dir, load = {}) {
      throwIfDone(ctx);
      const found = await bring(ctx, tuning, spare, dir, load);
      return new IsolatedModel(tuning, spare, dir, load, found);
    },
  };
}

/** Brought is a process that has loaded a model. */
interface Brought {
  readonly process: EngineProcess;
  readonly loaded: Loaded;
}

/** bring starts a process and lets it load. However it fails, the process ends. */
async function bring(ctx: Ctx, options: ProcessOptions, spare: Spare, dir: string, { tags, onStage }: LoadOptions): Promise<Brought> {
  const begun = options.clock.now();
  const process = spare.take();
  try {
    await race(ctx, process.ready());
    const stage = (r: Parameters<typeof readStage>[0]): void => {
      const { stage, ms } = readStage(r);
      onStage?.(stage, ms);
    };
    const loaded = await race(ctx, process.ask("other", (call) => loadFrame(call, { dir, tags }), readLoaded, { onStage: stage }).answer);
    options.logger.info("engine process ready", { pid: process.pid, engine: options.name, dir, ms: Math.round(options.clock.now() - begun) });
    return { process, loaded };
  } catch (err) {
    process.end("was ended because the load failed");
    await process.ended();
    throw err;
  }
}

/** once is for one question. */
async function once<T>(ctx: Ctx, options: ProcessOptions, ask: (process: EngineProcess) => Promise<T>): Promise<T> {
  const process = startProcess(options);
  try {
    await race(ctx, process.ready());
    return await race(ctx, ask(process));
  } finally {
    process.end("was asked");
    await process.ended();
  }
}

/** IsolatedModel is a model in a process of its own. When that ends, calls fail with Unavailable until another has loaded the model. */
class IsolatedModel implements LoadedModel {
  readonly metaGraph: MetaGraphDef;
  readonly chosen?: Chosen;
  readonly #options: ProcessOptions;
  readonly #spare: Spare;
  readonly #held: AsyncDisposable;
  readonly #dir: string;
  readonly #load: LoadOptions;
  /** life ends with close, and restarts with it. */
  readonly #life = withCancel(background());
  #bytes: number;
  #process: EngineProcess | undefined;
  #failure: Failure | undefined;
  #following: Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(options: ProcessOptions, spare: Spare, dir: string, { tags }: LoadOptions, { process, loaded }: Brought) {
    this.metaGraph = loaded.metaGraph;
    if (loaded.chosen !== undefined) this.chosen = loaded.chosen;
    this.#options = options;
    this.#spare = spare;
    this.#held = spare.hold();
    this.#dir = dir;
    this.#load = tags === undefined ? {} : { tags };
    this.#bytes = loaded.bytes;
    this.#process = process;
    this.#following = this.#follow(process);
  }

  estimateBytes(): number {
    return this.#bytes;
  }

  async run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]> {
    throwIfDone(ctx);
    if (this.#closing !== undefined) throw newError(Code.Unavailable, "the model has been unloaded");
    const process = this.#process;
    if (process === undefined) throw this.#failure!;
    const { deadline } = ctx;
    const leftMs = deadline - this.#options.clock.now();
    const { answer, cancel } = process.ask("run", (call) => runFrame(call, { leftMs, feeds, fetches }), readRan, { deadline });
    let answered = false;
    const settled = (): void => void (answered = true);
    answer.then(settled, settled);
    try {
      const { tensors, ms } = await race(ctx, answer);
      took?.(ms);
      return tensors;
    } finally {
      if (!answered) cancel();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#life.cancel();
    const process = this.#process;
    if (process !== undefined) {
      try {
        await process.ask(
          "other",
          (call) => newWriter(kind.close, call),
          () => {},
        ).answer;
        await process.leave();
      } catch {
        await process.ended(); // it has ended by itself
      }
    }
    await this.#following;
    await this.#held[Symbol.asyncDispose]();
  }

  /** #follow sees to it that there is a process, until the model is closed. */
  async #follow(first: EngineProcess): Promise<void> {
    const { clock, logger, name } = this.#options;
    let [process, sinceMs, delayMs]: [EngineProcess | undefined, number, number] = [first, clock.now(), 0];
    while (this.#closing === undefined) {
      if (process !== undefined) {
        const failure: Failure = await process.ended();
        this.#process = undefined;
        if (this.#closing !== undefined) return;
        this.#failure = newError(Code.Unavailable, `${failure.message}; another one is being started`);
        if (clock.now() - sinceMs >= wellMs) delayMs = 0;
        logger.error("engine process ended", { pid: process.pid, engine: name, dir: this.#dir, error: failure, restartMs: delayMs });
      }
      process = await this.#restart(delayMs);
      sinceMs = clock.now();
      delayMs = Math.min(maxDelayMs, Math.max(firstDelayMs, 2 * delayMs));
    }
  }

  /** #restart waits, and tries once to have the model loaded by another process. */
  async #restart(delayMs: number): Promise<EngineProcess | undefined> {
    const { clock, logger, name } = this.#options;
    try {
      if (delayMs > 0) await sleep(clock, delayMs, this.#life.signal);
      const { process, loaded } = await bring(this.#life, this.#options, this.#spare, this.#dir, this.#load);
      if (this.#closing !== undefined) {
        process.end("is not needed"); // closed in the very turn
        await process.ended();
        return undefined;
      }
      this.#spare.refill();
      this.#bytes = loaded.bytes;
      this.#process = process;
      return process;
    } catch (err) {
      if (this.#closing !== undefined) return undefined;
      this.#failure = newError(Code.Unavailable, `the ${name} engine's process ended, and another one did not load the model: ${messageOf(err)}`, err);
      logger.error("engine process did not load its model again", { engine: name, dir: this.#dir, error: err });
      return undefined;
    }
  }
}
