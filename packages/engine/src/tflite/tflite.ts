import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { background, Code, codeOf, type Ctx, hasEnded, messageOf, newError, throwIfDone } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { Engine, LoadedModel } from "../engine.ts";
import type { Gate, Pointer } from "../native/index.ts";
import { cutOut } from "./cut.ts";
import { malformed } from "./flat.ts";
import { type Examples, examplesOf } from "./example.ts";
import { type Interpreter, later, newInterpreter } from "./interpreter.ts";
import { type LiteRt, openLiteRt } from "./litert.ts";
import { newModel } from "./model.ts";
import { better, compileGraph } from "./openvino.ts";
import { openLibrary } from "../openvino/index.ts";
import { newPool } from "./pool.ts";
import { readModel, type TfGraph, type TfModel, unbuildable } from "./schema.ts";
import { type Signatures, signaturesOf } from "./signatures.ts";

export interface TfLiteOptions {
  /** litertDir finds the folder of LiteRT's library; without one, only what OpenVINO takes is run, in the shapes that the file declares. Default none. */
  readonly litertDir?: Finder;
  /** openvinoDir finds that of OpenVINO's libraries, which run what they can; without one, LiteRT runs all. Default none. */
  readonly openvinoDir?: Finder;
  /** gate bounds native calls; all engines of a process share one. */
  readonly gate: Gate;
  /** interpreters is how many of a model run at a time. They are made as they are needed, and each packs the weights for itself. Default 2. */
  readonly interpreters?: number;
  /** threads is how many one run may use; LiteRT takes one and OpenVINO all cores if it is not given. */
  readonly threads?: number;
}

/** Finder finds a folder; undefined if there is none. */
export type Finder = (ctx: Ctx) => Promise<string | undefined>;

/** modelFile is what a version's folder holds for this engine. */
export const modelFile = "model.tflite";

/** A flatbuffer's offsets have 32 bits, of which one is a sign (flatbuffers.h, FLATBUFFERS_MAX_BUFFER_SIZE). */
const maxBytes = 2 ** 31 - 1;
/** What is read at a time, and what is copied before others have their turn: memory that is new costs most at its first touch. */
const readBytes = 8 * 2 ** 20;
const copyBytes = 4 * 2 ** 20;

/** newTfLiteEngine makes the engine that runs a version's model.tflite. Nothing is loaded before the first probe or model. */
export function newTfLiteEngine(options: TfLiteOptions): Engine {
  return {
    name: "tflite",
    async probe(ctx) {
      const [lite, openvino] = await Promise.allSettled([there(ctx, options.litertDir, openLiteRt), there(ctx, options.openvinoDir, openLibrary)]);
      const found = [...(openvino.status === "fulfilled" ? [`OpenVINO ${openvino.value.version}`] : []), ...(lite.status === "fulfilled" ? ["LiteRT"] : [])];
      if (found.length > 0) return { ok: true, version: found.join(", ") };
      return { ok: false, why: messageOf((lite as PromiseRejectedResult).reason) };
    },
    load: (ctx, dir) => load(ctx, dir, options),
  };
}

/** there opens a library, wherever it is. Throws Unavailable. */
async function there<T>(ctx: Ctx, find: Finder | undefined, open: (dir: string) => Promise<T>): Promise<T> {
  const dir = await find?.(ctx);
  if (dir === undefined)
    throw newError(Code.Unavailable, `${modelFile} needs LiteRT's library, which was found nowhere; tfs-server engine install litert brings it`);
  return await open(dir);
}

