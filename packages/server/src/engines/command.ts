import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { findLibrary, type LibraryName, libraries, libraryCache, libraryNames, newEmbeddedEngine } from "@tfs/engine";
import { buildTfjs, newGate, newOpenVinoEngine, newTensorFlowEngine, newTfjsEngine, newTfLiteEngine } from "@tfs/engine/all";
import { type Clock, Code, codeOf, type Ctx, type Flag, type Flags, messageOf, nearest, parseFlags, race, usage } from "@tfs/std";
import { namedDir, pythonsOf } from "../flags/index.ts";
import { buildTfjsFlags, buildTfjsHeadline, installFlags, installHeadline, overview, probeFlags, probeHeadline } from "./flags.ts";
import { install, newProgress, thisMachine, versionForm } from "./install/index.ts";
import { installedText, planText, rowsText } from "./print.ts";
import { type Candidate, probe } from "./probe.ts";

/** Surroundings are what a command works in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly clock: Clock;
}

const done = 0;
const failed = 1;
/** misused is for a command line that cannot be understood. */
const misused = 2;

/** Words that may follow `engine`, and what they do. */
const commands = { probe: probeCommand, install: installCommand, "build-tfjs": buildTfjsCommand } as const;

/** engineCommand does what the words after `tfs-server engine` say, and gives the exit status. A context that ends is thrown, when nothing half-done is left. */
export async function engineCommand(ctx: Ctx, argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  const [word = "", ...rest] = argv;
  if (word === "--help" || word === "help") {
    stdout.write(overview);
    return done;
  }
  const command = Object.hasOwn(commands, word) ? commands[word as keyof typeof commands] : undefined;
  if (command === undefined) {
    stderr.write(
      word === "" ? overview : `tfs-server engine: unknown word ${word}${meant(word, Object.keys(commands))}\ntfs-server engine --help says what there is\n`,
    );
    return misused;
  }
  try {
    return await command(ctx, rest, surroundings);
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    const misuse = err instanceof Misuse;
    stderr.write(`tfs-server engine ${word}: ${messageOf(err)}\n${misuse ? `tfs-server engine ${word} --help lists the flags\n` : ""}`);
    return misuse ? misused : failed;
  }
}

async function probeCommand(ctx: Ctx, argv: readonly string[], { env, stdout }: Surroundings): Promise<number> {
  const flags = read(probeFlags, argv);
  if (flags.bool("help")) {
    stdout.write(usage(probeHeadline, probeFlags));
    return done;
  }
  const rows = await probe(ctx, candidates(flags, env));
  stdout.write(flags.bool("json") ? `${JSON.stringify(rows, undefined, 2)}\n` : rowsText(rows));
  return done;
}

/** candidates are the engines that there are, in the order in which they are told. */
function candidates(flags: Flags, env: Surroundings["env"]): readonly Candidate[] {
  const find = (name: LibraryName) => (ctx: Ctx) =>
    findLibrary(ctx, libraries[name], { explicit: namedDir(name, flags, env), cacheDir: cacheOf(flags, env), pythons: pythonsOf(env) });
  const gate = newGate({ places: 1 });
  return [
    { name: "embedded", open: () => newEmbeddedEngine() },
    { name: "openvino", find: find("openvino"), open: (dir) => newOpenVinoEngine({ dir, gate }) },
    { name: "tensorflow", find: find("tensorflow"), open: (dir) => newTensorFlowEngine({ dir, gate }) },
    { name: "tflite", find: find("litert"), open: (dir) => newTfLiteEngine({ litertDir: () => Promise.resolve(dir), gate }) },
    { name: "tfjs", open: () => newTfjsEngine() },
  ];
}

function cacheOf(flags: Flags, env: Surroundings["env"]): string | undefined {
  return flags.string("cache_dir") === "" ? libraryCache(env) : resolve(flags.string("cache_dir"));
}

