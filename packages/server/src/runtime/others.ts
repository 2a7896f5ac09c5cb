import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { type Engine, type EngineName, findLibrary, type LibraryName, libraries, type Search } from "@tfs/engine";
import {
  newAutoEngine,
  newGate,
  newIsolatedEngine,
  newMemory,
  newOpenVinoEngine,
  newTensorFlowEngine,
  newTfjsEngine,
  newTfLiteEngine,
  preferTfLite,
} from "@tfs/engine/all";
import { background, Code, type Ctx, newError } from "@tfs/std";
import { newLazyEngine } from "./lazy.ts";
import { embedded, type Engines, type RuntimeOptions } from "./runtime.ts";

/** Engines are asked in this order where they are not compared: the quick one, the one that can everything, the one that is always there, the one that has one thread. */
const order: readonly Exclude<EngineName, "auto">[] = ["openvino", "tensorflow", "embedded", "tfjs"];

/** What auto may take to choose an engine for a version. */
const budgetMs = 5_000;

/** newOthers makes all engines that newEngines gives. Native ones share one gate. */
export function newOthers(options: RuntimeOptions): Engines {
  const { clock, logger, trial = true, cacheDir, dirs = {}, pythons = [], command, release = "", session = {}, tflite } = options;
  const gate = newGate({ places: 2 * availableParallelism() });
  const made = new Map<EngineName, Engine>();

  const find = (name: LibraryName, ctx: Ctx): Promise<Search> => findLibrary(ctx, libraries[name], { explicit: dirs[name], cacheDir, pythons });

  function found(name: EngineName & LibraryName, open: (dir: string) => Engine): Engine {
    return newLazyEngine(name, async () => {
      const { found } = await find(name, background());
      if (found !== undefined) return open(found.dir);
      // Where it was looked for is for whoever has the machine: `engine probe` lists it.
      throw newError(Code.Unavailable, `the ${name} engine's library was found nowhere; tfs-server engine probe says where it was looked for`);
    });
  }

  /** finder looks for a library's folder until it is found. */
  function finder(name: LibraryName): (ctx: Ctx) => Promise<string | undefined> {
    let dir: string | undefined;
    return async (ctx) => (dir ??= (await find(name, ctx)).found?.dir);
  }

  function make(name: EngineName): Engine {
    switch (name) {
      case "embedded":
        return embedded(options);
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
