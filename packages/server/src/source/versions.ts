import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Code, messageOf, newError } from "@tfs/std";

/** FoundVersion is a child of a base path whose whole name is a number. */
export interface FoundVersion {
  readonly version: bigint;
  readonly path: string;
}

const maxInt64 = 2n ** 63n - 1n;

/**
 * versionsIn reads names as versions, highest first. Leading zeros, a plus sign and white space around are allowed, as TensorFlow Serving's parser does;
 * anything else is skipped. Of two names for one number the one that sorts last wins.
 */
export function versionsIn(basePath: string, names: readonly string[]): FoundVersion[] {
  const found = new Map<bigint, string>();
  for (const name of [...names].sort()) {
    const digits = /^\s*\+?(\d+)\s*$/.exec(name)?.[1];
    if (digits === undefined || BigInt(digits) > maxInt64) continue;
    found.set(BigInt(digits), name);
  }
  return [...found].sort(([a], [b]) => (a < b ? 1 : -1)).map(([version, name]) => ({ version, path: join(basePath, name) }));
}

/** latestVersion picks the greatest number. */
export function latestVersion(versions: readonly FoundVersion[]): FoundVersion | undefined {
  return versions[0];
}

/** listVersions lists a base path. Throws InvalidArgument if it cannot. */
export async function listVersions(model: string, basePath: string): Promise<FoundVersion[]> {
  let names: string[];
  try {
    names = await readdir(basePath);
  } catch (err) {
    const why = (err as NodeJS.ErrnoException).code === "ENOENT" ? `NOT_FOUND: ${basePath} not found` : messageOf(err);
    throw newError(Code.InvalidArgument, `Could not find base path ${basePath} for servable ${model} with error ${why}`, err);
  }
  return versionsIn(basePath, names);
}
