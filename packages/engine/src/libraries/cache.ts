import { join } from "node:path";

/** libraryCache gives the folder that downloaded libraries lie in: tfs/engines below XDG_CACHE_HOME, or below ~/.cache. Without a home it is undefined. */
export function libraryCache({ XDG_CACHE_HOME: cache, HOME: home }: Readonly<Record<string, string | undefined>>): string | undefined {
  if (cache !== undefined && cache.startsWith("/")) return join(cache, "tfs", "engines"); // a relative one is to be ignored: XDG Base Directory Specification
  return home === undefined || home === "" ? undefined : join(home, ".cache", "tfs", "engines");
}
