import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve as absolute, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** TfjsPackage is which of the two packages: both run on a CPU, `gpu` on a GPU too. */
export type TfjsPackage = "gpu" | "cpu";

const names: Readonly<Record<TfjsPackage, string>> = { gpu: "@tensorflow/tfjs-node-gpu", cpu: "@tensorflow/tfjs-node" };

/** tfjsVersion is the one that the tests run with. */
export const tfjsVersion = "4.22.0";

export interface PlaceOptions {
  /** from are folders whose node_modules, and those of the folders above them, may have the package; default this program's own place and the working folder. */
  readonly from?: readonly string[];
  /** package is the one that is wanted; default gpu, else cpu. */
  readonly package?: TfjsPackage;
}

/** Installed is a package that npm has put somewhere. */
export interface Installed {
  readonly kind: TfjsPackage;
  readonly name: string;
  readonly dir: string;
  readonly version: string;
}

/** Place is a package with an addon. */
export interface Place extends Installed {
  /** url is the package's main file. */
  readonly url: string;
  readonly addon: string;
}

/** Stamp is what buildTfjs writes beside an addon. */
export interface Stamp {
  /** key says what the addon was made of, sha256 what it is. */
  readonly key: string;
  readonly sha256: string;
  readonly tensorflowDir: string;
  readonly tensorflow: string;
}

const buildHint = "run tfs-server engine build-tfjs";

/** findInstalled lists the packages that are there, the preferred one first. */
export function findInstalled({ from, package: wanted }: PlaceOptions): Installed[] {
  const kinds: readonly TfjsPackage[] = wanted === undefined ? ["gpu", "cpu"] : [wanted];
  const folders = from ?? [dirname(new URL(import.meta.url).pathname), process.cwd()];
  return kinds.flatMap((kind) => {
    for (const folder of folders) {
      const manifest = resolve(folder, `${names[kind]}/package.json`);
      if (manifest === undefined) continue;
      const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
      return [{ kind, name: names[kind], dir: dirname(manifest), version }];
    }
    return [];
  });
}

function resolve(folder: string, name: string): string | undefined {
  try {
    return createRequire(join(absolute(folder), "from.js")).resolve(name);
  } catch {
    return undefined; // not there: the next folder may have it
  }
}

/** findPlace gives the package to use, or says why there is none. */
export function findPlace(options: PlaceOptions): Place | string {
  const installed = findInstalled(options);
  if (installed.length === 0) return notInstalled(options.package);
  const whys: string[] = [];
  for (const one of installed) {
    const addon = findAddon(one.dir);
    const why = addon === undefined ? `the addon of ${one.name} is not built: ${buildHint}` : broken(one, addon);
    if (why === undefined) return { ...one, url: pathToFileURL(createRequire(join(one.dir, "package.json")).resolve(one.dir)).href, addon: addon! };
    whys.push(why);
  }
  return whys.join("; ");
}

/** notInstalled says how a package gets there. Its install script would download a TensorFlow of 2022. */
export function notInstalled(wanted: TfjsPackage | undefined): string {
  const what = wanted === undefined ? `neither ${names.gpu} nor ${names.cpu}` : `no ${names[wanted]}`;
  return `there is ${what}: run npm install --ignore-scripts ${names[wanted ?? "gpu"]}@${tfjsVersion}, then tfs-server engine build-tfjs`;
}

/** findAddon gives the addon that the package would take: that of the newest Node-API. */
function findAddon(dir: string): string | undefined {
  const lib = join(dir, "lib");
  if (!existsSync(lib)) return undefined;
  const versions = readdirSync(lib).flatMap((name) => /^napi-v(\d+)$/.exec(name)?.[1] ?? []);
  const newest = versions.map(Number).sort((a, b) => b - a)[0];
  const addon = join(lib, `napi-v${newest}`, "tfjs_binding.node");
  return newest !== undefined && existsSync(addon) ? addon : undefined;
}

/** broken says why an addon will not do. One from elsewhere empties a model's own strings, and may end the process with its thread: see addon.h. */
function broken({ name }: Installed, addon: string): string | undefined {
  const stamp = readStamp(addon);
  if (stamp === undefined) return `the addon of ${name} is not one that build-tfjs has made, with what is wrong in it put right: ${buildHint}`;
  if (existsSync(join(stamp.tensorflowDir, "libtensorflow_cc.so.2"))) return undefined;
  return `the TensorFlow that the addon of ${name} was built with is gone from ${stamp.tensorflowDir}: ${buildHint}`;
}

/** stampOf names the file beside an addon that tells what it was made of. */
export function stampOf(addon: string): string {
  return join(dirname(addon), "tfs.json");
}

/** readStamp gives what buildTfjs has written of an addon; undefined if it was not the one to make it. */
export function readStamp(addon: string): Stamp | undefined {
  try {
    const stamp = JSON.parse(readFileSync(stampOf(addon), "utf8")) as Stamp;
    return stamp.sha256 === createHash("sha256").update(readFileSync(addon)).digest("hex") ? stamp : undefined;
  } catch {
    return undefined; // none, or none of ours
  }
}
