import type { Chosen, Engine, EngineName, LoadedModel, Trial } from "@tfs/engine";
import { withoutQuery } from "../config/index.ts";
import type { MetaGraphDef, SignatureDef } from "@tfs/proto";
import { Code, type Ctx, deadlineExceeded, type Failure, newError } from "@tfs/std";
import type { Loads } from "./loads.ts";

/** Servable is a loaded version. Whoever loads it closes it, after the last run has ended. */
export interface Servable {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, SignatureDef>;
  readonly run: LoadedModel["run"];
  /** chosen is which engine runs it, and why that one. */
  readonly chosen: Chosen;
  close(): Promise<void>;
}

export interface ServableSpec {
  readonly name: string;
  readonly version: bigint;
  /** path is the version's directory. */
  readonly path: string;
  /** engine is the one that the model's configuration names, if it does. */
  readonly engine?: EngineName | undefined;
}

/** timedOut is how a run ends whose time is up, in the words of TensorFlow's runtime; made in advance, because it costs least under load. */
export const timedOut: Failure = newError(Code.DeadlineExceeded, "Timed out waiting for notification");

export interface LoadingOptions {
  /** engines gives the engine of a name; without one, that of models whose configuration names none. */
  readonly engines: (name?: EngineName) => Engine;
  /** trials gives runs that a version, whose folder is `dir`, is meant for: engines may be compared by them. Default none. */
  readonly trials?: (ctx: Ctx, version: Tried, dir: string) => Promise<readonly Trial[]>;
  readonly tags: readonly string[];
  readonly loads: Loads;
}

/** Tried is what is known of a version that no engine has been chosen for yet. */
export type Tried = Pick<Servable, "name" | "version" | "signatures">;

/** loadServable loads a version with an engine, from `dir`, where its files are now. */
export async function loadServable(ctx: Ctx, { engines, tags, loads, trials }: LoadingOptions, spec: ServableSpec, dir: string): Promise<Servable> {
  const { name, version } = spec;
  const signaturesOf = ({ signatureDef }: MetaGraphDef): Servable["signatures"] => new Map(Object.entries(signatureDef));
  const from = withoutQuery(spec.path);
  const begun = performance.now();
  const ms = { restore: 0, init: 0 };
  let model: LoadedModel;
  let engine: Engine;
  try {
    engine = engines(spec.engine);
    model = await engine.load(ctx, dir, {
      tags,
      onStage: (stage, took) => void (ms[stage] = took),
      ...(trials && { trials: (tried, metaGraph) => trials(tried, { name, version, signatures: signaturesOf(metaGraph) }, dir) }),
    });
  } catch (err) {
    loads.failed(from);
    throw err;
  }
  loads.loaded(from, model.metaGraph, { ...ms, whole: performance.now() - begun });
  return {
    name,
    version,
    signatures: signaturesOf(model.metaGraph),
    chosen: model.chosen ?? { engine: engine.name, why: "as configured" },
    run: async (run, feeds, fetches) => {
      let ms = 0;
      loads.runs();
      try {
        const outputs = await model.run(run, feeds, fetches, (part) => void (ms += part));
        loads.ran(ms, feeds.values(), outputs);
        return outputs;
      } catch (err) {
        throw err === deadlineExceeded ? timedOut : err;
      }
    },
    close: () => model.close(),
  };
}
