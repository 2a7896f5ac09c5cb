import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@tfs/std";
import { openRemoteStorages, type RemoteStorages, type RemoteTuning } from "../storage/index.ts";
import { models, silent } from "./serve.ts";

/** remoteStorages opens storages that try again at once. */
export function remoteStorages(tuning: RemoteTuning): Promise<RemoteStorages> {
  return openRemoteStorages({ clock: systemClock(), logger: silent, random: () => 0, firstRetryMs: 1, ...tuning });
}

/** filesOf gives the files below a folder, by their paths from it. */
export function filesOf(dir: string): Map<string, Buffer> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const named = files.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(dir.length + 1).replaceAll("\\", "/"), readFileSync(path)] as const;
  });
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** modelFiles gives the files of a committed model version, such as "half_plus_two/1". */
export function modelFiles(version: string): Map<string, Buffer> {
  return filesOf(join(models, version));
}

/** downloads lists what lies in the folders of a cache: nothing, when all was let go of. */
export function downloads(cacheDir: string): string[] {
  return readdirSync(cacheDir).flatMap((run) => readdirSync(join(cacheDir, run)));
}
