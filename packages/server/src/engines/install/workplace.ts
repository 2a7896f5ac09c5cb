import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, ownerName, ownerLives } from "../../folder/index.ts";
import { local } from "./local.ts";
import { partial } from "./wheel.ts";

/** Workplace is a folder of one run, beside those that are installed. Disposing it removes what is not whole, and all of it if nothing is. */
export interface Workplace extends AsyncDisposable {
  /** wheel holds the downloaded wheel, once it is whole and is the right one. */
  readonly wheel: string;
  /** files holds what is unpacked. */
  readonly files: string;
  /** scratch is for what is under way. */
  readonly scratch: string;
  /** done says that nothing in it is of use any more. */
  done(): void;
}

/** Its name says of which version it is and whose. */
const workName = /^\.part-([^-]+)-(.+)-[A-Za-z0-9]{6}$/;
/** nobody owns what was left in good order. */
const nobody = "nobody";

/**
 * openWorkplace makes one, or goes on with one of the same version that a run has left which is no more; what else such runs have left is removed. Who goes on
 * renames it first, which only one of two can.
 */
export async function openWorkplace(home: string, version: string): Promise<Workplace> {
  await local(home, () => makeFolder(home));
  const owner = await ownerName();
  const mine = await local(home, () => mkdtemp(join(home, `.part-${version}-${owner}-`)));
  let taken = false;
  for (const other of await readdir(home)) {
    const [, of, whose] = workName.exec(other) ?? [];
    if (whose === undefined || (whose !== nobody && (await ownerLives(whose)))) continue;
    if (of === version && !taken) taken = await renamed(join(home, other), mine);
    else await removed(join(home, other));
  }
  const [wheel, files, scratch] = [join(mine, "wheel"), join(mine, "files"), join(mine, "scratch")];
  await removed(scratch);
  for (const dir of [wheel, files, scratch]) await local(home, () => mkdir(dir, { recursive: true }));
  await removePartial(files);
  let over = false;
  return {
    wheel,
    files,
    scratch,
    done: () => {
      over = true;
    },
    async [Symbol.asyncDispose]() {
      await removed(scratch);
      await removePartial(files);
      if (over || (await empty(wheel))) await removed(mine);
      else await renamed(mine, mine.replace(`-${owner}-`, `-${nobody}-`));
    },
  };
}

/** renamed tells whether a folder has the name now, which an empty one had; it has not if somebody else was quicker. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch {
    return false;
  }
}

/** removed removes a folder or a file. What cannot be removed stays for the next run. */
async function removed(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}

async function removePartial(dir: string): Promise<void> {
  for (const name of await readdir(dir).catch(() => [])) if (name.endsWith(partial)) await removed(join(dir, name));
}

async function empty(dir: string): Promise<boolean> {
  return (await readdir(dir).catch(() => [])).length === 0;
}
