import type { Engine, LoadedModel } from "@tfs/engine";
import type { SignatureDef } from "@tfs/proto";
import type { Ctx } from "@tfs/std";

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
  readonly path: string;
  readonly tags: readonly string[];
}

/** loadServable loads a version directory with an engine. */
export async function loadServable(ctx: Ctx, engine: Engine, spec: ServableSpec): Promise<Servable> {
  const model = await engine.load(ctx, spec.path, { tags: spec.tags });
  return {
    name: spec.name,
    version: spec.version,
    signatures: new Map(Object.entries(model.metaGraph.signatureDef)),
    run: (run, feeds, fetches) => model.run(run, feeds, fetches),
    close: () => model.close(),
  };
}
