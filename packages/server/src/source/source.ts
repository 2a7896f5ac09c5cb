import {
  background,
  type Clock,
  Code,
  codeName,
  type Ctx,
  deadlineExceeded,
  type Failure,
  type Logger,
  newError,
  race,
  sleep,
  throwIfDone,
  toFailure,
  withCancel,
  withTimeout,
} from "@tfs/std";
import { latestOnly, type ModelSource, withoutQuery } from "../config/index.ts";
import type { Aspired } from "../manager/index.ts";
import { type Storage, storageFor, type Storages } from "../storage/index.ts";
import { select, versionsIn } from "./versions.ts";

export interface SourceOptions {
  readonly storages: Storages;
  readonly clock: Clock;
  readonly logger: Logger;
  /** onAspired hears which versions of a model are wanted whenever that was looked up and something is new. */
  readonly onAspired: (model: string, versions: readonly Aspired[]) => void;
  /** onTrouble hears that a look gave no versions. */
  readonly onTrouble: () => void;
  /** pollMs is the time between two looks; 0 or less looks only when the configuration changes. */
  readonly pollMs: number;
  /** keepLast keeps what is served if a base path has no version any more; default false, as in TensorFlow Serving. */
  readonly keepLast?: boolean;
}

/** Base paths that are looked at at a time; between two lots others have their turn. A lot that has not answered by then, the next one does not wait for. */
const looksMax = 64;
const lotMs = 1000;
/** A base path that has not answered by then holds up nobody any longer: it is not asked again before it has. */
const lookMs = 30_000;

/** Watched is one model and what the last look at it gave. */
interface Watched {
  readonly model: ModelSource;
  /** at is where its versions are; standIn is where they may be instead, until the first was found. */
  at: string;
  standIn: string | undefined;
  names: readonly string[] | undefined;
  /** looking: it has been asked, and has not answered. */
  looking: boolean;
  /** trouble is why the last look gave no versions, if it did not. */
  trouble: Failure | undefined;
  /** said is what was logged last, so that it is not said again with each look. */
  said: string;
}

/** newSource watches base paths and says which versions are aspired. One that cannot be read holds up no other. */
export function newSource(options: SourceOptions): Source {
  return new Source(options);
}

