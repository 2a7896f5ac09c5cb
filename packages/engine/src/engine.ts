import type { MetaGraphDef } from "@tfs/proto";
import type { Ctx } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";

export type EngineName = "embedded" | "openvino" | "tensorflow" | "tfjs";

/** Probe says whether an engine can run here, and if not, why. */
export type Probe = { readonly ok: true; readonly version: string } | { readonly ok: false; readonly why: string };

export interface LoadOptions {
  /** tags choose the meta-graph: its tag set must equal them exactly. Default ["serve"]. */
  readonly tags?: readonly string[];
  /** onStage is told how long a stage of a load took that went well: the variables' values, then the init op. A stage that a model does not have is not told. */
  readonly onStage?: (stage: "restore" | "init", ms: number) => void;
}

/** Engine loads SavedModels. It knows nothing of model names, versions or batching. */
export interface Engine {
  readonly name: EngineName;
  probe(ctx: Ctx): Promise<Probe>;
  /** load reads a SavedModel directory, restores variables, runs its init op. Throws Unimplemented naming every op it cannot run. */
  load(ctx: Ctx, dir: string, options?: LoadOptions): Promise<LoadedModel>;
}

/** LoadedModel runs one meta-graph. It may be called concurrently; stateful models see calls one after the other. */
export interface LoadedModel {
  readonly metaGraph: MetaGraphDef;
  /** estimateBytes is roughly the memory that the model holds: its variables and constants. */
  estimateBytes(): number;
  /**
   * run feeds and fetches by graph tensor name ("x:0"), not by signature alias. Checks that TensorFlow's runtime makes are made here, with
   * its texts; shapes are not compared with placeholders, as in TensorFlow Serving. A fetched reference gives the value it has at that time.
   */
  run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[]): Promise<readonly Tensor[]>;
  /** close waits for runs in flight and lets the memory go; runs that come later throw Unavailable. */
  close(): Promise<void>;
}
