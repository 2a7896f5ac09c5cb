import { create } from "@bufbuild/protobuf";
import { type MetaGraphDef, MetaGraphDefSchema } from "@tfs/proto";
import { background, Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import { type DType, dtypeName, type Tensor } from "@tfs/tensor";
import type { Chosen, LoadedModel, Took } from "../engine.ts";
import { type Gate, newTiming, type Timing } from "../native/index.ts";
import type { Examples } from "./example.ts";
import { type Interpreter, later, now } from "./interpreter.ts";
import type { Native } from "../openvino/index.ts";
import { fits } from "./openvino.ts";
import type { Pool } from "./pool.ts";
import type { TfGraph } from "./schema.ts";
import { dtypeOf, resolve, type Runnable, type Signatures, unknown } from "./signatures.ts";

export interface ModelOptions {
  readonly signatures: Signatures;
  /** graphs are as the interpreters know them: without what is done on our side. */
  readonly graphs: readonly TfGraph[];
  /** examples comes before the first graph, if that has one. */
  readonly examples: Examples | undefined;
  /** pool is undefined without LiteRT's library, and for a model of which all is done on our side. */
  readonly pool: Pool<Interpreter> | undefined;
  /** fast runs the first graph, where that is to be had; what it cannot do the pool does. */
  readonly fast: Native | undefined;
  readonly gate: Gate;
  readonly bytes: number;
  /** release lets go what interpreters are made of, after they are closed. */
  readonly release: () => void;
}

/** newModel makes what runs a loaded file. */
export function newModel(options: ModelOptions): LoadedModel {
  return new Model(options);
}

/** Asked is one run of an interpreter. */
interface Asked {
  readonly runnable: Runnable;
  readonly feeds: readonly Tensor[];
  readonly took: Took | undefined;
}

class Model implements LoadedModel {
  readonly metaGraph: MetaGraphDef;
  readonly chosen: Chosen;
  readonly #options: ModelOptions;
  readonly #timings = new Map<Runnable, Timing>();
  #closed: Promise<void> | undefined;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.chosen = { engine: "tflite", why: `the version has a model.tflite${options.fast === undefined ? "" : ", which OpenVINO runs"}` };
    this.metaGraph = create(MetaGraphDefSchema, { metaInfoDef: { tags: ["serve"] }, signatureDef: options.signatures.defs });
  }

  estimateBytes(): number {
    return this.#options.bytes;
  }

  async run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]> {
    throwIfDone(ctx);
    if (this.#closed !== undefined) throw newError(Code.Unavailable, "the model has been unloaded");
    const { signatures, examples, graphs, pool, fast } = this.#options;
    const runnable = chosen(signatures.runnables, feeds.keys(), fetches);
    const values = valuesOf(runnable, graphs[runnable.graph]!, feeds);
    if (runnable.graph === 0 && examples !== undefined) {
      const parsed = examples.parse(values.get(examples.serialized)!);
      for (const [i, n] of examples.outputs.entries()) values.set(n, parsed[i]!);
    }
    const wanted = fetches.map((name) => runnable.outputs.get(resolve(runnable.outputs, name)!)!);
    if (wanted.every((n) => values.has(n))) return wanted.map((n) => values.get(n)!);
    const graph = graphs[runnable.graph]!;
    const given = graph.inputs.map((n) => values.get(n)!);
    let got: readonly Tensor[] | undefined;
    if (fast !== undefined && runnable.graph === 0 && fits(graph, given)) got = await fast.run(ctx, given, took);
    if (got === undefined) {
      if (pool === undefined) throw newError(Code.Internal, "Failed to invoke TfLite interpreter: OpenVINO does not run it, and LiteRT is not there");
      got = await this.#interpret(ctx, pool, { runnable, feeds: given, took });
    }
    return wanted.map((n) => got[graph.outputs.indexOf(n)]!);
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#options.fast?.close();
    await this.#options.pool?.close((one) => one.close());
    this.#options.release();
  }

  /** #interpret runs what is known to be small in the event loop, the rest behind the gate. */
  async #interpret(ctx: Ctx, pool: Pool<Interpreter>, { runnable, feeds, took }: Asked): Promise<readonly Tensor[]> {
    const timing = this.#timing(runnable);
    const bytes = bytesOf(feeds);
    const told = (ms: number): void => {
      timing.took(bytes, ms);
      took?.(ms);
    };
    const one = timing.small(bytes) ? pool.idle() : undefined;
    if (one !== undefined) {
      const begun = performance.now();
      try {
        return now(one.run(runnable, feeds));
      } finally {
        told(performance.now() - begun);
        pool.back(one);
      }
    }
    return await pool.lend(ctx, (lent) =>
      // Without the caller's context: the interpreter must not be lent to others before the call has ended.
      this.#options.gate.run(background(), async () => {
        throwIfDone(ctx);
        const begun = performance.now();
        const got = await later(lent.run(runnable, feeds));
        told(performance.now() - begun);
        return got;
      }),
    );
  }

  #timing(runnable: Runnable): Timing {
    let found = this.#timings.get(runnable);
    if (found === undefined) {
      found = newTiming();
      this.#timings.set(runnable, found);
    }
    return found;
  }
}

/** chosen finds what has all of the names. Throws Internal with the first that is unknown. */
function chosen(runnables: readonly Runnable[], feeds: Iterable<string>, fetches: readonly string[]): Runnable {
  const names = [...feeds];
  const has = ({ inputs, outputs }: Runnable): boolean =>
    names.every((name) => resolve(inputs, name) !== undefined) && fetches.every((name) => resolve(outputs, name) !== undefined);
  const found = runnables.find(has);
  if (found !== undefined) return found;
  const first = runnables[0]!;
  for (const name of names)
    if (runnables.every(({ inputs }) => resolve(inputs, name) === undefined))
      throw newError(Code.Internal, `${unknown(name)}\n\tMissing input TFLite tensor: ${name}`);
  for (const name of fetches)
    if (runnables.every(({ outputs }) => resolve(outputs, name) === undefined))
      throw newError(Code.Internal, `Missing output TFLite tensor: ${name}: ${unknown(name)}`);
  const stray = fetches.find((name) => resolve(first.outputs, name) === undefined) ?? fetches[0] ?? "";
  throw newError(Code.Internal, `Missing output TFLite tensor: ${stray}: ${unknown(stray)}`);
}

/** valuesOf puts what is fed under the tensors' numbers. Throws InvalidArgument for another dtype, Internal for an input without a value. */
function valuesOf({ inputs }: Runnable, { tensors }: TfGraph, feeds: ReadonlyMap<string, Tensor>): Map<number, Tensor> {
  const values = new Map<number, Tensor>();
  for (const [i, [name, value]] of [...feeds].entries()) {
    const n = inputs.get(resolve(inputs, name)!)!;
    const want: DType = dtypeOf(tensors[n]!);
    if (want !== value.dtype) throw newError(Code.InvalidArgument, `Expects arg[${i}] to be ${dtypeName(want)} but ${dtypeName(value.dtype)} is provided`);
    values.set(n, value);
  }
  for (const [name, n] of inputs) if (!values.has(n)) throw newError(Code.Internal, `Missing input TFLite tensor: ${name}`);
  return values;
}

function bytesOf(tensors: readonly Tensor[]): number {
  let bytes = 0;
  for (const { data } of tensors) bytes += ArrayBuffer.isView(data) ? data.byteLength : 64 * data.length; // strings by their number: they are not worth a walk
  return bytes;
}
