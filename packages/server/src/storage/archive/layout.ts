import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Code, newError } from "@tfs/std";

/** Files of which one makes a folder a SavedModel. */
const savedModels: ReadonlySet<string> = new Set(["saved_model.pb", "saved_model.pbtxt"]);
const isVersion = /^\d{1,19}$/;
/** What packers and version control put beside. */
const aside = /^(\.|__MACOSX$)/;

/**
 * layoutOf finds the versions in a folder that an archive was unpacked to, as folders by name: its numeric folders, or all of it if it is one SavedModel. Either
 * may lie in one folder more, because that is how folders are packed. `single` names the version of one SavedModel.
 */
export async function layoutOf(dir: string, what: string, single: string): Promise<ReadonlyMap<string, string>> {
  let at = dir;
  for (let depth = 0; depth < 2; depth++) {
    const entries = await readdir(at, { withFileTypes: true });
    if (entries.some((entry) => entry.isFile() && savedModels.has(entry.name))) return new Map([[single, at]]);
    const folders = entries.filter((entry) => entry.isDirectory() && !aside.test(entry.name));
    const versions = folders.filter(({ name }) => isVersion.test(name));
    if (versions.length > 0) return new Map(versions.map(({ name }) => [name, join(at, name)]));
    if (folders.length !== 1) break;
    at = join(at, folders[0]!.name);
  }
  throw newError(Code.FailedPrecondition, `${what} holds neither folders whose names are numbers nor a saved_model.pb`);
}

/** singleOf gives the version of an archive that holds one SavedModel: the number at the end of its name, or the folder's that it lies in, or 1. */
export function singleOf(url: URL): string {
  const [folder = "", file = ""] = url.pathname.split("/").slice(-2);
  const name = file.replace(/\.(tar\.gz|tgz|tar|zip)$/i, "");
  const own = /^(?:.*[-_])?v?(\d{1,19})$/i.exec(name)?.[1];
  return own ?? (isVersion.test(folder) ? folder : "1");
}
