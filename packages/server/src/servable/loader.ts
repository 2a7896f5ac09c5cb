import { opendir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Code, type Ctx, newError } from "@tfs/std";
import { storageFor, type Storages } from "../storage/index.ts";
import { loadServable, type LoadingOptions, type Servable, type ServableSpec } from "./servable.ts";

export interface LoaderOptions extends LoadingOptions {
  readonly storages: Storages;
  /** batching puts queues in front of versions; without it each request is a run. */
  readonly batching?: Batching | undefined;
  /** memoryLimitBytes bounds what loaded versions are estimated to hold; default without a limit. */
  readonly memoryLimitBytes?: number;
  /** warm makes a version, queues and all, whose directory it gets too, ready for its first caller; what it throws fails the load. Default nothing. */
  readonly warm?: (ctx: Ctx, servable: Servable, dir: string) => Promise<void>;
}

/** Batching is what joins requests for a version, whose folder is `dir`. */
export interface Batching {
  wrap(servable: Servable, dir: string): Promise<Servable>;
}

/** A version is estimated to take this many times its size on disk, as in TensorFlow Serving. */
const memoryPerByte = 1.2;

/** newLoader loads versions from where they lie, as far as memory allows. */
export function newLoader(options: LoaderOptions): Loader {
  return new Loader(options);
}

class Loader {
  readonly #options: LoaderOptions;
  #usedBytes = 0;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** load brings a version here and loads it. Throws ResourceExhausted if it would not fit beside what is loaded. */
  readonly load = async (ctx: Ctx, spec: ServableSpec): Promise<Servable> => {
    const { loads } = this.#options;
    try {
      const servable = await this.#load(ctx, spec);
      loads.tried(spec.name, "success");
      return servable;
    } catch (err) {
      loads.tried(spec.name, "fail");
      throw err;
    }
  };

  async #load(ctx: Ctx, spec: ServableSpec): Promise<Servable> {
    const { storages, batching, warm, memoryLimitBytes: limit = Number.POSITIVE_INFINITY } = this.#options;
    const brought = await storageFor(storages, spec.path).bring(ctx, spec.path);
    let held = 0;
    const letGo = async (): Promise<void> => {
      this.#usedBytes -= held;
      held = 0;
      await brought[Symbol.asyncDispose]();
    };
    try {
      await refuseStrange(brought.dir, linksMax);
      if (limit !== Number.POSITIVE_INFINITY) {
        const bytes = Math.ceil(memoryPerByte * (await sizeOf(brought.dir)));
        if (this.#usedBytes + bytes > limit) {
          const why = `it takes ${bytes} bytes by its size on disk, ${this.#usedBytes} of ${limit} are taken`;
          throw newError(Code.ResourceExhausted, `Insufficient resources to load servable {name: ${spec.name} version: ${spec.version}}: ${why}`);
        }
        held = bytes;
        this.#usedBytes += bytes;
      }
      const loaded = await loadServable(ctx, this.#options, spec, brought.dir);
      const servable = await orClose(loaded, async () => {
        const wrapped = (await batching?.wrap(loaded, brought.dir)) ?? loaded;
        await warm?.(ctx, wrapped, brought.dir);
        return wrapped;
      });
      const close = async (): Promise<void> => {
        try {
          await servable.close();
        } finally {
          await letGo();
        }
      };
      return { ...servable, close };
    } catch (err) {
      await letGo();
      throw err;
    }
  }
}
export type { Loader };

/** orClose closes a loaded version if what is done to it before it is served fails. */
async function orClose(loaded: Servable, prepare: () => Promise<Servable>): Promise<Servable> {
  try {
    return await prepare();
  } catch (err) {
    await loaded.close();
    throw err;
  }
}

/** So many links to folders are followed, one in the other: they may lead back to where they are. */
const linksMax = 2;

/** refuseStrange throws FailedPrecondition for what is no file in a version's folder: to read a pipe or a device may never end, whatever engine does it. */
async function refuseStrange(dir: string, links: number): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const path = join(dir, entry.name);
    // A link to nothing is nothing: whoever needs the file says that it is missing.
    const found = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
    if (found === undefined || found.isFile()) continue;
    if (!found.isDirectory()) throw newError(Code.FailedPrecondition, `${path} is neither a file nor a folder`);
    const left = links - (entry.isSymbolicLink() ? 1 : 0);
    if (left >= 0) await refuseStrange(path, left);
  }
}

/** sizeOf adds up the files below a folder. */
async function sizeOf(dir: string): Promise<number> {
  let bytes = 0;
  for await (const entry of await opendir(dir)) {
    const path = join(dir, entry.name);
    bytes += entry.isDirectory() ? await sizeOf(path) : (await stat(path)).size;
  }
  return bytes;
}
