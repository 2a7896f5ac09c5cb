import type { Engine } from "@tfs/engine";
import type { ModelSpec } from "@tfs/proto";
import { type Clock, Code, type Ctx, type Failure, type Logger, newError, toFailure } from "@tfs/std";
import type { ModelSource } from "../config/index.ts";
import { loadServable, type Servable } from "../servable/index.ts";
import { latestVersion, listVersions } from "../source/index.ts";
import { type State, state } from "./state.ts";

export interface ManagerOptions {
  readonly engine: Engine;
  readonly tags: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** VersionStatus is what GetModelStatus tells of one version. */
export interface VersionStatus {
  readonly version: bigint;
  readonly state: State;
  readonly error: Failure | undefined;
}

/** LoadFailure is a model that did not load, and why; without a version if none was found. */
export interface LoadFailure {
  readonly model: string;
  readonly version: bigint | undefined;
  readonly failure: Failure;
}

/** Handle keeps a version loaded until it is disposed. */
export interface Handle extends Disposable {
  readonly servable: Servable;
}

interface Version {
  readonly version: bigint;
  state: State;
  error: Failure | undefined;
  servable: Servable | undefined;
  handles: number;
  /** idle wakes whoever waits for the last handle. */
  idle: (() => void) | undefined;
}

class Manager {
  readonly #options: ManagerOptions;
  readonly #models = new Map<string, Map<bigint, Version>>();

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** load loads the largest version of each model. What fails becomes a state with an error, and is given back; the others are served. */
  async load(ctx: Ctx, models: readonly ModelSource[]): Promise<LoadFailure[]> {
    const failures: LoadFailure[] = [];
    for (const model of models) {
      const failure = await this.#loadModel(ctx, model);
      if (failure !== undefined) failures.push(failure);
    }
    return failures;
  }

  /** acquire finds the version that a spec asks for. Throws InvalidArgument or NotFound in TensorFlow Serving's words. */
  acquire(spec: ModelSpec | undefined): Handle {
    const version = this.#find(spec);
    const { servable } = version;
    if (servable === undefined) throw new Error(`version ${version.version} is available without a servable`);
    version.handles++;
    let held = true;
    return {
      servable,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        if (--version.handles === 0) version.idle?.();
      },
    };
  }

  /** status lists every version seen of a model, highest first, or the one asked for. Throws NotFound. */
  status(name: string, wanted: bigint | undefined): VersionStatus[] {
    const all = [...(this.#models.get(name)?.values() ?? [])].sort((a, b) => (a.version < b.version ? 1 : -1));
    const found = wanted === undefined ? all : all.filter((v) => v.version === wanted);
    if (found.length === 0)
      throw newError(
        Code.NotFound,
        wanted === undefined ? `Could not find any versions of model ${name}` : `Could not find version ${wanted} of model ${name}`,
      );
    return found.map(({ version, state: at, error }) => ({ version, state: at, error }));
  }

  /** ready tells whether some version of every model that has any is available. */
  get ready(): boolean {
    return [...this.#models.values()].every((versions) => [...versions.values()].some((v) => v.state === state.available));
  }

  /** unload lets every version go once its last handle is back. */
  async unload(): Promise<void> {
    for (const versions of this.#models.values()) {
      for (const version of versions.values()) if (version.state === state.available) await this.#unloadVersion(version);
    }
  }

  async #loadModel(ctx: Ctx, model: ModelSource): Promise<LoadFailure | undefined> {
    const { engine, tags, clock, logger } = this.#options;
    const versions = new Map<bigint, Version>();
    this.#models.set(model.name, versions);
    let entry: Version | undefined;
    try {
      const found = latestVersion(await listVersions(model.name, model.basePath));
      if (found === undefined) {
        throw newError(
          Code.NotFound,
          `No versions of servable ${model.name} found under base path ${model.basePath}. Did you forget to name your leaf directory as a number (eg. '/1/')?`,
        );
      }
      entry = { version: found.version, state: state.loading, error: undefined, servable: undefined, handles: 0, idle: undefined };
      versions.set(found.version, entry);
      const started = clock.now();
      logger.info("loading", { model: model.name, version: found.version });
      entry.servable = await loadServable(ctx, engine, { name: model.name, version: found.version, path: found.path, tags });
      entry.state = state.available;
      logger.info("loaded", { model: model.name, version: found.version, ms: Math.round(clock.now() - started) });
      return undefined;
    } catch (err) {
      const failure = toFailure(err);
      if (entry !== undefined) {
        entry.state = state.end;
        entry.error = failure;
      }
      logger.error("model did not load", { model: model.name, version: entry?.version, error: failure });
      return { model: model.name, version: entry?.version, failure };
    }
  }

  #find(spec: ModelSpec | undefined): Version {
    if (spec === undefined) throw newError(Code.InvalidArgument, "Missing ModelSpec");
    if (spec.name === "") throw newError(Code.InvalidArgument, "ModelSpec has no name specified.");
    const choice = spec.versionChoice;
    if (choice.case === "versionLabel") throw newError(Code.InvalidArgument, `Unrecognized servable version label: ${choice.value}`);
    const wanted = choice.case === "version" ? choice.value.value : undefined;
    let best: Version | undefined;
    for (const v of this.#models.get(spec.name)?.values() ?? []) {
      if (v.state !== state.available || (wanted !== undefined && v.version !== wanted)) continue;
      if (best === undefined || v.version > best.version) best = v;
    }
    if (best !== undefined) return best;
    throw newError(Code.NotFound, `Servable not found for request: ${wanted === undefined ? `Latest(${spec.name})` : `Specific(${spec.name}, ${wanted})`}`);
  }

  async #unloadVersion(version: Version): Promise<void> {
    version.state = state.unloading; // look-ups no longer find it; requests that hold it go on
    if (version.handles > 0) {
      await new Promise<void>((resolve) => {
        version.idle = resolve;
      });
    }
    await version.servable?.close();
    version.servable = undefined;
    version.state = state.end;
  }
}
export type { Manager };

export function newManager(options: ManagerOptions): Manager {
  return new Manager(options);
}
