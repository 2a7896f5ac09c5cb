import type { ModelSpec } from "@tfs/proto";
import {
  background,
  type Clock,
  Code,
  type Ctx,
  type Failure,
  type Group,
  type Logger,
  newError,
  newGroup,
  race,
  sleep,
  throwIfDone,
  toFailure,
  withCancel,
} from "@tfs/std";
import type { Servable, ServableSpec } from "../servable/index.ts";
import type { Labels } from "./labels.ts";
import { type Aspired, type Model, newModel } from "./model.ts";
import { plan, type Transition } from "./plan.ts";
import { newSlots, type Slots } from "./slots.ts";
import { type State, state } from "./state.ts";
import { Handle, type Version } from "./version.ts";

/** Tuning is how versions come and go. */
export interface Tuning {
  /** transition is how versions take over from each other; default "availability". */
  readonly transition?: Transition;
  /** loads is how many versions are loaded at a time; default 1. A version between two tries holds up no other. */
  readonly loads?: number;
  /** unloads is how many are let go of at a time; default without a limit. */
  readonly unloads?: number;
  /** retries are tries after the first that failed; default 0. */
  readonly retries?: number;
  /** retryMs is the time between two tries; default 0. */
  readonly retryMs?: number;
}

export interface ManagerOptions {
  /** load makes a version ready to run. What it throws ends the version, after retries. */
  readonly load: (ctx: Ctx, spec: ServableSpec) => Promise<Servable>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tuning?: Tuning;
}

/** VersionStatus is what GetModelStatus tells of one version. */
export interface VersionStatus {
  readonly version: bigint;
  readonly state: State;
  readonly error: Failure | undefined;
}

class Manager {
  readonly #options: ManagerOptions;
  readonly #tuning: Tuning;
  readonly #models = new Map<string, Model>();
  readonly #loads: Slots;
  readonly #unloads: Slots;
  /** Loads and unloads under way; they report by states and do not fail. */
  readonly #tasks: Group = newGroup(background());
  #change = newSignal();

