import { type Stats, statSync } from "node:fs";
import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Clock, Code, messageOf, newError } from "@tfs/std";
import type { Storage } from "./storage.ts";

/** A folder that changed less than this before it was listed may have changed again without another time stamp: it is listed once more. */
const racyMs = 3_000;

/**
 * File systems on this machine's own disks or memory, by number (Linux, statfs(2)): ext2 to ext4, xfs, btrfs, zfs, f2fs, tmpfs, overlay. To ask one of them in place
 * takes a microsecond, a seventh of handing the question to another thread; anything else may be far away, and hang.
 */
const near = new Set([0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x01021994, 0x794c7630]);

interface Listed {
  /** stamp tells one state of the folder from another. */
  readonly stamp: Stamp;
  readonly names: readonly string[];
  readonly near: boolean;
}

type Stamp = Pick<Stats, "dev" | "ino" | "mtimeMs" | "ctimeMs">;

/** newLocalStorage reads the local disk. A folder whose time stamps are as before is not listed again, so that looking often costs little. */
export function newLocalStorage(clock: Clock): Storage {
  const known = new Map<string, Listed>(); // as many as there are base paths
  return {
    async list(_, basePath) {
      const dir = pathOf(basePath); // what is no path of this disk is told as such
      try {
        const before = known.get(dir);
        const found = before?.near === true ? statSync(dir) : await stat(dir);
        if (before !== undefined && isSame(before.stamp, found)) return before.names;
        const names = await readdir(dir);
        const changedMs = Math.max(found.mtimeMs, found.ctimeMs);
        if (clock.wallMs() - changedMs > racyMs) known.set(dir, { stamp: found, names, near: before?.near ?? near.has((await statfs(dir)).type) });
        return names;
      } catch (err) {
        known.delete(dir);
        if ((err as NodeJS.ErrnoException).code === "ENOENT") throw newError(Code.NotFound, `${basePath} not found`, err);
        throw newError(Code.FailedPrecondition, messageOf(err), err);
      }
    },
    isUnchanged(basePath, names) {
      const before = known.get(basePath);
      if (before?.names !== names || !before.near) return false;
      try {
        return isSame(before.stamp, statSync(basePath));
      } catch {
        return false; // list tells what is wrong
      }
    },
    join: (basePath, child) => join(pathOf(basePath), child),
    bring: async (_, path) => ({ dir: pathOf(path), [Symbol.asyncDispose]: async () => {} }),
  };
}

function isSame(a: Stamp, b: Stamp): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.dev === b.dev;
}

function pathOf(path: string): string {
  if (!/^file:\/\//i.test(path)) return path;
  try {
    return fileURLToPath(path);
  } catch (err) {
    throw newError(Code.InvalidArgument, `${path}: ${messageOf(err)}`, err);
  }
}
