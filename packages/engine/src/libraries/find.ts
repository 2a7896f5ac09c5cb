import { readdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import { byNumbers, filesOf, type Library } from "./library.ts";

/** Place is a kind of place that libraries come from, in the order in which they are looked at. */
export type Place = "explicit" | "cache" | "npm" | "python";

/** Explicit is a folder that somebody has named, and by what: "--openvino_dir", say. */
export interface Explicit {
  readonly dir: string;
  readonly by: string;
}

export interface FindOptions {
  /** explicit is the only place that is looked at, where it is given. */
  readonly explicit?: Explicit | undefined;
  /** cacheDir holds NAME/VERSION folders; undefined is none. */
  readonly cacheDir?: string | undefined;
  /** packageDir gives the folder of an installed npm package; default as Node resolves it from here. */
  readonly packageDir?: (name: string) => string | undefined;
  /** pythons are the interpreters that are asked, one after the other: commands or paths. */
  readonly pythons: readonly string[];
  /** pythonMs is how long each may take to answer; default 10,000. */
  readonly pythonMs?: number;
}

export interface Found {
  readonly dir: string;
  readonly place: Place;
  /** version is what the place says of it; undefined if it does not: the library itself knows. */
  readonly version?: string;
  /** files are the names of the library's files in `dir`, in the order of its parts. */
  readonly files: readonly string[];
  readonly sizeBytes: number;
}

/** Passed is a place that was looked at and does not have the library. */
export interface Passed {
  readonly place: Place;
  /** where is a folder, a package's name or an interpreter. */
  readonly where: string;
  readonly why: string;
}

/** Search is how looking for a library ended. */
export interface Search {
  readonly found?: Found;
  readonly passed: readonly Passed[];
}

/** Below a folder that is named, and below a package's, libraries may lie here: OpenVINO's Python package has libs, npm packages have lib. */
const below = ["", "libs", "lib"];

/**
 * findLibrary looks for a library: in the folder that is named, and nowhere else, else in the cache (the highest version that is whole), in the npm package of this
 * platform, in each Python's packages. Throws InvalidArgument if a folder is named that does not hold it.
 */
export async function findLibrary(ctx: Ctx, library: Library, options: FindOptions): Promise<Search> {
  const { explicit, cacheDir, packageDir = installed, pythons, pythonMs } = options;
  if (explicit !== undefined) {
    const held = await holds(library, explicit.dir);
    if (typeof held === "string")
      throw newError(Code.InvalidArgument, `${explicit.by}=${explicit.dir} does not hold the libraries of ${library.title}: ${held}`);
    return { found: { place: "explicit", ...held }, passed: [] };
  }
  const passed: Passed[] = [];
  const pass = (place: Place, where: string, why: string): void => void passed.push({ place, where, why });

  if (cacheDir === undefined) pass("cache", "~/.cache", "there is no home folder that it could be in");
  else {
    const home = join(cacheDir, library.name);
    const versions = await versionsIn(home);
    if (versions.length === 0) pass("cache", home, `nothing is installed there; tfs-server engine install ${library.name} does that`);
    for (const version of versions) {
      const held = await holds(library, join(home, version));
      if (typeof held !== "string") return { found: { place: "cache", version, ...held }, passed };
      pass("cache", join(home, version), held);
    }
  }
  throwIfDone(ctx);
  if (library.npm !== undefined) {
    const name = `${library.npm}-${process.platform}-${process.arch}`;
    const dir = packageDir(name);
    const held = dir === undefined ? "is not installed" : await holds(library, dir);
    if (typeof held !== "string") return { found: { place: "npm", ...(await versionOf(dir!)), ...held }, passed };
    pass("npm", name, held);
  }
  for (const python of pythons) {
    throwIfDone(ctx);
    const { askPython } = await import("./python.ts"); // with it comes all that starts processes
    const answer = await askPython(ctx, python, { ...library, ...(pythonMs === undefined ? {} : { limitMs: pythonMs }) });
    if (answer === undefined || typeof answer === "string") {
      pass("python", python, answer ?? `it has no package ${library.module}`);
      continue;
    }
    const held = await holds(library, answer.dir);
    if (typeof held !== "string") return { found: { place: "python", ...(answer.version !== undefined && { version: answer.version }), ...held }, passed };
    pass("python", python, `${answer.dir}: ${held}`);
  }
  return { passed };
}

/** holds gives where exactly a folder has a library, or why it does not. */
async function holds(library: Library, dir: string): Promise<Pick<Found, "dir" | "files" | "sizeBytes"> | string> {
  let why: string | undefined;
  for (const part of below) {
    const at = join(dir, part);
    let names: string[];
    try {
      names = await readdir(at);
    } catch (err) {
      why ??= unreadable(err);
      continue;
    }
    const { files, missing } = filesOf(library, names);
    if (missing.length === 0) return await measured(at, files);
    if (part === "" || files.length > 0) why = `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not there`;
  }
  return why!;
}

async function measured(dir: string, files: readonly string[]): Promise<Pick<Found, "dir" | "files" | "sizeBytes"> | string> {
  let sizeBytes = 0;
  for (const name of files) {
    const found = await stat(join(dir, name)).catch(() => undefined);
    if (found?.isFile() !== true || found.size === 0) return `${name} is no file, or an empty one`;
    sizeBytes += found.size;
  }
  return { dir, files, sizeBytes };
}

function unreadable(err: unknown): string {
  const { code = "" } = err as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such folder";
  return code === "ENOTDIR" ? "it is no folder" : `it cannot be read${code === "" ? "" : ` (${code})`}`;
}

/** versionsIn lists what is installed in the cache, the newest first. Folders of work that goes on, or did, begin with a dot. */
async function versionsIn(home: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(home);
    return entries
      .filter((name) => /^\d/.test(name))
      .sort(byNumbers)
      .reverse();
  } catch {
    return [];
  }
}

/** installed resolves a package from this one, which names it as an optional dependency, also where this code was put into another package's file. */
function installed(name: string): string | undefined {
  for (const from of [import.meta.url, resolved("@tfs/engine/package.json", import.meta.url)]) {
    const manifest = from === undefined ? undefined : resolved(`${name}/package.json`, from);
    if (manifest !== undefined) return dirname(manifest);
  }
  return undefined;
}

function resolved(specifier: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(specifier);
  } catch {
    return undefined;
  }
}

async function versionOf(dir: string): Promise<{ readonly version?: string }> {
  try {
    const { version } = JSON.parse(await readFile(join(dir, "package.json"), "utf8")) as { version?: unknown };
    return typeof version === "string" ? { version } : {};
  } catch {
    return {};
  }
}