  /** labels are those that requests may name; undefined until a configuration was taken. */
  labels: Labels | undefined = undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#tuning = options.tuning ?? {};
    this.#loads = newSlots(this.#tuning.loads ?? 1);
    this.#unloads = newSlots(this.#tuning.unloads ?? Number.MAX_SAFE_INTEGER);
  }

  /** setLoads changes how many versions are loaded at a time. */
  setLoads(max: number): void {
    this.#loads.resize(max);
  }

  /** aspire says which versions of a model are wanted from now on, and begins what that takes. */
  aspire(name: string, wanted: readonly Aspired[]): void {
    let model = this.#models.get(name);
    if (model === undefined) {
      if (wanted.length === 0) return;
      model = newModel(name);
      this.#models.set(name, model);
    }
    for (const { version, path } of wanted) {
      const known = model.versions.get(version);
      if (known !== undefined && known.aspired && known.path !== path)
        this.#options.logger.warn("version stays as it was loaded", { model: name, version, path: known.path, other: path });
    }
    for (const dropped of model.aspire(wanted)) dropped.loading?.cancel();
    this.#advance(model);
  }

  /** acquire finds the version that a spec asks for. Throws in TensorFlow Serving's words. */
  acquire(spec: ModelSpec | undefined): Handle {
    if (spec === undefined) throw newError(Code.InvalidArgument, "Missing ModelSpec");
    const { name, versionChoice: choice } = spec;
    if (name === "") throw newError(Code.InvalidArgument, "ModelSpec has no name specified.");
    const model = this.#models.get(name);
    if (choice.case === undefined) {
      if (model?.latest === undefined) throw newError(Code.NotFound, `Servable not found for request: Latest(${name})`);
      return new Handle(model.latest);
    }
    const version = choice.case === "version" ? choice.value.value : this.#labelled(name, choice.value);
    const found = model?.find(version);
    if (found === undefined) throw newError(Code.NotFound, `Servable not found for request: Specific(${name}, ${version})`);
    return new Handle(found);
  }

  /** available tells whether a version can be asked for now. */
  available(name: string, version: bigint): boolean {
    return this.#models.get(name)?.find(version) !== undefined;
  }

  /** serves tells whether any version of a model can be asked for now. */
  serves(name: string): boolean {
    return this.#models.get(name)?.latest !== undefined;
  }

  /** status lists every version seen of a model, highest first, or the one asked for. Throws NotFound. */
  status(name: string, wanted: bigint | undefined): VersionStatus[] {
    const all = this.versions(name);
    const found = wanted === undefined ? all : all.filter((v) => v.version === wanted);
    if (found.length === 0)
      throw newError(
        Code.NotFound,
        wanted === undefined ? `Could not find any versions of model ${name}` : `Could not find version ${wanted} of model ${name}`,
      );
    return found.map(({ version, state: at, error }) => ({ version, state: at, error }));
  }

  /** versions gives what there is of a model, highest first; nothing of one that was never seen. */
  versions(name: string): readonly Readonly<Version>[] {
    return [...(this.#models.get(name)?.versions.values() ?? [])].sort((a, b) => (a.version < b.version ? 1 : -1));
  }

  /** names are the models that have or had versions. */
  names(): string[] {
    return [...this.#models.keys()];
  }

  /** until waits until a condition on states or labels holds, looking after every change. Throws the context's reason if that ends first. */
  async until(ctx: Ctx, condition: () => boolean): Promise<void> {
    while (!condition()) await race(ctx, this.#change.promise);
  }

  /** changed says that something outside of versions' states has changed which a condition may look at. */
  changed(): void {
    const { resolve } = this.#change;
    this.#change = newSignal();
    resolve();
  }

  /** close wants nothing any more, and waits until every version has ended: each when its last handle is back. */
  async close(): Promise<void> {
    for (const name of this.#models.keys()) this.aspire(name, []);
    await this.until(background(), () => [...this.#models.values()].every((m) => [...m.versions.values()].every((v) => v.state === state.end)));
  }

  #labelled(name: string, label: string): bigint {
    if (this.labels === undefined) throw newError(Code.Unavailable, `Model labels does not init yet.${label}`);
    const version = this.labels.get(name)?.get(label);
    if (version === undefined) throw newError(Code.InvalidArgument, `Unrecognized servable version label: ${label}`);
    return version;
  }

  /** #advance begins every step that the plan has for a model now. */
  #advance(model: Model): void {
    const tracked = [...model.versions.values()].map((v) => ({
      version: v.version,
      aspired: v.aspired,
      state: v.loading === undefined ? v.state : state.loading,
    }));
    for (const { kind, version } of plan(tracked, this.#tuning.transition ?? "availability")) {
      const found = model.versions.get(version)!;
      if (kind === "load") this.#beginLoad(model, found);
      else this.#beginUnload(model, found);
    }
    this.changed();
  }

  #move(model: Model, version: Version, to: State): void {
    model.move(version, to);
    this.changed();
  }

  #beginLoad(model: Model, version: Version): void {
    const loading = withCancel(background());
    version.loading = loading;
    this.#tasks.go(async () => {
      const failure = await this.#load(model, version, loading).catch(toFailure);
      const stopped = loading.signal.aborted; // by us: a load that fails with Canceled by itself has failed
      loading.cancel();
      version.loading = undefined;
      version.error = failure;
      version.attempt = undefined;
      if (failure === undefined) this.#move(model, version, state.available);
      else this.#end(model, version, stopped);
      this.#advance(model);
    });
  }

  /** #load tries until a version is loaded, it is no longer wanted, or there are no tries left. It gives why it failed. */
  async #load(model: Model, version: Version, ctx: Ctx): Promise<Failure | undefined> {
    const { clock, logger } = this.#options;
    const { retries = 0, retryMs = 0 } = this.#tuning;
    const what = { model: model.name, version: version.version };
    for (let left = retries; ; left--) {
      try {
        using _ = await this.#loads.take(ctx);
        this.#move(model, version, state.loading);
        const started = clock.now();
        logger.info("loading", what);
        version.servable = await this.#options.load(ctx, { name: model.name, version: version.version, path: version.path });
        version.loadMs = clock.now() - started;
        if (ctx.signal.aborted) await this.#close(version);
        else logger.info("loaded", { ...what, ms: Math.round(version.loadMs), ...version.servable.chosen });
        throwIfDone(ctx);
        return undefined;
      } catch (err) {
        if (ctx.signal.aborted) return newError(Code.Canceled, "Loading of servable cancelled", err);
        const failure = toFailure(err);
        if (left <= 0) {
          logger.error("model did not load", { ...what, error: failure });
          return failure;
        }
        logger.warn("model did not load; it is tried again", { ...what, error: failure, ms: Math.max(0, retryMs), left });
        version.attempt = failure;
        this.changed();
        try {
          if (retryMs > 0) await sleep(clock, retryMs, ctx.signal);
        } catch (stop) {
          return newError(Code.Canceled, "Loading of servable cancelled", stop);
        }
      }
    }
  }

  #beginUnload(model: Model, version: Version): void {
    this.#move(model, version, state.unloading); // look-ups no longer find it; requests that hold it go on
    this.#tasks.go(async () => {
      if (version.handles > 0) {
        await new Promise<void>((resolve) => {
          version.idle = resolve;
        });
      }
      using _ = await this.#unloads.take(background());
      await this.#close(version);
      this.#options.logger.info("unloaded", { model: model.name, version: version.version });
      this.#end(model, version, true);
      this.#advance(model);
    });
  }

  /** #end is for a version that was loaded no longer or not at all. If it stopped `freely` and is aspired again meanwhile, it begins anew. */
  #end(model: Model, version: Version, freely: boolean): void {
    if (freely && version.aspired) model.restart(version);
    else this.#move(model, version, state.end);
  }

  async #close(version: Version): Promise<void> {
    const { servable } = version;
    version.servable = undefined;
    version.loadMs = undefined;
    try {
      await servable?.close();
    } catch (err) {
      this.#options.logger.error("version did not close well", { version: version.version, error: err });
    }
  }
}
export type { Manager };

export function newManager(options: ManagerOptions): Manager {
  return new Manager(options);
}

interface Signal {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function newSignal(): Signal {
  let resolve = (): void => {};
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}
