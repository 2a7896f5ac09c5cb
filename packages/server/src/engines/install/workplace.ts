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
  const name = async (owner: string): Promise<string> => await local(home, () => mkdtemp(join(home, `.part-${version}-${owner}-`)));
  const mine = await name(await ownerName());
  let taken = false;
  for (const other of await readdir(home)) {
    const [, of, owner] = workName.exec(other) ?? [];
    if (owner === undefined || (owner !== nobody && (await ownerLives(owner)))) continue;
    if (of === version && !taken) taken = await renamed(join(home, other), mine);
    else await rm(join(home, other), { recursive: true, force: true });
  }
  const [wheel, files, scratch] = [join(mine, "wheel"), join(mine, "files"), join(mine, "scratch")];
  await rm(scratch, { recursive: true, force: true });
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
      await rm(scratch, { recursive: true, force: true });
      await removePartial(files);
      if (over || (await empty(wheel))) await rm(mine, { recursive: true, force: true });
      else await renamed(mine, await name(nobody));
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

async function removePartial(dir: string): Promise<void> {
  for (const name of await readdir(dir).catch(() => [])) if (name.endsWith(partial)) await rm(join(dir, name), { force: true });
}

async function empty(dir: string): Promise<boolean> {
  return (await readdir(dir).catch(() => [])).length === 0;
}
