import { access, constants, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Library } from "@tfs/engine";
import { type Clock, Code, codeOf, type Ctx, messageOf, newError, throwIfDone } from "@tfs/std";
import { local } from "./local.ts";
import { type Machine, tagsFor } from "./machine.ts";
import { downloadWheel, type Pip, planWheel, type Wanted, type Wheel } from "./pip.ts";
import { bytes, type Progress } from "./progress.ts";
import { releases } from "./release.ts";
import { openWheel, sha256Of } from "./wheel.ts";
import { openWorkplace, type Workplace } from "./workplace.ts";

export interface InstallOptions {
  /** version is one or a range (2.21.0, 2.21.*); default what the engine was tried with. */
  readonly version?: string | undefined;
  /** cacheDir gets NAME/VERSION folders. */
  readonly cacheDir: string;
  /** pythons are the interpreters whose pip may be asked: the first that has one is. */
  readonly pythons: readonly string[];
  /** env is what pip runs in: it is set up by variables, besides its files. */
  readonly env: Pip["env"];
  readonly machine: Machine;
  /** agree is told what would be done, before anything is downloaded; false ends it. */
  readonly agree: (plan: Plan) => Promise<boolean>;
  readonly progress: Progress;
  readonly clock: Clock;
  /** freeBytes gives how much may be written below a folder that is there; default as the system says. */
  readonly freeBytes?: (dir: string) => Promise<number>;
}

/** Plan is what installing would do. */
export interface Plan {
  readonly library: Library;
  readonly wheel: Wheel;
  readonly dir: string;
  /** diskBytes is what is kept in the end, roughly if the version is not one that was measured; undefined if nobody knows. */
  readonly diskBytes: number | undefined;
}

/** Installed is what lies in the cache afterwards. */
export interface Installed extends Recorded {
  readonly dir: string;
  /** did says what there was to do: nothing, if it was there already. */
  readonly did: "nothing" | "installed";
}

/** Recorded is what is written beside the libraries, last: where they are from, and how large each file is. */
interface Recorded {
  readonly name: string;
  readonly version: string;
  readonly wheel: string;
  readonly sha256: string;
  readonly files: Readonly<Record<string, number>>;
  readonly licences: readonly string[];
}

const recordName = "installed.json";

/** versionForm is what may stand behind --version. */
export const versionForm: RegExp = /^\d+(\.\d+)*(\.\*|(a|b|rc)\d+)?$/;

/**
 * install brings a library into the cache. A version that is there, whole, and is one of those wanted is left as it is, and the index is not asked.
 * Throws Canceled if it is not agreed to, else what pip and the disk say.
 */
export async function install(ctx: Ctx, library: Library, options: InstallOptions): Promise<Installed> {
  const { cacheDir, machine, agree, progress, freeBytes = free } = options;
  const tags = tagsFor(machine);
  const release = releases[library.name];
  const wanted: Wanted = { distribution: release.distribution, version: options.version ?? release.versions, tags };
  const home = join(cacheDir, library.name);
  const there = await newest(home, wanted.version);
  if (there !== undefined) return there;

  const { pip, wheel } = await planned(ctx, wanted, options);
  const [dir, diskBytes] = [join(home, wheel.version), matches(wheel.version, release.versions) ? release.roughBytes : undefined];
  // The wheel lies there twice while pip copies it, and then beside what is unpacked.
  const wheelBytes = wheel.sizeBytes ?? 0;
  await checkRoom(home, wheelBytes + Math.max(wheelBytes, diskBytes ?? 0), freeBytes);
  if (!(await agree({ library, wheel, dir, diskBytes }))) throw newError(Code.Canceled, "nothing was installed");

  await using workplace = await openWorkplace(home, wheel.version);
  const { file, sha256 } = await brought(ctx, workplace, { wheel, wanted, pip, progress, clock: options.clock });
  try {
    const record = await unpacked(ctx, workplace, { home, library, file, sha256, version: wheel.version, progress, freeBytes });
    throwIfDone(ctx);
    await settle(workplace, dir);
    return { ...record, dir, did: "installed" };
  } catch (err) {
    if (!worthKeeping.has(codeOf(err))) workplace.done();
    throw err;
  }
}

/** A wheel is kept for another run if this one was stopped, or the disk is full; not if the wheel itself is at fault. */
const worthKeeping: ReadonlySet<Code> = new Set([Code.Canceled, Code.ResourceExhausted]);

interface Unpacking {
  readonly home: string;
  readonly library: Library;
  readonly file: string;
  readonly sha256: string;
  readonly version: string;
  readonly progress: Progress;
  readonly freeBytes: (dir: string) => Promise<number>;
}

/** unpacked unpacks a wheel into the workplace, and writes down what it was. */
async function unpacked(ctx: Ctx, { files }: Workplace, { home, library, file, sha256, version, progress, freeBytes }: Unpacking): Promise<Recorded> {
  using wheel = await openWheel(file, library);
  await checkRoom(home, wheel.sizeBytes, freeBytes);
  let done = 0;
  for (const member of wheel.members) await wheel.unpack(ctx, member, files, (n) => progress.at("unpacking", (done += n), wheel.sizeBytes));
  const record: Recorded = {
    name: library.name,
    version,
    wheel: basename(file),
    sha256,
    files: Object.fromEntries(wheel.members.map(({ file, entry }) => [file, entry.uncompressedSize])),
    licences: wheel.members.filter(({ kind }) => kind === "licence").map(({ file }) => file),
  };
  await local(files, () => writeFile(join(files, recordName), `${JSON.stringify(record, undefined, 2)}\n`));
  return record;
}

