import { lstat, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, type Logger, newError } from "@tfs/std";
import { makeFolder, ownerLives, ownerName } from "../folder/index.ts";

export interface CacheOptions {
  /** dir holds what is downloaded; default a folder of the user's own below the system's temporary directory. */
  readonly dir?: string | undefined;
  readonly logger: Logger;
}

/** Room is a folder of this machine for one download. Disposing it removes it. */
export interface Room extends AsyncDisposable {
  /** dir is where to write. It has a name by which nobody finds it. */
  readonly dir: string;
  /** seal says that everything is there, and gives the folder its own name. */
  seal(): Promise<string>;
}

/** openCache removes what processes that have ended without doing so have left, and makes rooms when they are asked for. */
export async function openCache(options: CacheOptions): Promise<Cache> {
  const cache = new Cache(options);
  await cache.sweep();
  return cache;
}

/** A run's folder says whose it is. */
const runName = /^run-(.+)-[A-Za-z0-9]{6}$/;

class Cache implements AsyncDisposable {
  readonly #dir: string;
  readonly #shared: boolean;
  readonly #logger: Logger;
  #run: Promise<string> | undefined;
  #rooms = 0;
  #closed = false;

  constructor({ dir, logger }: CacheOptions) {
    this.#shared = dir === undefined;
    this.#dir = dir ?? join(tmpdir(), `tfs-models-${process.getuid?.() ?? "user"}`);
    this.#logger = logger;
  }

  /** sweep removes folders of processes of this host that are no more. Those of other hosts, which may share the folder, are theirs. */
  async sweep(): Promise<void> {
    let names: string[];
    try {
      await this.#check();
      names = await readdir(this.#dir);
    } catch {
      return; // not there, or not ours: whoever asks for a room is told
    }
    for (const name of names) {
      const [, owner] = runName.exec(name) ?? [];
      if (owner === undefined || (await ownerLives(owner))) continue;
      try {
        await rm(join(this.#dir, name), { recursive: true, force: true });
        this.#logger.info("removed what a server that is no more had downloaded", { path: join(this.#dir, name) });
      } catch (err) {
        this.#logger.warn("cannot remove what a server that is no more had downloaded", { path: join(this.#dir, name), error: err });
      }
    }
  }

  /** room makes a folder; `label` is for people who look at it. */
  async room(label: string): Promise<Room> {
    if (this.#closed) throw newError(Code.Canceled, "nothing is downloaded any more: the server ends");
    const run = await this.#own();
    const name = `${++this.#rooms}-${label.replace(/[^\w.-]+/g, "_").slice(-60)}`;
    const [part, sealed] = [join(run, `${name}.part`), join(run, name)];
    const logger = this.#logger;
    await made(part);
    return {
      dir: part,
      async seal() {
        await rename(part, sealed);
        return sealed;
      },
      async [Symbol.asyncDispose]() {
        try {
          for (const dir of [part, sealed]) await rm(dir, { recursive: true, force: true });
        } catch (err) {
          logger.warn("cannot remove what was downloaded", { path: sealed, error: err }); // the next start tries again
        }
      },
    };
  }

  /** Disposing a cache removes all its rooms. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const run = await this.#run?.catch(() => undefined);
    if (run !== undefined) await rm(run, { recursive: true, force: true });
  }

  /** #own gives the folder of this cache, which no other reads. */
  #own(): Promise<string> {
    this.#run ??= (async () => {
      await made(this.#dir);
      await this.#check();
      return await mkdtemp(join(this.#dir, `run-${await ownerName()}-`));
    })();
    this.#run.catch(() => {
      this.#run = undefined;
    });
    return this.#run;
  }

  /** #check refuses a folder below the temporary directory that somebody else has made there: what lies in it is code that we would run. */
  async #check(): Promise<void> {
    if (!this.#shared) return;
    const stat = await lstat(this.#dir);
    const owned = process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o077) === 0);
    if (!stat.isDirectory() || !owned)
      throw newError(
        Code.FailedPrecondition,
        "the folder for downloaded models is not this user's alone; remove it or name another by --model_cache_dir",
        this.#dir,
      );
  }
}
export type { Cache };

async function made(dir: string): Promise<void> {
  try {
    await makeFolder(dir, 0o700);
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code === "ENOSPC" ? Code.ResourceExhausted : Code.FailedPrecondition;
    throw newError(code, "the folder for downloaded models cannot be made (--model_cache_dir)", err);
  }
}
