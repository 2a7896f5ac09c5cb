import { openSavedModel, type SavedModel } from "@tfs/savedmodel";
import { Code, type Ctx, deadlineExceeded, messageOf, newError } from "@tfs/std";
import type { Engine, LoadOptions } from "../engine.ts";
import type { Gate } from "../native/index.ts";
import { checkGraph, needsRanks, nodesOf } from "./check.ts";
import { encodeConfig, type SessionConfig } from "./config.ts";
import { type Library, openLibrary, type Session } from "./library.ts";
import { type Model, newModel } from "./model.ts";
import { changesState } from "./state.ts";

export interface TensorFlowOptions {
  /** dir is the folder that holds libtensorflow_framework.so.2 and libtensorflow_cc.so.2. */
  readonly dir: string;
  /** gate bounds the native calls of all engines of the process. */
  readonly gate: Gate;
  /** config is that of every session; default TensorFlow's own. */
  readonly config?: SessionConfig;
}

/** newTensorFlowEngine makes the engine that is TensorFlow's own. The libraries are loaded on first use, once in a process, and stay. */
export function newTensorFlowEngine({ dir, gate, config = {} }: TensorFlowOptions): Engine {
  return {
    name: "tensorflow",
    async probe(ctx) {
      try {
        return { ok: true, version: (await openLibrary(ctx, dir)).version };
      } catch (err) {
        return { ok: false, why: messageOf(err) };
      }
    },
    async load(ctx, path, options = {}) {
      return await load(ctx, path, options);
    },
  };

  async function load(ctx: Ctx, path: string, { tags = ["serve"], onStage }: LoadOptions): Promise<Model> {
    const [library, proto] = [await openLibrary(ctx, dir), await encodeConfig(config)];
    await using saved = await openSavedModel(ctx, path, { tags });
    const { metaGraph, variables } = saved;
    await checkGraph(metaGraph);
    const known = { gate, metaGraph, bytes: bytesOf(saved), serial: changesState(metaGraph), ranked: needsRanks(metaGraph) };
    const begun = performance.now();
    const session = await loadSession(ctx, library, path, { tags: metaGraph.metaInfoDef?.tags ?? tags, proto });
    // TensorFlow restores and initializes in one go, after it has read the graph.
    onStage?.(variables === undefined ? "init" : "restore", performance.now() - begun);
    return newModel(library, session, known);
  }

  /** loadSession loads behind the gate. A session that comes when nobody waits for it any more is unloaded. */
  async function loadSession(ctx: Ctx, library: Library, path: string, { tags, proto }: SessionOptions): Promise<Session> {
    let left = false;
    try {
      return await gate.run(ctx, async () => {
        const session = await library.load(path, tags, proto);
        if (left) await library.unload(session);
        return session;
      });
    } catch (err) {
      left = true;
      if (err === deadlineExceeded) throw newError(Code.DeadlineExceeded, `loading ${path} took longer than allowed`, err);
      throw err;
    }
  }
}

interface SessionOptions {
  readonly tags: readonly string[];
  readonly proto: Uint8Array;
}

/** bytesOf adds up the variables and the constants. */
function bytesOf({ variables, metaGraph }: SavedModel): number {
  let bytes = 0;
  for (const key of variables?.keys ?? []) bytes += variables!.entry(key)!.sizeBytes;
  for (const nodes of nodesOf(metaGraph))
    for (const { op, attr } of nodes) {
      const value = attr["value"]?.value;
      if (op === "Const" && value?.case === "tensor") bytes += value.value.tensorContent.length;
    }
  return bytes;
}
