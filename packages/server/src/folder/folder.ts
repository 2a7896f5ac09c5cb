import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * makeFolder makes a folder, and those above it that are missing; one that is there already is fine. `mode` is theirs, by default what the process's umask leaves.
 * Throws what the system says. It goes step by step, since Node's own `recursive` never returns below /proc, where a folder that is there says that it is missing.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await made(path, mode);
  } catch (err) {
    const above = dirname(path);
    if ((err as NodeJS.ErrnoException).code !== "ENOENT" || above === path) throw err;
    await makeFolder(above, mode);
    await made(path, mode);
  }
}

async function made(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== "EEXIST" || !(await stat(path)).isDirectory()) throw err;
  }
}
