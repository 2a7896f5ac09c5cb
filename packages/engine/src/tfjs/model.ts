// Data plane: from a run's tensors to the thread and back.
import type { MetaGraphDef } from "@tfs/proto";
import { Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import { type DType, dtypeName, elementCount, layoutOf, shapeText, type Tensor, toDType } from "@tfs/tensor";
import type { LoadedModel, Took } from "../engine.ts";
import { type Gate, newRuns } from "../native/index.ts";
import { buffersOf, type Done, newStay, pack, type Stay, unpack } from "../thread/index.ts";
import { takes } from "./dtypes.ts";
import type { Info, Request, Thread } from "./messages.ts";

export interface ModelOptions {
  readonly metaGraph: MetaGraphDef;
  readonly dir: string;
  readonly tags: readonly string[];
  readonly bytes: number;
  /** thread runs the model, which joins it, and leaves it when it closes. */
  readonly thread: Thread;
  readonly gate: Gate;
}

/** Asked is what the thread is asked for, and who hears how long it took. */
interface Asked {
  readonly asked: readonly string[];
  readonly took: Took | undefined;
}

class Model implements LoadedModel {
  readonly metaGraph: MetaGraphDef;
  readonly #options: ModelOptions;
  readonly #nodes: ReadonlySet<string>;
  readonly #inputs: ReadonlyMap<string, DType>;
  readonly #stay: Stay<Request, Done, Info>;
  readonly #runs = newRuns();
  #closed: Promise<void> | undefined;

  constructor(options: ModelOptions) {
    this.metaGraph = options.metaGraph;
    this.#options = options;
    this.#nodes = new Set(options.metaGraph.graphDef?.node.map(({ name }) => name));
    this.#inputs = inputsOf(options.metaGraph);
    const { thread, dir, tags } = options;
    this.#stay = newStay({
      thread,
      async bring() {
        const life = await thread.life();
        const { model } = await life.call({ kind: "load", dir, tags });
        return { life, model: model! }; // a load answers with one
      },
      drop: (model) => ({ kind: "unload", model }),
    });
  }

  estimateBytes(): number {
    return this.#options.bytes;
  }

  /** load brings the model into the thread, if it is not there: a thread that has died took it along, and its state. */
  async load(): Promise<void> {
    await this.#stay.there();
  }

  async run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]> {
    throwIfDone(ctx);
    if (this.#closed !== undefined) throw newError(Code.Unavailable, "the model has been unloaded");
    const names = [...feeds.keys()].sort(); // the order in which TensorFlow numbers its arguments in messages
    for (let i = 0; i < names.length; i++) this.#check(i, names[i]!, feeds.get(names[i]!)!);
    for (const name of fetches) this.#find(name);
    const fed = new Map(names.map((name) => [canonical(name), name]));
    const asked = [...new Set(fetches.map(canonical))].filter((name) => !fed.has(name));
    const got =
      asked.length === 0
        ? []
        : await this.#runs.run(
            (work) => this.#options.gate.run(ctx, work),
            () => this.#ask(names, feeds, { asked, took }),
          );
    return fetches.map((name) => {
      const own = fed.get(canonical(name)); // TensorFlow does not give back what it is fed
      return own === undefined ? got[asked.indexOf(canonical(name))]! : feeds.get(own)!;
    });
  }

  async #ask(names: readonly string[], feeds: ReadonlyMap<string, Tensor>, { asked, took }: Asked): Promise<readonly Tensor[]> {
    const { life, model } = await this.#stay.there();
    const tensors = names.map((name) => pack(feeds.get(name)!));
    const { tensors: got = [], ms = 0 } = await life.call({ kind: "run", model, feeds: names.map(canonical), tensors, fetches: asked }, buffersOf(tensors));
    took?.(ms);
    return got.map(unpack);
  }

  /** #check holds a feed to what the graph wants, in TensorFlow's words, and to what the addon reads without looking. */
  #check(i: number, name: string, { dtype, shape, data }: Tensor): void {
    this.#find(name);
    const want = this.#inputs.get(canonical(name));
    if (want !== undefined && want !== dtype)
      throw newError(Code.InvalidArgument, `Expects arg[${i}] to be ${dtypeName(want)} but ${dtypeName(dtype)} is provided`);
    if (!takes(dtype)) throw newError(Code.Unimplemented, `the tfjs engine cannot take ${name}, a ${dtypeName(dtype)} tensor`);
    const count = elementCount(shape) * layoutOf(dtype).width;
    if (data.length !== count) throw newError(Code.InvalidArgument, `${name} of shape ${shapeText(shape)} takes ${count} values, not ${data.length}`);
  }

  /** #find holds a name to the graph: the addon takes commas for an end, and anything for a number. */
  #find(name: string): void {
    const [, node] = /^([^:^,]+):\d{1,9}$/.exec(canonical(name)) ?? [];
    if (node === undefined || !this.#nodes.has(node))
      throw newError(Code.InvalidArgument, `Tensor ${name}, specified in either feed_devices or fetch_devices was not found in the Graph`);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#runs.over();
    await this.#stay.end();
  }
}
export type { Model };

export function newModel(options: ModelOptions): Model {
  return new Model(options);
}

/** canonical spells the first output of an operation as the others are. */
function canonical(name: string): string {
  return name.includes(":") ? name : `${name}:0`;
}

/** inputsOf gives the dtypes of the tensors that signatures take. */
function inputsOf({ signatureDef }: MetaGraphDef): Map<string, DType> {
  const inputs = new Map<string, DType>();
  for (const { inputs: infos } of Object.values(signatureDef))
    for (const { encoding, dtype } of Object.values(infos)) {
      const base = toDType(dtype);
      if (encoding.case === "name" && base !== undefined) inputs.set(canonical(encoding.value), base);
    }
  return inputs;
}
