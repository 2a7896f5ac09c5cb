import type { MetaGraphDef } from "@tfs/proto";
import type { Ctx } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";

/** engineNames are the bodies of this interface. `auto` runs nothing itself: it hands each model to another. */
export const engineNames = ["auto", "embedded", "openvino", "tensorflow", "tfjs"] as const;
/** EngineName is one of them, or `tflite`, which nobody asks for by name: what a version's folder holds decides. */
export type EngineName = (typeof engineNames)[number] | "tflite";

/** Probe says whether an engine can run here, and if not, why. */
export type Probe = { readonly ok: true; readonly version: string } | { readonly ok: false; readonly why: string };

export interface LoadOptions {
  /** tags choose the meta-graph: its tag set must equal them exactly. Default ["serve"]. */
  readonly tags?: readonly string[];
  /** onStage is told how long a stage of a load took that went well: the variables' values, then the init op. A stage that a model does not have is not told. */
  readonly onStage?: (stage: "restore" | "init", ms: number) => void;
  /** trials gives runs that the model is meant for, by which engines are compared where several could run it; none where there are none. Default none. */
  readonly trials?: (ctx: Ctx, metaGraph: MetaGraphDef) => Promise<readonly Trial[]>;
}

/** Trial is what one run is fed and asked for, by graph tensor names. */
export interface Trial {
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly fetches: readonly string[];
}

/** Chosen is which engine runs a model that several could have run, and why: for the log, and for whoever asks. */
export interface Chosen {
  readonly engine: EngineName;
  readonly why: string;
}

/** Engine loads SavedModels. It knows nothing of model names, versions or batching. */
export interface Engine {
  readonly name: EngineName;
  probe(ctx: Ctx): Promise<Probe>;
  /** load reads a SavedModel directory, restores variables, runs its init op. Throws Unimplemented naming every op it cannot run. */
  load(ctx: Ctx, dir: string, options?: LoadOptions): Promise<LoadedModel>;
}

/**
 * Took is told of a run that goes well how many milliseconds it took by itself, without what it waited for before: its turn, a thread, another process. A run that is
 * made of several tells of each.
 */
export type Took = (ms: number) => void;

/** LoadedModel runs one meta-graph. It may be called concurrently; stateful models see calls one after the other. */
export interface LoadedModel {
  readonly metaGraph: MetaGraphDef;
  /** chosen is there if the engine that loaded the model has handed it to another. */
  readonly chosen?: Chosen;
  /** estimateBytes is roughly the memory that the model holds: its variables and constants. */
  estimateBytes(): number;
  /**
   * run feeds and fetches by graph tensor name ("x:0"), not by signature alias. Checks that TensorFlow's runtime makes are made here, with
   * its texts; shapes are not compared with placeholders, as in TensorFlow Serving. A fetched reference gives the value it has at that time. What is fed is the caller's again when
   * a run has gone well: what the model keeps of it is a copy, only outputs may be views of it.
   */
  run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]>;
  /** close waits for runs in flight and lets the memory go; runs that come later throw Unavailable. */
  close(): Promise<void>;
}
