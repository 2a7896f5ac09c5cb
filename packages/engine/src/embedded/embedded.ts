import { availableParallelism } from "node:os";
import { openSavedModel } from "@tfs/savedmodel";
import { Code, type Ctx, deadlineExceeded, newError, throwIfDone } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { Engine, LoadOptions } from "../engine.ts";
import { type Around, compile } from "./compile.ts";
import { libraryOf } from "./flat.ts";
import { type Model, newModel } from "./model.ts";
import { newPool, newPooledModel } from "./pool/index.ts";
import { simdForm } from "./simd/index.ts";

export interface EmbeddedOptions {
  /** threads is how many threads run what takes longer than some milliseconds; default one for each processor. With 0 all runs in the event loop. */
  readonly threads?: number;
  /** smallBytes is what a model may hold whose runs begin in the event loop, and leave it where they take long; default 4 MiB. Those of a larger one begin in a thread. */
  readonly smallBytes?: number;
}

/** newEmbeddedEngine makes the engine that needs nothing installed. Threads are there while a model needs them; each loaded model has its own state. */
export function newEmbeddedEngine({ threads = availableParallelism(), smallBytes = 4 * 2 ** 20 }: EmbeddedOptions = {}): Engine {
  const pool = newPool({ threads });
  return {
    name: "embedded",
    async probe() {
      const form = simdForm();
      return form === undefined ? { ok: false, why: "WebAssembly has no SIMD here" } : { ok: true, version: form };
    },
    async load(ctx, dir, options) {
      const { model, metaGraphBytes } = await open(ctx, dir, options);
      if (threads === 0) return model;
      const pooled = newPooledModel({ model, metaGraphBytes, pool, smallBytes });
      await pooled.prepare();
      return pooled;
    },
  };
}

/** loadModel loads a SavedModel to run here; engines that run parts of it elsewhere build on what it gives. */
export async function loadModel(ctx: Ctx, dir: string, options: LoadOptions & { readonly around?: Around } = {}): Promise<Model> {
  return (await open(ctx, dir, options)).model;
}

interface Opened {
  readonly model: Model;
  readonly metaGraphBytes: () => Uint8Array;
}

async function open(ctx: Ctx, dir: string, options: LoadOptions & { readonly around?: Around } = {}): Promise<Opened> {
  await using saved = await openSavedModel(ctx, dir, options.tags === undefined ? {} : { tags: options.tags });
  const checkpoint = new Map<string, Tensor>();
  const begun = performance.now();
  for (const key of saved.variables?.keys ?? []) checkpoint.set(key, await saved.variables!.read(ctx, key));
  const readMs = performance.now() - begun;
  throwIfDone(ctx);
  const { metaGraph, metaGraphBytes } = saved;
  if (metaGraph.graphDef === undefined) throw newError(Code.DataLoss, `${dir}: the meta-graph has no graph`);
  const model = newModel(metaGraph, compile(metaGraph.graphDef, libraryOf(metaGraph.graphDef), options.around), checkpoint);
  try {
    await model.restore(ctx, saved.variables !== undefined, saved.assets, (stage, ms) => options.onStage?.(stage, stage === "restore" ? readMs + ms : ms));
  } catch (err) {
    await model.close();
    if (err === deadlineExceeded) throw newError(Code.DeadlineExceeded, `loading ${dir} took longer than allowed`, err);
    throw err;
  }
  return { model, metaGraphBytes };
}