class Source {
  readonly #options: SourceOptions;
  #watched = new Map<string, Watched>();

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** set changes which models are watched. Those that are new, or whose path or policy changed, are looked at next. */
  set(models: readonly ModelSource[]): void {
    const next = new Map<string, Watched>();
    for (const model of models) {
      const before = this.#watched.get(model.name);
      next.set(model.name, before !== undefined && sameVersions(before.model, model) ? before : newWatched(model));
    }
    for (const name of this.#watched.keys()) if (!next.has(name)) this.#options.onAspired(name, []);
    this.#watched = next;
  }

  /** trouble gives why a model has no versions to load; undefined if it has, or nobody has looked yet. */
  trouble(name: string): Failure | undefined {
    return this.#watched.get(name)?.trouble;
  }

  /** isPending tells whether a model is watched whose base path has not answered once. */
  isPending(name: string): boolean {
    const watched = this.#watched.get(name);
    return watched !== undefined && watched.names === undefined;
  }

  /** look reads base paths once: all, or those that were never read. */
  async look(ctx: Ctx, which: "all" | "new"): Promise<void> {
    const wanted = [...this.#watched.values()].filter((w) => !w.looking && (which === "all" || w.names === undefined));
    const lots: Promise<void>[] = [];
    for (let i = 0; i < wanted.length; i += looksMax) {
      throwIfDone(ctx);
      if (i > 0) await new Promise((resolve) => setImmediate(resolve));
      const changed = wanted.slice(i, i + looksMax).filter((watched) => !this.#isUnchanged(watched));
      if (changed.length === 0) continue; // all that happens most of the time
      const lot = this.#lookAtAll(ctx, changed);
      lots.push(lot);
      await this.#atMost(lotMs, lot);
    }
    await Promise.all(lots);
  }

  #isUnchanged({ at, names, standIn }: Watched): boolean {
    if (names === undefined || standIn !== undefined) return false;
    return storageFor(this.#options.storages, at).isUnchanged?.(at, names) ?? false;
  }

  async #lookAtAll(ctx: Ctx, lot: readonly Watched[]): Promise<void> {
    using within = withTimeout(ctx, lookMs);
    await Promise.all(lot.map((watched) => this.#lookAt(within, watched)));
  }

  /** #atMost waits until a lot is done, but no longer than this. */
  async #atMost(ms: number, lot: Promise<void>): Promise<void> {
    using waiting = withCancel(background());
    await Promise.race([lot, sleep(this.#options.clock, ms, waiting.signal).catch(() => {})]);
  }

  /** run looks at everything every pollMs, until the context ends. A look that takes long, since somebody does not answer, does not hold up the next one. */
  async run(ctx: Ctx): Promise<void> {
    const { clock, pollMs, logger } = this.#options;
    if (pollMs <= 0) return;
    const looks = new Set<Promise<void>>(); // as many as begin in lookMs
    const once = async (): Promise<void> => {
      try {
        await this.look(ctx, "all");
      } catch (err) {
        if (!ctx.signal.aborted) logger.error("looking for versions failed", { error: err });
      }
    };
    for (;;) {
      await sleep(clock, pollMs, ctx.signal).catch(() => {});
      if (ctx.signal.aborted) break;
      const look = once().finally(() => looks.delete(look));
      looks.add(look);
    }
    await Promise.all(looks);
  }

  async #lookAt(ctx: Ctx, watched: Watched): Promise<void> {
    const { name, policy = latestOnly } = watched.model;
    const { storages, onAspired, onTrouble, keepLast = false } = this.#options;
    try {
      const storage = storageFor(storages, watched.at);
      watched.looking = true;
      const names = await race(
        ctx,
        this.#list(ctx, storage, watched).finally(() => {
          watched.looking = false;
        }),
      );
      const { at: basePath } = watched;
      if (this.#watched.get(name) !== watched) return; // reconfigured meanwhile
      if (watched.names === names) return;
      watched.names = names;
      const found = versionsIn(names);
      const { versions, warnings } = select(name, basePath, policy, found.versions);
      this.#say(watched, [...found.warnings, ...warnings].join("\n"));
      watched.trouble = versions.length > 0 ? undefined : newError(Code.NotFound, warnings.join("; "));
      if (watched.trouble !== undefined) onTrouble();
      if (versions.length > 0 || !keepLast)
        onAspired(
          name,
          versions.map((v) => ({ version: v.version, path: storage.join(basePath, v.name) })),
        );
    } catch (err) {
      if ((ctx.signal.aborted && ctx.signal.reason !== deadlineExceeded) || this.#watched.get(name) !== watched) return;
      const failure = toFailure(err);
      watched.trouble = newError(
        Code.InvalidArgument,
        `Could not find base path ${withoutQuery(watched.at)} for servable ${name} with error ${codeName(failure.code)}: ${failure.message}`,
        err,
      );
      watched.names = []; // another array than any that a storage gives: the next look starts afresh
      this.#say(watched, `FileSystemStoragePathSource encountered a filesystem access error: ${watched.trouble.message}`);
      onTrouble();
    }
  }

  /** #list reads a base path, or what stands in for it. Which it is, is settled with the first version that is found. */
  async #list(ctx: Ctx, storage: Storage, watched: Watched): Promise<readonly string[]> {
    const names = await storage.list(ctx, watched.at);
    const { standIn, model } = watched;
    if (standIn === undefined) return names;
    const found = hasVersions(names) ? undefined : await storage.list(ctx, standIn).catch(() => []); // it need not be there, nor be a folder
    if (found !== undefined && !hasVersions(found)) return names;
    watched.standIn = undefined;
    if (found === undefined) return names;
    watched.at = standIn;
    const text = "the base path has no versions, but the folder below it that is named like the model has: that is served";
    this.#options.logger.info(text, { model: model.name, path: standIn });
    return found;
  }

  #say(watched: Watched, text: string): void {
    if (text === watched.said) return;
    watched.said = text;
    for (const line of text.split("\n")) if (line !== "") this.#options.logger.warn(line);
  }
}
export type { Source };

function newWatched(model: ModelSource): Watched {
  return { model, at: model.basePath, standIn: model.standIn, names: undefined, looking: false, trouble: undefined, said: "" };
}

function hasVersions(names: readonly string[]): boolean {
  return versionsIn(names).versions.length > 0;
}

/** sameVersions tells whether two configurations of a model look for the same versions. */
function sameVersions(a: ModelSource, b: ModelSource): boolean {
  if (a.basePath !== b.basePath || a.standIn !== b.standIn) return false;
  const [p, q] = [a.policy ?? latestOnly, b.policy ?? latestOnly];
  if (p.kind === "latest" && q.kind === "latest") return p.count === q.count;
  if (p.kind === "specific" && q.kind === "specific") return p.versions.length === q.versions.length && p.versions.every((v, i) => v === q.versions[i]);
  return p.kind === q.kind;
}
