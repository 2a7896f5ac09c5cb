import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Code, newError } from "@tfs/std";

/** FoundVersion is a child of a base path whose whole name is a number. */
export interface FoundVersion {
  readonly version: bigint;
  readonly path: string;
}

const maxInt64 = 2n ** 63n - 1n;

/**
 * versionsIn reads names as versions, highest first. Leading zeros are allowed; anything else is skipped. Of two names for one number the one that
 * sorts last wins, as in TensorFlow Serving.
 */
export function versionsIn(basePath: string, names: readonly string[]): FoundVersion[] {
  const found = new Map<bigint, string>();
  for (const name of [...names].sort()) {
    if (!/^\d+$/.test(name) || BigInt(name) > maxInt64) continue;
    found.set(BigInt(name), name);
  }
  return [...found].sort(([a], [b]) => (a < b ? 1 : -1)).map(([version, name]) => ({ version, path: join(basePath, name) }));
}

/** latestVersion picks the greatest number. */
export function latestVersion(versions: readonly FoundVersion[]): FoundVersion | undefined {
  return versions[0];
}

/** listVersions lists a base path. Throws NotFound if it is not there. */
export async function listVersions(model: string, basePath: string): Promise<FoundVersion[]> {
  let names: string[];
  try {
    names = await readdir(basePath);
  } catch (err) {
    throw newError(Code.NotFound, `Could not find base path ${basePath} for servable ${model}`, err);
  }
  return versionsIn(basePath, names);
}