async function installCommand(ctx: Ctx, argv: readonly string[], { env, stdin, stdout, stderr, clock }: Surroundings): Promise<number> {
  const [word = "", ...rest] = argv[0]?.startsWith("-") === false ? argv : ["", ...argv];
  const flags = read(installFlags, rest);
  if (flags.bool("help")) {
    stdout.write(usage(installHeadline, installFlags));
    return done;
  }
  const name = libraryNames.find((known) => known === word);
  if (name === undefined) throw new Misuse(word === "" ? `of ${libraryNames.join(" or ")}?` : `there is no ${word} to install${meant(word, libraryNames)}`);
  const version = flags.given("version") ? flags.string("version") : undefined;
  if (version !== undefined && !versionForm.test(version)) throw new Misuse(`--version=${version}: expected a version or a range, such as 2.21.0 or 2.21.*`);
  const cacheDir = cacheOf(flags, env);
  if (cacheDir === undefined) throw new Misuse("there is no home folder that the cache could be in; --cache_dir names one");
  const progress = newProgress(stderr);
  const installed = await install(ctx, libraries[name], {
    version,
    cacheDir,
    pythons: pythonsOf(env),
    env,
    machine: thisMachine(),
    progress,
    clock,
    agree: async (plan) => {
      progress.say(planText(plan));
      return flags.bool("yes") || stdin.isTTY !== true || stderr.isTTY !== true || (await asked(ctx, stdin, stderr));
    },
  });
  stdout.write(flags.bool("json") ? `${JSON.stringify(installed, undefined, 2)}\n` : `${libraries[name].title} ${installedText(installed)}`);
  return done;
}

/** buildTfjsCommand compiles against the TensorFlow that is named, else that of a Python: the cache has no headers. */
async function buildTfjsCommand(ctx: Ctx, argv: readonly string[], { env, stdout }: Surroundings): Promise<number> {
  const flags = read(buildTfjsFlags, argv);
  if (flags.bool("help")) {
    stdout.write(usage(buildTfjsHeadline, buildTfjsFlags));
    return done;
  }
  const wanted = flags.string("package");
  if (wanted !== "" && wanted !== "gpu" && wanted !== "cpu") throw new Misuse(`--package=${wanted}: expected gpu or cpu`);
  const { found, passed } = await findLibrary(ctx, libraries.tensorflow, { explicit: namedDir("tensorflow", flags, env), pythons: pythonsOf(env) });
  await buildTfjs(ctx, {
    // Where there is none, what is missing is told with all else that is.
    tensorflowDir:
      found?.dir ?? `TensorFlow, which ${passed.flatMap(({ place, where, why }) => (place === "python" ? `${where} has not (${why})` : [])).join(" and ")},`,
    ...(wanted !== "" && { package: wanted }),
    ...(flags.string("nodedir") !== "" && { nodeDir: flags.string("nodedir") }),
    compiler: flags.string("compiler"),
    say: (line) => void stdout.write(`${line}\n`),
  });
  return done;
}

/** asked asks whether to go on. Enter is yes. */
async function asked(ctx: Ctx, input: Readable, output: Writable): Promise<boolean> {
  const lines = createInterface({ input, output });
  const gone = new Promise<string>((end) => void lines.once("close", () => end("no")));
  try {
    return /^\s*(y(es)?)?\s*$/i.test(await race(ctx, Promise.race([lines.question("Go on? [Y/n] "), gone])));
  } finally {
    lines.close();
  }
}

/** Misuse is a command line that cannot be understood. */
class Misuse extends Error {}

function read(flags: readonly Flag[], argv: readonly string[]): Flags {
  try {
    return parseFlags(flags, argv);
  } catch (err) {
    if (codeOf(err) !== Code.InvalidArgument) throw err;
    throw new Misuse(messageOf(err));
  }
}

function meant(word: string, known: readonly string[]): string {
  const best = nearest(word, known);
  return best === undefined ? `; there is ${known.join(", ")}` : `; did you mean ${best}?`;
}
