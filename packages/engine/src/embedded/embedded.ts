import { Code, type Ctx, deadlineExceeded, newError, throwIfDone } from "@tfs/std";
import { openSavedModel } from "@tfs/savedmodel";
import type { Tensor } from "@tfs/tensor";
import type { Engine, LoadOptions } from "../engine.ts";
import { type Around, compile } from "./compile.ts";
import { libraryOf } from "./flat.ts";
import { type Model, newModel } from "./model.ts";
import { simdForm } from "./simd/index.ts";

/** newEmbeddedEngine makes the engine that needs nothing installed. It holds no state of its own: each loaded model has its own. */
export function newEmbeddedEngine(): Engine {
  return {
    name: "embedded",
    async probe() {
      const form = simdForm();
      return form === undefined ? { ok: false, why: "WebAssembly has no SIMD here" } : { ok: true, version: form };
    },
    load: loadModel,
  };
}

/** loadModel loads a SavedModel; engines that run parts of it elsewhere build on what it gives. */
export async function loadModel(ctx: Ctx, dir: string, options: LoadOptions & { readonly around?: Around } = {}): Promise<Model> {
  await using saved = await openSavedModel(ctx, dir, options.tags === undefined ? {} : { tags: options.tags });
  const checkpoint = new Map<string, Tensor>();
  const begun = performance.now();
  for (const key of saved.variables?.keys ?? []) checkpoint.set(key, await saved.variables!.read(ctx, key));
  const readMs = performance.now() - begun;
  throwIfDone(ctx);
  const graph = saved.metaGraph.graphDef;
  if (graph === undefined) throw newError(Code.DataLoss, `${dir}: the meta-graph has no graph`);
  const model = newModel(saved.metaGraph, compile(graph, libraryOf(graph), options.around), checkpoint);
  try {
    await model.restore(ctx, saved.variables !== undefined, saved.assets, (stage, ms) => options.onStage?.(stage, stage === "restore" ? readMs + ms : ms));
  } catch (err) {
    await model.close();
    if (err === deadlineExceeded) throw newError(Code.DeadlineExceeded, `loading ${dir} took longer than allowed`, err);
    throw err;
  }
  return model;
}
