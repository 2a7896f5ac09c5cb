import type { ModelServerConfig } from "@tfs/proto";
import {
  background,
  type CancelCtx,
  type Clock,
  Code,
  codeName,
  type Ctx,
  type Failure,
  type Group,
  type Logger,
  messageOf,
  newError,
  newGroup,
  sleep,
  throwIfDone,
  withCancel,
} from "@tfs/std";
import { checkModels, type ModelSource, modelsOf } from "../config/index.ts";
import { type Aspired, assignLabels, type Labels, type Manager, newManager, state, type Tuning, type Version } from "../manager/index.ts";
import { type LoaderOptions, newLoader } from "../servable/index.ts";
import { newSource, type Source } from "../source/index.ts";

export interface CoreOptions extends LoaderOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** pollMs is the time between two looks at the base paths; 0 or less looks once with each configuration. Default 1000. */
  readonly pollMs?: number;
  /** keepLast keeps versions whose directories are all gone; default false. */
  readonly keepLast?: boolean;
  /** allowLabelsForUnavailable lets a new label point to a version that is not available yet; default false. */
  readonly allowLabelsForUnavailable?: boolean;
  /** forceLabels lets any label point to any version, there or not; default false. */
  readonly forceLabels?: boolean;
  /** tuning is how versions come and go; its `loads` count from when the start is over. */
  readonly tuning?: Tuning;
  /** startLoads is how many versions are loaded at a time at the start; default 4. */
  readonly startLoads?: number;
  /** strict waits at the start until models have failed for good, with all retries; default false: the first failure ends the wait. */
  readonly strict?: boolean;
  /** log is told which models are configured, before that is so; what it throws refuses the configuration, and then it has changed nothing. Default nobody. */
  readonly log?: (models: readonly ModelSource[]) => void;
}

/** LoadFailure is a model that did not load, and why; without a version if none was found. */
export interface LoadFailure {
  readonly model: string;
  readonly version: bigint | undefined;
  readonly failure: Failure;
}

const defaultPollMs = 1000;
/** The start waits this long for base paths that do not answer; then it goes on without their models, which are served when they do. */
const firstLookMs = 10_000;

/** newCore makes what holds a configuration and brings about what it says: TensorFlow Serving's ServerCore. */
export function newCore(options: CoreOptions): Core {
  return new Core(options);
}

class Core {
  readonly manager: Manager;
  readonly #options: CoreOptions;
  readonly #source: Source;
  readonly #life: CancelCtx = withCancel(background());
  readonly #tasks: Group = newGroup(this.#life);
  #models: readonly ModelSource[] | undefined;

  constructor(options: CoreOptions) {
    const { clock, logger, storages, pollMs = defaultPollMs, keepLast = false, tuning = {}, startLoads = 4 } = options;
    this.#options = options;
    const { load } = newLoader(options);
    const byConfiguration: typeof load = (ctx, spec) => load(ctx, { ...spec, engine: this.models.find(({ name }) => name === spec.name)?.engine });
    this.manager = newManager({ load: byConfiguration, clock, logger, tuning: { ...tuning, loads: startLoads } });
    const onAspired = (model: string, versions: readonly Aspired[]): void => this.manager.aspire(model, versions);
    this.#source = newSource({ storages, clock, logger, pollMs, keepLast, onAspired, onTrouble: () => this.manager.changed() });
  }

  /** models is the configuration in force, in its order. */
  get models(): readonly ModelSource[] {
    return this.#models ?? [];
  }

