import { Code, type Ctx, newError } from "@tfs/std";
import { schemeOf, withoutQuery } from "../config/index.ts";

/** Storage is where base paths lie. Paths are as they stand in the configuration, with their scheme. */
export interface Storage {
  /** list names the children of a base path; the same array again if nothing has changed since. Throws NotFound if there is no such folder. */
  list(ctx: Ctx, basePath: string): Promise<readonly string[]>;
  /** isUnchanged tells, where that can be told at once, that list would give this array again; false if it may not. */
  isUnchanged?(basePath: string, names: readonly string[]): boolean;
  /** join gives the path of a child. */
  join(basePath: string, child: string): string;
  /** bring makes the files of a version directory readable on this machine. Whoever brings disposes. */
  bring(ctx: Ctx, path: string): Promise<Brought>;
}

/** Brought is a folder of this machine that holds a version's files until it is disposed. */
export interface Brought extends AsyncDisposable {
  readonly dir: string;
}

/** Storages are by scheme, in lower case; "file" is the local disk. */
export type Storages = Readonly<Record<string, Storage>>;

/** storageFor gives the storage that a path lies in. Throws Unimplemented if there is none for its scheme. */
export function storageFor(storages: Storages, path: string): Storage {
  const scheme = path.startsWith("/") ? "file" : (schemeOf(path) ?? "file"); // most are
  const found = storages[scheme];
  if (found !== undefined) return found;
  const known = Object.keys(storages).filter((name) => name !== "file");
  const others = known.length === 0 ? "only paths of the local disk are read" : `known: ${known.map((name) => `${name}://`).join(", ")}`;
  throw newError(Code.Unimplemented, `File system scheme '${scheme}' not implemented (file: '${withoutQuery(path)}'); ${others}`);
}
