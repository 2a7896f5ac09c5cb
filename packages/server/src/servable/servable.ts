import type { Engine, LoadedModel } from "@tfs/engine";
import { withoutQuery } from "../config/index.ts";
import type { SignatureDef } from "@tfs/proto";
import { Code, type Ctx, deadlineExceeded, type Failure, newError } from "@tfs/std";
import type { Loads } from "./loads.ts";

/** Servable is a loaded version. Whoever loads it closes it, after the last run has ended. */
export interface Servable {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, SignatureDef>;
  readonly run: LoadedModel["run"];
  close(): Promise<void>;
}

export interface ServableSpec {
  readonly name: string;
  readonly version: bigint;
  /** path is the version's directory. */
  readonly path: string;
}

/** timedOut is how a run ends whose time is up, in the words of TensorFlow's runtime; made in advance, because it costs least under load. */
export const timedOut: Failure = newError(Code.DeadlineExceeded, "Timed out waiting for notification");

export interface LoadingOptions {
  readonly engine: Engine;
  readonly tags: readonly string[];
  readonly loads: Loads;
}

/** loadServable loads a version with an engine, from `dir`, where its files are now. */
export async function loadServable(ctx: Ctx, { engine, tags, loads }: LoadingOptions, spec: ServableSpec, dir: string): Promise<Servable> {
  const from = withoutQuery(spec.path);
  const begun = performance.now();
  const ms = { restore: 0, init: 0 };
  let model: LoadedModel;
  try {
    model = await engine.load(ctx, dir, { tags, onStage: (stage, took) => void (ms[stage] = took) });
  } catch (err) {
    loads.failed(from);
    throw err;
  }
  loads.loaded(from, model.metaGraph, { ...ms, whole: performance.now() - begun });
  return {
    name: spec.name,
    version: spec.version,
    signatures: new Map(Object.entries(model.metaGraph.signatureDef)),
    run: async (run, feeds, fetches) => {
      const started = performance.now();
      loads.runs();
      try {
        const outputs = await model.run(run, feeds, fetches);
        loads.ran(started, feeds.values(), outputs);
        return outputs;
      } catch (err) {
        throw err === deadlineExceeded ? timedOut : err;
      }
    },
    close: () => model.close(),
  };
}
