import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Clock, Code, messageOf, newError } from "@tfs/std";
import type { Storage } from "./storage.ts";

/** A folder that changed less than this before it was listed may have changed again without another time stamp: it is listed once more. */
const racyMs = 3_000;

interface Listed {
  /** stamp tells one state of the folder from another. */
  readonly stamp: string;
  readonly names: readonly string[];
}

/** newLocalStorage reads the local disk. A folder whose time stamps are as before is not listed again, so that looking often costs little. */
export function newLocalStorage(clock: Clock): Storage {
  const known = new Map<string, Listed>(); // as many as there are base paths
  return {
    async list(_, basePath) {
      const dir = pathOf(basePath);
      try {
        const { dev, ino, mtimeMs, ctimeMs } = await stat(dir);
        const stamp = `${dev}/${ino}/${mtimeMs}/${ctimeMs}`;
        const before = known.get(dir);
        if (before?.stamp === stamp) return before.names;
        const names = await readdir(dir);
        if (clock.wallMs() - Math.max(mtimeMs, ctimeMs) > racyMs) known.set(dir, { stamp, names });
        return names;
      } catch (err) {
        known.delete(dir);
        if ((err as NodeJS.ErrnoException).code === "ENOENT") throw newError(Code.NotFound, `${basePath} not found`, err);
        throw newError(Code.FailedPrecondition, messageOf(err), err);
      }
    },
    join: (basePath, child) => join(pathOf(basePath), child),
    bring: async (_, path) => ({ dir: pathOf(path), [Symbol.asyncDispose]: async () => {} }),
  };
}

function pathOf(path: string): string {
  return /^file:\/\//i.test(path) ? fileURLToPath(path) : path;
}
