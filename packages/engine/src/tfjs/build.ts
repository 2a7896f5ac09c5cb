import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import { findInstalled, type Installed, notInstalled, type PlaceOptions, readStamp, type Stamp, stampOf } from "./place.ts";

export interface BuildOptions extends PlaceOptions {
  /** tensorflowDir is the folder of TensorFlow's Python package: its two libraries, and its headers in `include`. The addon keeps pointing there. */
  readonly tensorflowDir: string;
  /** nodeDir is a folder with include/node/node_api.h; default that of the Node that runs, else the system's. Any Node of version 22 or newer will do. */
  readonly nodeDir?: string;
  /** compiler is a C++ compiler that takes gcc's options; default g++. */
  readonly compiler?: string;
  /** say is told each step, a line at a time. */
  readonly say: (line: string) => void;
}

export interface Built {
  readonly addon: string;
  /** tensorflow is the version of the libraries, as they say themselves. */
  readonly tensorflow: string;
  /** fresh is false if all was as it should be already. */
  readonly fresh: boolean;
}

const run = promisify(execFile);

const sources = ["binding/tfjs_backend.cc", "binding/tfjs_binding.cc"];
const libraries = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];
const headers = ["include/tensorflow/c/c_api.h", "include/tensorflow/core/platform/ctstring_internal.h"];
/** The addon's interface to Node is Node-API 8, which every Node that we run on has. */
const nodeApi = 8;
const compileMs = 10 * 60_000;

/** ours is the file that is compiled in front of the package's own; it is beside this package's manifest, which is no part of a bundle. */
const ours = (): string => fileURLToPath(new URL("./src/tfjs/addon.h", import.meta.resolve("@tfs/engine/package.json")));

/** Parts is all that an addon is made of. */
interface Parts {
  readonly installed: Installed;
  readonly tensorflowDir: string;
  readonly include: string;
  readonly compiler: string;
  readonly key: string;
}

/**
 * buildTfjs compiles the addon of an installed tfjs-node against TensorFlow's libraries, where they lie. Nothing is downloaded, and of the package only
 * lib/napi-v8 is written, at the end and at once. What was built of the same parts before is left as it is. Throws FailedPrecondition naming everything that is
 * missing, Internal with the compiler's words.
 */