  /**
   * start takes the first configuration and waits until of each model one version is available, or the first try to load one has failed, or none was found, or its
   * base path has not answered for firstLookMs.
   * What failed is given back; it is tried again, or found when it appears, while the others are served.
   */
  async start(ctx: Ctx, models: readonly ModelSource[] | undefined): Promise<LoadFailure[]> {
    throwIfDone(ctx);
    const names = models === undefined ? new Set<string>() : this.#put(models);
    this.#tasks.go((life) => this.#look(life).catch(() => {})); // it ends with the core's life, which is no failure
    await this.#started(ctx, names);
    this.manager.setLoads(this.#options.tuning?.loads ?? 1);
    throwIfDone(this.#life); // closed meanwhile
    this.#tasks.go((life) => this.#source.run(life));
    return this.#failures(names);
  }

  /**
   * reload changes to another configuration. All of it is looked at before anything is done; then models no longer listed are let go of, the others are looked
   * up at once, and the call waits until of each model that is new one version is available. Throws InvalidArgument, FailedPrecondition, or Unknown if a new
   * model did not become available: then everything else is as configured, and the model is served when it appears.
   */
  async reload(ctx: Ctx, config: ModelServerConfig): Promise<void> {
    const added = await this.#change(ctx, config);
    await this.#settled(ctx, added, hasEnded);
    const failures = this.#failures(added);
    if (failures.length > 0) throw newError(Code.Unknown, `${failures.length} model(s) did not become available: {${listed(failures)}}`);
  }

  /** follow applies a configuration again and again, read by `read` every `ms`. What fails is logged, and leaves everything as it was. */
  follow(ms: number, read: () => Promise<ModelServerConfig>): void {
    const { clock, logger } = this.#options;
    let said = "";
    const say = (text: string): void => {
      if (text !== "" && text !== said) logger.error(text);
      said = text;
    };
    const once = async (life: Ctx): Promise<void> => {
      let config: ModelServerConfig;
      try {
        config = await read();
      } catch (err) {
        return say(`Failed to read ModelServerConfig file: ${messageOf(err)}`);
      }
      try {
        await this.#change(life, config); // without waiting for new models: the next change may come sooner
        say("");
      } catch (err) {
        if (!life.signal.aborted) say(`PollFilesystemAndReloadConfig failed to ReloadConfig: ${messageOf(err)}`);
      }
    };
    this.#tasks.go(async (life) => {
      while (!life.signal.aborted) {
        await sleep(clock, ms, life.signal).catch(() => {});
        if (!life.signal.aborted) await once(life);
      }
    });
  }

  /** ready tells whether every configured model has an available version. */
  get ready(): boolean {
    return this.models.every(({ name }) => this.manager.serves(name));
  }

  /** trouble is why a configured model has no versions to load; undefined if it has. */
  trouble(name: string): Failure | undefined {
    return this.#source.trouble(name);
  }

  /** close stops looking, and lets every version go once its last handle is back. */
  async close(): Promise<void> {
    this.#life.cancel();
    await this.#tasks.wait();
    await this.manager.close();
  }

