import { type Engine, type EngineName, engineNames, type Explicit, type LibraryName, newEmbeddedEngine, type SessionConfig } from "@tfs/engine";
import { type Clock, Code, type Logger, newError } from "@tfs/std";
import { newLazyEngine } from "./lazy.ts";

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

/** newEngines makes them. The code of all but the embedded engine is read when one of them is first asked for something: few servers need it. */
export function newEngines(options: RuntimeOptions): Engines {
  const { command, tflite } = options;
  const made = new Map<EngineName, Engine>();
  let others: Promise<Engines> | undefined;

  async function other(name: EngineName): Promise<Engine> {
    others ??= import("./others.ts").then(({ newOthers }) => newOthers(options));
    return (await others)(name);
  }

  return (name) => {
    let engine = made.get(name);
    if (engine === undefined) {
      const isPlain = name === "embedded" && command === undefined && tflite === undefined;
      engine = isPlain ? embedded(options) : newLazyEngine(name, () => other(name));
      made.set(name, engine);
    }
    return engine;
  };
}

/** embedded makes that engine: its threads run what TensorFlow's inter-op threads do. */
export function embedded({ session: { interOpThreads: threads = 0 } = {} }: RuntimeOptions): Engine {
  return newEmbeddedEngine(threads > 0 ? { threads } : {});
}

/** engineNamed gives an engine's name as a type. Throws InvalidArgument for what is none. */
export function engineNamed(text: string): EngineName {
  const found = engineNames.find((name) => name === text);
  if (found === undefined) throw newError(Code.InvalidArgument, `there is no engine ${text}; known: ${engineNames.join(", ")}`);
  return found;
}
