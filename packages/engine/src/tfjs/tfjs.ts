import { openSavedModel, type SavedModel } from "@tfs/savedmodel";
import { type Clock, Code, type Ctx, deadlineExceeded, hasEnded, messageOf, newError, race, systemClock, throwIfDone } from "@tfs/std";
import type { Engine, LoadedModel, LoadOptions } from "../engine.ts";
import { newGate } from "../native/index.ts";
import { compiledFile, newThread } from "../thread/index.ts";
import { checkDtypes } from "./dtypes.ts";
import type { Thread } from "./messages.ts";
import { newModel } from "./model.ts";
import { findPlace, type PlaceOptions } from "./place.ts";

export interface TfjsOptions extends PlaceOptions {
  /** maxWaiting is how many runs may wait for the thread; default 4096. More are refused with ResourceExhausted. */
  readonly maxWaiting?: number;
  /** maxDeaths is how often the thread may die within a minute and be started anew; default 5. */
  readonly maxDeaths?: number;
  /** clock is for that minute; default the system's. */
  readonly clock?: Clock;
}

/** Runs that are with the thread: the one that it works on, and the next, so that it need not wait for it. */
const underWay = 2;

/** newTfjsEngine makes the engine; its package is looked for when it is first needed, and its thread is there while models are. */
export function newTfjsEngine(options: TfjsOptions = {}): Engine {
  const { maxWaiting, maxDeaths, clock = systemClock() } = options;
  const gate = newGate({ places: underWay, ...(maxWaiting === undefined ? {} : { maxWaiting }) });
  let last: { readonly url: string; readonly thread: Thread } | undefined;

  function threadOf(url: string): Thread {
    if (last?.url !== url)
      last = {
        url,
        thread: newThread({ file: compiledFile("tfjs/worker.js"), data: { url }, name: "tfjs", clock, ...(maxDeaths === undefined ? {} : { maxDeaths }) }),
      };
    return last.thread;
  }

  async function load(ctx: Ctx, dir: string, { tags = ["serve"] }: LoadOptions = {}): Promise<LoadedModel> {
    const place = findPlace(options);
    if (typeof place === "string") throw newError(Code.Unavailable, `the tfjs engine cannot run: ${place}`);
    if (tags.some((tag) => tag.includes(","))) throw newError(Code.Unimplemented, `the tfjs engine cannot tell the tags ${tags.join(" ")} apart`);
    await using saved = await openSavedModel(ctx, dir, { tags });
    if (saved.metaGraph.graphDef === undefined) throw newError(Code.DataLoss, `${dir}: the meta-graph has no graph`);
    checkDtypes(saved.metaGraph);
    const thread = threadOf(place.url);
    const model = newModel({ metaGraph: saved.metaGraph, dir, tags, bytes: sizeOf(saved), thread, gate });
    const loading = model.load();
    try {
      await race(ctx, loading);
      throwIfDone(ctx);
      return model;
    } catch (err) {
      const closing = model.close(); // after the load, which cannot be stopped
      if (hasEnded(ctx) || err === deadlineExceeded) closing.catch(() => {});
      else await closing;
      if (err === deadlineExceeded) throw newError(Code.DeadlineExceeded, `loading ${dir} took longer than allowed`, err);
      throw err;
    }
  }

  return {
    name: "tfjs",
    async probe(ctx) {
      const place = findPlace(options);
      if (typeof place === "string") return { ok: false, why: place };
      const thread = threadOf(place.url);
      thread.join();
      try {
        const { tensorflow, gpu } = (await race(ctx, thread.life())).info;
        return { ok: true, version: `${place.name} ${place.version} with TensorFlow ${tensorflow} on ${gpu ? "a GPU" : "the CPU"}` };
      } catch (err) {
        throwIfDone(ctx);
        return { ok: false, why: messageOf(err) };
      } finally {
        thread.leave().catch(() => {}); // it ends when it has begun, if no model is there
      }
    },
    load,
  };
}

function sizeOf({ variables, metaGraph }: SavedModel): number {
  let bytes = 0;
  for (const key of variables?.keys ?? []) bytes += variables!.entry(key)?.sizeBytes ?? 0;
  for (const { attr, op } of metaGraph.graphDef?.node ?? []) {
    const value = attr["value"]?.value;
    if (op === "Const" && value?.case === "tensor") bytes += value.value.tensorContent.length;
  }
  return bytes;
}