async function load(ctx: Ctx, dir: string, { litertDir, openvinoDir, gate, interpreters = 2, threads }: TfLiteOptions): Promise<LoadedModel> {
  throwIfDone(ctx);
  const path = join(dir, modelFile);
  const file = await read(ctx, path);
  const model = readModel(file);
  const signatures = signaturesOf(model);
  const { bytes, graphs, examples } = split(file, model, signatures);
  const first = graphs[0]!;
  const common = { signatures, graphs, examples, gate, bytes: file.length };
  if (graphs.length === 1 && first.outputs.every((n) => first.inputs.includes(n))) {
    return newModel({ ...common, pool: undefined, fast: undefined, release: () => {} });
  }
  let fast = examples === undefined ? await orNothing(there(ctx, openvinoDir, (from) => compileGraph(path, first, { dir: from, gate, threads }))) : undefined;
  let release = (): void => {};
  let interpreter: Interpreter | undefined;
  try {
    const lib = await there(ctx, litertDir, openLiteRt);
    const held = await hold(ctx, lib, gate, bytes);
    release = held.release;
    const make = async (): Promise<Interpreter> => {
      const compiled = await gate.run(background(), () => lib.compile(held.model, threads ?? 1));
      if (compiled === undefined) throw unbuildable(withCustom(graphs));
      return newInterpreter(lib, compiled, graphs);
    };
    const one = await make();
    interpreter = one;
    try {
      for (const runnable of signatures.runnables) await gate.run(background(), () => later(one.plan(runnable)));
    } catch (err) {
      throw withCustom(graphs) === "" ? err : unbuildable(withCustom(graphs));
    }
    const pool = newPool(one, interpreters, make);
    if (fast !== undefined) {
      const slow = async (_: Ctx, feeds: readonly Tensor[]) => await orNothing(later(one.run(signatures.runnables[0]!, feeds)));
      if (!(await better(ctx, first, fast.run, slow))) {
        await fast.close();
        fast = undefined;
      }
    }
    return newModel({ ...common, pool, fast, release });
  } catch (err) {
    interpreter?.close();
    release();
    const serves = codeOf(err) !== Code.InvalidArgument && !hasEnded(ctx) && signatures.runnables.every(({ graph }) => graph === 0);
    if (fast !== undefined && serves) return newModel({ ...common, pool: undefined, fast, release: () => {} });
    await fast?.close();
    throw err;
  }
}

/** orNothing makes a failure undefined: there is another way. */
async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch {
    return undefined;
  }
}

/** split takes a ParseExample out of the file, which is then done on our side. */
function split(
  bytes: Uint8Array,
  { graphs }: TfModel,
  { runnables }: Signatures,
): { bytes: Uint8Array; graphs: readonly TfGraph[]; examples: Examples | undefined } {
  const first = graphs[0]!;
  const examples = examplesOf(first);
  if (examples === undefined) return { bytes, graphs, examples };
  if (runnables.some(({ graph }) => graph !== 0)) throw unbuildable("ParseExample is served in files of one graph only.");
  const used = examples.outputs.filter((n) => first.outputs.includes(n) || first.operators.some(({ inputs }) => inputs.includes(n)));
  const cut = cutOut(bytes, first, examples.operator, [...first.inputs.filter((n) => n !== examples.serialized), ...used]);
  return { bytes: cut.bytes, graphs: [cut.graph], examples };
}

/** withCustom names the operators that may be why an interpreter cannot be built. */
function withCustom(graphs: readonly TfGraph[]): string {
  const custom = [...new Set(graphs.flatMap(({ operators }) => operators.flatMap((one) => one.custom ?? [])))];
  return custom.length === 0 ? "" : `It has operators that are not TFLite's own: ${custom.join(", ")}.`;
}

/** read reads a file piece by piece. Throws NotFound, DataLoss, InvalidArgument for one that is too big to be a flatbuffer. */
async function read(ctx: Ctx, path: string): Promise<Uint8Array> {
  let size: number;
  try {
    ({ size } = await stat(path));
  } catch (err) {
    throw newError(Code.NotFound, `there is no ${modelFile}`, err);
  }
  if (size > maxBytes) throw malformed(`it has ${size} bytes`);
  const bytes = Buffer.allocUnsafeSlow(size); // all of it is read into, by another thread
  try {
    await using handle = await open(path);
    for (let at = 0; at < size; ) {
      throwIfDone(ctx);
      const { bytesRead } = await handle.read(bytes, at, Math.min(readBytes, size - at), at);
      if (bytesRead === 0) throw malformed(`it has only ${at} of its ${size} bytes`);
      at += bytesRead;
    }
  } catch (err) {
    if (err instanceof Error && "errno" in err) throw newError(Code.DataLoss, `${modelFile} cannot be read`, err);
    throw err;
  }
  return bytes;
}

/** hold copies a file to native memory, where it stays while its model does. Whoever holds it releases it. */
async function hold(ctx: Ctx, lib: LiteRt, gate: Gate, bytes: Uint8Array): Promise<{ readonly model: Pointer; release(): void }> {
  const { libc } = lib;
  const at = libc.malloc(bytes.length);
  try {
    for (let from = 0; from < bytes.length; from += copyBytes) {
      throwIfDone(ctx);
      libc.copyIn(at + BigInt(from), bytes.subarray(from, from + copyBytes));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const model = await gate.run(background(), () => lib.model(at, bytes.length));
    if (model === undefined) throw malformed("LiteRT does not take it");
    return {
      model,
      release() {
        lib.destroyModel(model);
        libc.free(at);
      },
    };
  } catch (err) {
    libc.free(at);
    throw err;
  }
}
