import type { Stats } from "node:fs";
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Clock, Code, type Logger, newError, type Timer } from "@tfs/std";
import { makeFolder } from "../folder/index.ts";

export interface FilesOptions {
  /** prefix is a path whose last part begins the names of the files. */
  readonly prefix: string;
  /** extension ends them, without a dot. */
  readonly extension: string;
  /** fileBytes is when a file is followed by another; one record may be longer. Default 128 MiB. */
  readonly fileBytes?: number;
  /** fileMs is how long a file is written to; default an hour. */
  readonly fileMs?: number;
  /** files is how many there may be; default 100. The oldest go first. */
  readonly files?: number;
  /** totalBytes is what all of them may have; default 4 GiB. */
  readonly totalBytes?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export const defaultFileBytes: number = 128 << 20;
export const defaultFileMs: number = 3_600_000;
export const defaultFiles = 100;
export const defaultTotalBytes: number = 4 * 2 ** 30;

/** Files of one name that are there already: other servers of this prefix. More than this many at one moment is no accident. */
const namesMax = 100;
/** The open file's path is looked at this often: what is written to a file that was removed is in no folder, and takes its place on the disk all the same. */
const lookMs = 1000;

/** checkPrefix refuses what names no files. */
export function checkPrefix(prefix: string): void {
  if (prefix === "" || /[/\\]$/.test(prefix))
    throw newError(Code.InvalidArgument, `filename_prefix ${JSON.stringify(prefix)}: expected a path whose last part begins the names of files`);
}

/** newFiles writes to one file after the other. Nothing is opened before there is something to write, and no file is renamed: what was written stays where it is. */
export function newFiles(options: FilesOptions): Files {
  return new Files(options);
}

interface Open {
  readonly file: FileHandle;
  readonly path: string;
  readonly timer: Timer;
  /** inode is the file's, as long as nobody removes it. */
  readonly inode: string;
  /** lookedAt is when its path was looked at, on the clock's scale. */
  lookedAt: number;
  sizeBytes: number;
}

/** Files has one caller at a time. */
class Files {
  readonly #options: FilesOptions;
  readonly #totalBytes: number;
  readonly #fileBytes: number;
  readonly #filesMax: number;
  readonly #ours: RegExp;
  #open: Open | undefined;
  #isOld = false;
  /** The last name that was given: a clock that is set back must not mix up the order of names. */
  #wallMs = 0;
  #count = 0;
  /** onOld is called when the open file has been written to long enough. */
  onOld: () => void = () => {};

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#totalBytes = options.totalBytes ?? defaultTotalBytes;
    this.#fileBytes = Math.min(options.fileBytes ?? defaultFileBytes, this.#totalBytes);
    this.#filesMax = options.files ?? defaultFiles;
    const name = basename(options.prefix).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    this.#ours = new RegExp(`^${name}-\\d{8}T\\d{6}\\.\\d{3}Z-\\d{6,}\\.${options.extension}$`);
  }

  /** isOld tells whether the open file is to be closed even if nothing more comes. */
  get isOld(): boolean {
    return this.#isOld;
  }

  /** room opens a file in which a record of that size has its place, and tells how many bytes it has room for. */
  async room(sizeBytes: number): Promise<number> {
    const current = this.#open;
    const isFull = current !== undefined && current.sizeBytes > 0 && current.sizeBytes + sizeBytes > this.#fileBytes;
    if (current !== undefined && (this.#isOld || isFull || (await this.#isGone(current)))) await this.close();
    this.#open ??= await this.#begin();
    return Math.max(sizeBytes, this.#fileBytes - this.#open.sizeBytes);
  }

  /** append writes whole records at the end of the open file. If it throws, the file ends where it did before, as far as that can be brought about. */
  async append(bytes: Uint8Array): Promise<void> {
    const current = this.#open;
    if (current === undefined) throw new Error("append without room");
    const { file, path, sizeBytes } = current;
    try {
      for (let written = 0; written < bytes.byteLength; ) written += (await file.write(bytes, written)).bytesWritten;
      current.sizeBytes += bytes.byteLength;
    } catch (err) {
      await file.truncate(sizeBytes).catch(() => {}); // it is the end of a broken file in any case: another one follows
      await this.close().catch(() => {});
      if (sizeBytes === 0) await rm(path, { force: true }).catch(() => {}); // a full disk must not fill the folder with empty files, which would drive out others
      throw err;
    }
  }

  /** close ends the open file; another one begins with the next record. */
  async close(): Promise<void> {
    const current = this.#open;
    this.#open = undefined;
    this.#isOld = false;
    current?.timer.cancel();
    await current?.file.close();
  }

  /** #isGone tells, looking once a second at most, whether the open file is no longer at its path. */
  async #isGone(current: Open): Promise<boolean> {
    const { clock, logger } = this.#options;
    if (clock.now() - current.lookedAt < lookMs) return false;
    current.lookedAt = clock.now();
    const { path } = current;
    const found = await stat(path).then(inodeOf, (err: NodeJS.ErrnoException) => (err.code === "ENOENT" || err.code === "ENOTDIR" ? "" : current.inode));
    if (found === current.inode) return false;
    logger.warn("the open request log was removed or moved away: another one begins", { path });
    return true;
  }

  async #begin(): Promise<Open> {
    const { prefix, extension, clock, fileMs = defaultFileMs } = this.#options;
    const dir = dirname(prefix);
    await makeFolder(dir);
    this.#wallMs = Math.max(this.#wallMs, clock.wallMs());
    const stamp = new Date(this.#wallMs).toISOString().replace(/[-:]/g, "");
    for (let tries = 1; ; tries++) {
      const path = join(dir, `${basename(prefix)}-${stamp}-${String(++this.#count).padStart(6, "0")}.${extension}`);
      try {
        const file = await open(path, "ax");
        const inode = inodeOf(await file.stat());
        const timer = clock.after(
          fileMs,
          () => {
            this.#isOld = true;
            this.onOld();
          },
          { background: true },
        );
        await this.#prune(dir, basename(path));
        return { file, path, timer, inode, lookedAt: clock.now(), sizeBytes: 0 };
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== "EEXIST" || tries === namesMax) throw err;
      }
    }
  }

  /** #prune removes the oldest files until there is room for what the newest may become. */
  async #prune(dir: string, newest: string): Promise<void> {
    const { logger } = this.#options;
    try {
      const names = (await readdir(dir)).filter((name) => name !== newest && this.#ours.test(name)).sort();
      let left = this.#totalBytes - this.#fileBytes;
      for (const [i, name] of names.reverse().entries()) {
        const path = join(dir, name);
        left -= (await stat(path)).size;
        if (left >= 0 && i + 1 < this.#filesMax) continue;
        left = -1; // what is older goes too
        await rm(path, { force: true });
        logger.info("an old request log is removed", { path });
      }
    } catch (err) {
      logger.warn("old request logs are not removed", { dir, error: err });
    }
  }
}
export type { Files };

function inodeOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
