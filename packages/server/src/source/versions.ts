import type { VersionPolicy } from "../config/index.ts";

/** FoundVersion is a child of a base path whose whole name is a number. */
export interface FoundVersion {
  readonly version: bigint;
  /** name is the child's. */
  readonly name: string;
}

/** Found is what a list of names holds, and what is odd about it. */
export interface Found {
  /** versions are highest first. */
  readonly versions: readonly FoundVersion[];
  readonly warnings: readonly string[];
}

const maxInt64 = 2n ** 63n - 1n;

/**
 * versionsIn reads names as versions. Leading zeros, a plus sign and white space around are allowed, as TensorFlow Serving's parser does; anything else is
 * skipped. Of two names for one number the one that sorts last wins.
 */
export function versionsIn(names: readonly string[]): Found {
  const found = new Map<bigint, string>();
  const warnings: string[] = [];
  for (const name of [...names].sort()) {
    const version = versionOf(name);
    if (version === undefined) continue;
    const before = found.get(version);
    if (before !== undefined)
      warnings.push(`Duplicate version directories detected. Version ${version} will be loaded from ${name}, ${before} will be ignored.`);
    found.set(version, name);
  }
  return { versions: [...found].sort(([a], [b]) => (a < b ? 1 : -1)).map(([version, name]) => ({ version, name })), warnings };
}

function versionOf(child: string): bigint | undefined {
  const digits = /^\s*\+?(\d{1,40})\s*$/.exec(child)?.[1];
  if (digits === undefined) return undefined;
  const version = BigInt(digits);
  return version > maxInt64 ? undefined : version;
}

/** select picks from the versions of a model what its policy wants, highest first, and says what it misses. */
export function select(model: string, basePath: string, policy: VersionPolicy, found: readonly FoundVersion[]): Found {
  if (policy.kind === "specific") return selectSpecific(model, basePath, policy.versions, found);
  if (found.length === 0) return { versions: [], warnings: [none(model, basePath)] };
  return { versions: policy.kind === "all" ? found : found.slice(0, policy.count), warnings: [] };
}

function selectSpecific(model: string, basePath: string, wanted: readonly bigint[], found: readonly FoundVersion[]): Found {
  if (wanted.length === 0) return { versions: [], warnings: [`No specific versions requested for servable ${model}.`] };
  const versions = found.filter((f) => wanted.includes(f.version));
  const warnings = wanted
    .filter((version) => !found.some((f) => f.version === version))
    .map(
      (version) =>
        `Version ${version} of servable ${model}, which was requested to be served as a 'specific' version in the servable's configuration, was not found in the file system under ${basePath}`,
    );
  return { versions, warnings: versions.length === 0 ? [...warnings, none(model, basePath)] : warnings };
}

function none(model: string, basePath: string): string {
  return `No versions of servable ${model} found under base path ${basePath}. Did you forget to name your leaf directory as a number (eg. '/1/')?`;
}
