import { type State, state } from "./state.ts";
import { newVersion, type Version } from "./version.ts";

/** Aspired is a version that the source wants served, and its directory. */
export interface Aspired {
  readonly version: bigint;
  readonly path: string;
}

/** Ended versions of one model that are remembered, for GetModelStatus; those with the least numbers are forgotten first. */
const endedMax = 1000;

/** newModel holds the versions of one model: those that live, and those that have ended. */
export function newModel(name: string): Model {
  return new Model(name);
}

class Model {
  readonly name: string;
  readonly versions: Map<bigint, Version> = new Map();
  /** latest is the available version with the greatest number. */
  latest: Version | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** find gives a version that can be asked for now. */
  find(version: bigint): Version | undefined {
    const found = this.versions.get(version);
    return found?.state === state.available ? found : undefined;
  }

  /** aspire makes `wanted` what is aspired, and gives the versions that are so no longer. One that ended and was not aspired meanwhile starts anew. */
  aspire(wanted: readonly Aspired[]): Version[] {
    const next = new Map(wanted.map((w) => [w.version, w.path]));
    const dropped: Version[] = [];
    for (const v of this.versions.values()) {
      if (!v.aspired || next.has(v.version)) continue;
      v.aspired = false;
      dropped.push(v);
      if (v.state === state.start && v.loading === undefined) this.versions.delete(v.version); // nothing has happened to it yet
    }
    for (const [version, path] of next) {
      const known = this.versions.get(version);
      if (known === undefined || (known.state === state.end && !known.aspired)) this.versions.set(version, newVersion(version, path));
      else if (!known.aspired) {
        known.aspired = true; // it ends first, and is loaded again: from where it lies now
        known.path = path;
      }
    }
    return dropped;
  }

  /** move sets a version's state, and forgets what has ended long since. */
  move(version: Version, to: State): void {
    version.state = to;
    this.latest = undefined;
    for (const v of this.versions.values()) {
      if (v.state === state.available && (this.latest === undefined || v.version > this.latest.version)) this.latest = v;
    }
    if (to === state.end && this.versions.size > endedMax) this.#forget();
  }

  /** restart lets a version begin its life again: it was wanted, then not, then again, and had to end in between. */
  restart(version: Version): void {
    this.versions.set(version.version, newVersion(version.version, version.path));
  }

  #forget(): void {
    const ended = [...this.versions.values()].filter((v) => v.state === state.end && !v.aspired).sort((a, b) => (a.version < b.version ? -1 : 1));
    for (const v of ended.slice(0, Math.max(0, ended.length - endedMax))) this.versions.delete(v.version);
  }
}
export type { Model };
