import type { Engine, LoadedModel } from "@tfs/engine";
import type { SignatureDef } from "@tfs/proto";
import { Code, type Ctx, deadlineExceeded, type Failure, newError } from "@tfs/std";

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

/** loadServable loads a version directory with an engine. */
export async function loadServable(ctx: Ctx, engine: Engine, spec: ServableSpec, tags: readonly string[]): Promise<Servable> {
  const model = await engine.load(ctx, spec.path, { tags });
  return {
    name: spec.name,
    version: spec.version,
    signatures: new Map(Object.entries(model.metaGraph.signatureDef)),
    run: async (run, feeds, fetches) => {
      try {
        return await model.run(run, feeds, fetches);
      } catch (err) {
        throw err === deadlineExceeded ? timedOut : err;
      }
    },
    close: () => model.close(),
  };
}