/** planned asks the first pip that there is. */
async function planned(ctx: Ctx, wanted: Wanted, { pythons, env }: InstallOptions): Promise<{ readonly pip: Pip; readonly wheel: Wheel }> {
  const lacks: string[] = [];
  for (const python of pythons) {
    const pip = { python, env };
    try {
      return { pip, wheel: await planWheel(ctx, pip, wanted) };
    } catch (err) {
      if (codeOf(err) !== Code.FailedPrecondition) throw err;
      lacks.push(messageOf(err));
    }
  }
  throw newError(Code.FailedPrecondition, lacks.join("; "));
}

interface Bringing {
  readonly wheel: Wheel;
  readonly wanted: Wanted;
  readonly pip: Pip;
  readonly progress: Progress;
  readonly clock: Clock;
}

/** brought gives the wheel: as a run before has left it, if it is the right one still, or downloaded. A wheel that lies in the workplace is whole. */
async function brought(
  ctx: Ctx,
  workplace: Workplace,
  { wheel, wanted, pip, progress, clock }: Bringing,
): Promise<{ readonly file: string; readonly sha256: string }> {
  const kept = join(workplace.wheel, wheel.file);
  if (await isFile(kept)) {
    const sha256 = await sha256Of(ctx, kept);
    if (wheel.sha256 === undefined || sha256 === wheel.sha256) {
      progress.say(`${wheel.file} is there from a run before`);
      return { file: kept, sha256 };
    }
    await rm(kept);
  }
  const onBytes = (done: number): void => progress.at("downloading", done, wheel.sizeBytes);
  const file = await downloadWheel(ctx, pip, { wheel, wanted, scratch: workplace.scratch, clock, onBytes });
  onBytes((await stat(file)).size);
  const sha256 = await sha256Of(ctx, file);
  if (wheel.sha256 !== undefined && sha256 !== wheel.sha256)
    throw newError(Code.DataLoss, `${wheel.file} has the checksum ${sha256}, and the index says ${wheel.sha256}: it was thrown away`);
  await local(workplace.wheel, () => rename(file, kept));
  return { file: kept, sha256 };
}

/** How often what is in the way is moved out of it: others may do the same. */
const triesMax = 4;

/** settle gives what is unpacked its name, at once. If another run was quicker, its work stands; what lies there and is not whole goes. */
async function settle(workplace: Workplace, dir: string): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    if ((await renamed(workplace.files, dir)) || (await recorded(dir)) !== undefined) return workplace.done();
    await renamed(dir, join(workplace.scratch, `broken-${tries}`));
  }
  throw newError(Code.Aborted, `${dir} is in the way, and comes back`);
}

/** renamed tells whether it could be, as it cannot if there is something of that name, or nothing of the old one. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (err) {
    if (["ENOTEMPTY", "EEXIST", "ENOTDIR", "ENOENT"].includes((err as NodeJS.ErrnoException).code ?? "")) return false;
    return await local(to, () => Promise.reject(err));
  }
}

/** newest gives the newest of the wanted versions that is installed, whole. */
async function newest(home: string, wanted: string): Promise<Installed | undefined> {
  const versions = (await readdir(home).catch(() => [])).filter((name) => matches(name, wanted)).sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  for (const version of versions) {
    const record = await recorded(join(home, version));
    if (record !== undefined) return { ...record, dir: join(home, version), did: "nothing" };
  }
  return undefined;
}

/** recorded gives what is installed in a folder; undefined if it is not whole: a file is missing, or has another size. */
async function recorded(dir: string): Promise<Recorded | undefined> {
  try {
    const record = JSON.parse(await readFile(join(dir, recordName), "utf8")) as Recorded;
    for (const [file, size] of Object.entries(record.files)) if ((await stat(join(dir, file))).size !== size) return undefined;
    return record;
  } catch {
    return undefined;
  }
}

/** matches tells whether a version is the wanted one, or one of the wanted range (2.21.*). */
function matches(version: string, wanted: string): boolean {
  return wanted.endsWith(".*") ? `${version}.`.startsWith(wanted.slice(0, -1)) : version === wanted;
}

/** checkRoom throws if a folder, or where it would be made, may not be written to or has no room. */
async function checkRoom(dir: string, needed: number, freeBytes: (dir: string) => Promise<number>): Promise<void> {
  const found = await nearestFolder(dir);
  await local(dir, () => access(found, constants.W_OK));
  const left = await local(found, () => freeBytes(found));
  if (left < needed)
    throw newError(
      Code.ResourceExhausted,
      `${dir}: ${bytes(needed)} are needed there for a while, and ${bytes(left)} are left; --cache_dir names another folder`,
    );
}

async function nearestFolder(dir: string): Promise<string> {
  const there = await stat(dir).catch(() => undefined);
  return there !== undefined || dirname(dir) === dir ? dir : await nearestFolder(dirname(dir));
}

async function free(dir: string): Promise<number> {
  const { bavail, bsize, blocks } = await statfs(dir);
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize; // there are none where files are no files: writing will tell
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
