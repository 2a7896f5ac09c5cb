import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import {
  type Engine,
  type EngineName,
  engineNames,
  type Explicit,
  findLibrary,
  type LibraryName,
  libraries,
  newAutoEngine,
  newEmbeddedEngine,
  newGate,
  newIsolatedEngine,
  newMemory,
  newOpenVinoEngine,
  newTensorFlowEngine,
  newTfjsEngine,
  newTfLiteEngine,
  preferTfLite,
  type Search,
  type SessionConfig,
} from "@tfs/engine";
import { type Clock, Code, type Ctx, type Logger, newError } from "@tfs/std";
import { newFoundEngine } from "./found.ts";

/** RuntimeTuning is how engines are found and chosen. */
export interface RuntimeTuning {
  /** trial lets auto compare engines; default true. */
  readonly trial?: boolean;
  /** cacheDir holds libraries that were installed, and what auto has chosen; default none. */
  readonly cacheDir?: string;
  /** dirs are folders that were named for libraries: then they are looked for nowhere else. */
  readonly dirs?: { readonly [name in LibraryName]?: Explicit };
  /** pythons are interpreters whose packages may have libraries; default none. */
  readonly pythons?: readonly string[];
  /** command runs engines in processes of their own, one for each version: what starts `tfs-server engine-child`, and flags for it. Default in this process. */
  readonly command?: readonly string[];
  /** release is ours: another one's engines may be quicker. Default "". */
  readonly release?: string;
  /** session is how TensorFlow runs; its threads within an op are OpenVINO's too. */
  readonly session?: SessionConfig;
  /** tflite runs versions that have a model.tflite, whatever engine is asked for; default: they are not looked at. */
  readonly tflite?: TfLiteTuning;
}

/** TfLiteTuning is how such versions are run. */
export interface TfLiteTuning {
  /** pools is how many runs of one go on at a time. */
  readonly pools: number;
  /** perPool is into how many parts a full batch is divided; with 1 calls are not joined. */
  readonly perPool: number;
}

export interface RuntimeOptions extends RuntimeTuning {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Engines gives the engine of a name; each is made when it is first asked for. */
export type Engines = (name: EngineName) => Engine;

/** Engines are asked in this order where they are not compared: the quick one, the one that can everything, the one that is always there, the one that has one thread. */
const order: readonly Exclude<EngineName, "auto">[] = ["openvino", "tensorflow", "embedded", "tfjs"];

/** What auto may take to choose an engine for a version. */
const budgetMs = 5_000;

/** newEngines makes them. Native ones share one gate. */
export function newEngines(options: RuntimeOptions): Engines {
  const { clock, logger, trial = true, cacheDir, dirs = {}, pythons = [], command, release = "", session = {}, tflite } = options;
  const gate = newGate({ places: 2 * availableParallelism() });
  const made = new Map<EngineName, Engine>();

  const find = (name: LibraryName, ctx: Ctx): Promise<Search> => findLibrary(ctx, libraries[name], { explicit: dirs[name], cacheDir, pythons });

  function found(name: EngineName & LibraryName, open: (dir: string) => Engine): Engine {
    return newFoundEngine(name, { find: (ctx) => find(name, ctx), open });
  }

  /** finder looks for a library's folder until it is found. */
  function finder(name: LibraryName): (ctx: Ctx) => Promise<string | undefined> {
    let dir: string | undefined;
    return async (ctx) => (dir ??= (await find(name, ctx)).found?.dir);
  }

  function make(name: EngineName): Engine {
    switch (name) {
      case "embedded":
        return newEmbeddedEngine();
      case "openvino": {
        const { intraOpThreads: threads = 0 } = session;
        return found(name, (dir) => newOpenVinoEngine({ dir, gate, ...(threads > 0 && { threads }) }));
      }
      case "tensorflow":
        return found(name, (dir) => newTensorFlowEngine({ dir, gate, config: session }));
      case "auto":
        return newAutoEngine({
          // A process that is kept ready for restarts waits until engines are no longer measured: those that are not chosen need none.
          candidates: order.map(command === undefined ? engine : (name) => isolated(name, command, 2 * budgetMs)),
          budgetMs,
          clock,
          trial,
          context: `${release} on ${availableParallelism()} of ${cpus()[0]?.model ?? "unknown"}`,
          ...(cacheDir !== undefined && { memory: newMemory({ path: join(cacheDir, "chosen.json"), onTrouble: (text) => logger.warn(text) }) }),
        });
      case "tflite": {
        const { intraOpThreads: threads = 0 } = session;
        return newTfLiteEngine({
          litertDir: finder("litert"),
          openvinoDir: finder("openvino"),
          gate,
          ...(tflite && { interpreters: tflite.pools }),
          ...(threads > 0 && { threads }),
        });
      }
      case "tfjs":
        return newTfjsEngine({ clock });
    }
  }

  function isolated(name: Exclude<EngineName, "auto">, command: readonly string[], spareMs: number): Engine {
    return newIsolatedEngine({ command: [...command, `--engine=${name}`], name, clock, logger, spareMs });
  }

  function engine(name: EngineName): Engine {
    let found = made.get(name);
    if (found === undefined) {
      found = name === "auto" || command === undefined ? make(name) : isolated(name, command, 0);
      made.set(name, found);
    }
    return found;
  }
  return tflite === undefined ? engine : (name) => preferTfLite(engine("tflite"), engine(name));
}

/** engineNamed gives an engine's name as a type. Throws InvalidArgument for what is none. */
export function engineNamed(text: string): EngineName {
  const found = engineNames.find((name) => name === text);
  if (found === undefined) throw newError(Code.InvalidArgument, `there is no engine ${text}; known: ${engineNames.join(", ")}`);
  return found;
}