export async function buildTfjs(ctx: Ctx, options: BuildOptions): Promise<Built> {
  const { say } = options;
  if (process.platform !== "linux") throw newError(Code.Unimplemented, `building the addon is known to work on Linux only, not on ${process.platform}`);
  const parts = await gather(ctx, options);
  const { installed, tensorflowDir, include, compiler, key } = parts;
  say(`package     ${installed.name} ${installed.version} in ${installed.dir}`);
  say(`TensorFlow  ${tensorflowDir}`);
  say(`headers     ${include}`);
  say(`compiler    ${compiler}`);
  const addon = join(installed.dir, "lib", `napi-v${nodeApi}`, "tfjs_binding.node");
  const before = readStamp(addon);
  if (before?.key === key) {
    say(`the addon is there, of TensorFlow ${before.tensorflow}: ${addon}`);
    return { addon, tensorflow: before.tensorflow, fresh: false };
  }
  await mkdir(dirname(addon), { recursive: true });
  const work = await mkdtemp(join(dirname(addon), ".tfs-"));
  try {
    const made = join(work, "tfjs_binding.node");
    say("compiling …");
    await compile(ctx, parts, made);
    say("loading it …");
    const tensorflow = await tryOut(ctx, made);
    const sha256 = createHash("sha256")
      .update(await readFile(made))
      .digest("hex");
    const stamp: Stamp = { key, sha256, tensorflowDir, tensorflow };
    await writeFile(join(work, "tfs.json"), `${JSON.stringify(stamp, undefined, 2)}\n`);
    await rename(made, addon); // with another's stamp beside it for a moment, which does not fit it: then it is built again
    await rename(join(work, "tfs.json"), stampOf(addon));
    say(`built with TensorFlow ${tensorflow}: ${addon}`);
    return { addon, tensorflow, fresh: true };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** gather finds everything, or says all that is missing. */
async function gather(ctx: Ctx, options: BuildOptions): Promise<Parts> {
  const { tensorflowDir: dir, nodeDir, compiler = "g++" } = options;
  const missing: string[] = [];
  const [installed] = findInstalled(options);
  if (installed === undefined) missing.push(notInstalled(options.package).replace(/, then .*$/, ""));
  const lacking = (names: readonly string[]): string => names.filter((name) => !existsSync(join(dir, name))).join(", ");
  const [noLibraries, noHeaders] = [lacking(libraries), lacking(headers)];
  if (noLibraries !== "") missing.push(`${dir} lacks ${noLibraries}: name the folder of TensorFlow's Python package, tensorflow or tensorflow-cpu`);
  else if (noHeaders !== "") missing.push(`${dir} lacks ${noHeaders}: libraries alone are not enough, name the folder of TensorFlow's whole Python package`);
  const version = await run(compiler, ["--version"], { signal: ctx.signal }).then(
    ({ stdout }) => stdout.split("\n")[0]!,
    () => undefined, // told below
  );
  throwIfDone(ctx);
  if (version === undefined) missing.push(`the compiler ${compiler} does not run: install it (Debian: apt-get install g++)`);
  const include = await includeOf(nodeDir);
  if (include === undefined)
    missing.push(`there is no include/node/node_api.h in ${nodeDir ?? "the folder of this Node"}: name a folder that has it (the npm package node brings it)`);
  if (installed === undefined || include === undefined || missing.length > 0) {
    throw newError(Code.FailedPrecondition, `the addon cannot be built: ${missing.join("; ")}`);
  }
  const tensorflowDir = await realpath(dir);
  const hash = createHash("sha256");
  for (const file of [...sources.map((name) => join(installed.dir, name)), ours()]) hash.update(await readFile(file));
  for (const name of libraries) {
    const { size, mtimeMs } = await stat(join(tensorflowDir, name));
    hash.update(`${name} ${size} ${mtimeMs}\n`);
  }
  hash.update(`${tensorflowDir}\n${version}\n${argsOf("", "", "", "").join("\n")}`);
  return { installed, tensorflowDir, include, compiler, key: hash.digest("hex") };
}

/** includeOf finds the headers of Node-API. They are the same for all versions of Node that have it. */
async function includeOf(nodeDir: string | undefined): Promise<string | undefined> {
  const own = dirname(dirname(await realpath(process.execPath)));
  const ofNpm = join(own, "node_modules", `node-${process.platform}-${process.arch}`); // the npm package node is a copy of what lies in there
  const dirs = nodeDir === undefined ? [own, ofNpm, "/usr/local", "/usr"] : [nodeDir];
  return dirs.map((dir) => join(dir, "include/node")).find((dir) => existsSync(join(dir, "node_api.h")));
}

function argsOf(include: string, packageDir: string, tensorflowDir: string, out: string): string[] {
  return [
    ...["-shared", "-fPIC", "-O2", "-std=gnu++17", "-w", `-DNAPI_VERSION=${nodeApi}`],
    ...["-include", ours(), `-I${include}`, `-I${join(tensorflowDir, "include")}`],
    ...sources.map((name) => join(packageDir, name)),
    // Where the libraries lie is written into the addon, so that they find what they need in turn by their own places: CUDA's wheels are looked for from there.
    ...libraries.map((name) => join(tensorflowDir, name)),
    `-Wl,-rpath,${tensorflowDir}`,
    ...["-o", out],
  ];
}

async function compile(ctx: Ctx, { installed, include, tensorflowDir, compiler }: Parts, out: string): Promise<void> {
  try {
    await run(compiler, argsOf(include, installed.dir, tensorflowDir, out), { signal: ctx.signal, timeout: compileMs, maxBuffer: 1 << 24 });
  } catch (err) {
    throwIfDone(ctx);
    const { stderr } = err as { readonly stderr?: string };
    throw newError(Code.Internal, `${compiler} failed: ${(stderr ?? "").trim().split("\n").slice(0, 20).join("\n")}`, err);
  }
}

/** tryOut loads an addon in a process of its own, and gives TensorFlow's version. */
async function tryOut(ctx: Ctx, addon: string): Promise<string> {
  const program = `const m = { exports: {} }; process.dlopen(m, ${JSON.stringify(addon)}); console.log(m.exports.TF_Version);`;
  try {
    const { stdout } = await run(process.execPath, ["-e", program], { signal: ctx.signal, timeout: compileMs });
    return stdout.trim().split(" ")[0]!;
  } catch (err) {
    throwIfDone(ctx);
    const { stderr, signal } = err as { readonly stderr?: string; readonly signal?: string };
    const what = signal ?? (stderr ?? "").split("\n").find((line) => line.startsWith("Error")) ?? "no reason given";
    throw newError(Code.Internal, `the addon was built and does not load: ${what}`, err);
  }
}