  async #change(ctx: Ctx, config: ModelServerConfig): Promise<ReadonlySet<string>> {
    const models = this.#transition(config);
    return models === undefined ? new Set() : await this.#apply(ctx, models);
  }

  /** #transition reads a configuration and tells whether it may follow on the one in force; undefined if there is nothing to do. */
  #transition(config: ModelServerConfig): readonly ModelSource[] | undefined {
    const now = this.#models;
    const legal = config.config.case === "modelConfigList" || (now === undefined && config.config.case === undefined);
    if (now !== undefined && !legal)
      throw newError(Code.FailedPrecondition, "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another.");
    const models = modelsOf(config, now);
    if (models === undefined) this.#options.logger.info("Taking no action for empty config.");
    return models;
  }

  /** #apply makes a configuration the one in force, then looks up what is new in it, and gives the names that the one before did not have. */
  async #apply(ctx: Ctx, models: readonly ModelSource[]): Promise<ReadonlySet<string>> {
    throwIfDone(ctx);
    const added = this.#put(models);
    await this.#look(this.#life);
    return added;
  }

  /** #look looks up what is new. */
  async #look(life: Ctx): Promise<void> {
    await this.#source.look(life, (this.#options.pollMs ?? defaultPollMs) > 0 ? "new" : "all"); // without a poll, nobody else would
    this.manager.changed();
  }

  /** #put makes a configuration the one in force, all at once, and gives the names that the one before did not have. */
  #put(models: readonly ModelSource[]): ReadonlySet<string> {
    checkModels(models);
    const wanted: Labels = new Map(models.map((m) => [m.name, m.labels ?? new Map<string, bigint>()]));
    const labels = assignLabels(this.manager.labels, wanted, {
      available: (model, version) => this.manager.available(model, version),
      allowUnavailable: this.#options.allowLabelsForUnavailable ?? false,
      force: this.#options.forceLabels ?? false,
    });
    this.#options.log?.(models);
    this.#tellOfEngines(models);
    this.manager.labels = labels;
    const before = new Set(this.models.map((m) => m.name));
    this.#models = models;
    this.#source.set(models);
    this.manager.changed();
    return new Set(models.map((m) => m.name).filter((name) => !before.has(name)));
  }

  /** #tellOfEngines says of which models the engine has changed: a version stays with the one that has loaded it. */
  #tellOfEngines(models: readonly ModelSource[]): void {
    const before = new Map(this.models.map((model) => [model.name, model]));
    for (const { name: model, engine } of models) {
      const old = before.get(model);
      if (old !== undefined && old.engine !== engine && this.manager.serves(model))
        this.#options.logger.warn("versions that are loaded stay with their engine", { model, engine: old.engine ?? "default", other: engine ?? "default" });
    }
  }

  /** #started waits as long as the start does. In a strict one, base paths may take their time. */
  async #started(ctx: Ctx, names: ReadonlySet<string>): Promise<void> {
    const { clock, logger, strict = false } = this.#options;
    if (strict) return this.#settled(ctx, names, hasEnded);
    let late = false;
    using _ = clock.after(firstLookMs, () => {
      late = true;
      this.manager.changed();
    });
    await this.#settled(ctx, names, hasFailed, () => late);
    for (const model of names)
      if (this.#source.isPending(model)) logger.warn("a base path does not answer: the start goes on without its model", { model, ms: firstLookMs });
  }

  /** #settled waits until each model named has an available version, or none of its aspired ones is to be waited for, nor, once it is late, its base path. */
  async #settled(ctx: Ctx, names: ReadonlySet<string>, isOver: (v: Readonly<Version>) => boolean, isLate = () => false): Promise<void> {
    const left = new Set(names);
    const isSettled = (name: string): boolean => {
      if (this.manager.serves(name) || this.#source.trouble(name) !== undefined) return true;
      if (this.#source.isPending(name)) return isLate();
      return this.manager.versions(name).every((v) => !v.aspired || isOver(v));
    };
    await this.manager.until(ctx, () => {
      for (const name of left) {
        if (!isSettled(name)) return false;
        left.delete(name);
      }
      return true;
    });
  }

  /** #failure gives why the newest version of a model is not there: because it ended, or as the last try to load it failed. */
  #failure(name: string): { readonly version: bigint; readonly failure: Failure } | undefined {
    for (const { version, aspired, error, attempt } of this.manager.versions(name)) {
      const failure = error ?? attempt;
      if (aspired && failure !== undefined) return { version, failure };
    }
    return undefined;
  }

  #failures(names: ReadonlySet<string>): LoadFailure[] {
    const failures: LoadFailure[] = [];
    for (const model of names) {
      if (this.manager.serves(model)) continue;
      const found = this.#failure(model);
      const trouble = this.#source.trouble(model);
      if (found !== undefined) failures.push({ model, ...found });
      else if (trouble !== undefined) failures.push({ model, version: undefined, failure: trouble });
    }
    return failures;
  }
}
export type { Core };

function hasEnded(v: Readonly<Version>): boolean {
  return v.state === state.end;
}

/** hasFailed tells whether a first try to load failed, even if there is another to come. */
function hasFailed(v: Readonly<Version>): boolean {
  return hasEnded(v) || v.attempt !== undefined;
}

/** listed names models that are not available, in TensorFlow Serving's form. */
export function listed(failures: readonly LoadFailure[]): string {
  return failures
    .map(({ model, version, failure }) => {
      const id = version === undefined ? `{name: ${model}}` : `{name: ${model} version: ${version}}`;
      return `{${id} due to error: ${codeName(failure.code)}: ${failure.message}}, `;
    })
    .join("");
}
