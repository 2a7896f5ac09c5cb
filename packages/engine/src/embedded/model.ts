import type { MetaGraphDef } from "@tfs/proto";
import { Code, type Ctx, newError, newPace, race, throwIfDone } from "@tfs/std";
import { copyOf, type DType, dtypeName, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import type { LoadedModel, LoadOptions, Took } from "../engine.ts";
import { initSignature, outputNames } from "../signatures.ts";
import { newAttrs } from "./attrs.ts";
import type { Compiled, Compiler } from "./compile.ts";
import type { Edge } from "./flat.ts";
import type { Leash } from "./leash.ts";
import { opsText, whoHas } from "./missing.ts";
import type { Later, State } from "./kernel.ts";
import { materialized, type Program } from "./plan.ts";
import type { Philox } from "./random/index.ts";
import { newRounds } from "./rounds.ts";
import { newSimd, type Simd } from "./simd/index.ts";
import { bytesOf, isTensor, type Table, type Value, type Variable } from "./value.ts";
import { markWeight } from "./weight.ts";

/** Plans kept per model; each distinct pair of feed and fetch names is one, and clients choose the fetches. */
const maxPlans = 256;

/** A run's loops keep the event loop to themselves for this long at a time. */
const loopMs = 20;
/** Its loops go round this often in all, some minutes of doing nothing: longer ones are taken for endless. */
const maxRounds = 100_000_000;
/** And the preparations of a load for this long. */
const loadMs = 5;

/** free is for runs of which nothing is fetched by name, and that may take what they take. */
const free = { fetches: [], leash: undefined };

interface Plan {
  readonly program: Compiled;
  /** changes is the model's when it was last seen that variables hold what the program takes them to. */
  changes: number;
  /** Feed names, sorted: the order in which TensorFlow numbers its arguments in messages. */
  readonly feeds: readonly string[];
  readonly types: readonly (DType | undefined)[];
}

/** Performance is what a program is given, what is fetched of it, for messages, who hears how long it took, and what holds it. */
interface Performance {
  readonly values: readonly Value[];
  readonly fetches: readonly string[];
  readonly took: Took | undefined;
  readonly leash: Leash | undefined;
}

/** Holding is all that runs find, and may change: with it another model of the same graph goes on where this one is. */
export interface Holding {
  readonly variables: readonly Variable[];
  readonly tables: readonly Table[];
  readonly streams: readonly (readonly [name: string, stream: { at: Philox }])[];
  readonly assigned: readonly string[];
}

class Model implements LoadedModel {
  readonly metaGraph: MetaGraphDef;
  /** compiler makes programs for perform. */
  readonly compiler: Compiler;
  /** changes counts the runs after loading that may have changed the model's state. */
  changes = 0;
  readonly #variables = new Map<string, Variable>();
  readonly #tables = new Map<string, Table>();
  readonly #streams = new Map<string, { at: Philox }>();
  readonly #plans = new Map<string, Plan>();
  /** #assigned are variables that a run has changed: no plan counts on what they hold. */
  readonly #assigned = new Set<string>();
  #simd: Simd;
  #checkpoint: ReadonlyMap<string, Tensor>;
  #closed = false;
  /** resting are runs whose loops let others have their turns: all, and the one among them that may change state. */
  readonly #resting = new Set<Promise<unknown>>();
  #changing: Promise<unknown> | undefined;

  constructor(metaGraph: MetaGraphDef, compiler: Compiler, checkpoint: ReadonlyMap<string, Tensor>, common?: WebAssembly.Memory) {
    this.#simd = newSimd(common);
    this.metaGraph = metaGraph;
    this.compiler = compiler;
    this.#checkpoint = checkpoint;
  }

  /** restore checks that every op is there, runs the graph's own restore op over the checkpoint, then its init op. */
  async restore(ctx: Ctx, hasVariables: boolean, assets: ReadonlyMap<string, string>, onStage: NonNullable<LoadOptions["onStage"]>): Promise<void> {
    const saver = this.metaGraph.saverDef;
    const restore = hasVariables && saver !== undefined && saver.restoreOpName !== "" ? [saver.restoreOpName] : [];
    const found = this.#initOp();
    const init = found === undefined ? [] : [found];
    const pace = newPace(loadMs);
    const edges: Edge[] = [];
    for (const name of outputNames(this.metaGraph)) {
      if (pace.isOver()) await pace.rest();
      edges.push(this.#edge(name));
    }
    if (pace.isOver()) await pace.rest();
    const restores = restore.map((name) => this.#target(name));
    const inits = init.map((name) => this.#target(name));
    if (pace.isOver()) await pace.rest();
    refuse(this.compiler.missing(edges, [...restores, ...inits]));
    if (pace.isOver()) await pace.rest();
    const feeds = [...assets].map(([tensor, path]) => ({ edge: this.#edge(tensor), path: fromStrings([path], []) }));
    let begun = performance.now();
    if (restores.length > 0) {
      const file = this.compiler.flat.tensor(saver?.filenameTensorName ?? "");
      const feed = file === undefined ? [] : [file];
      await this.#execute(
        ctx,
        this.compiler.program(feed, [], restores),
        feed.map(() => fromStrings([""], [])),
      );
      onStage("restore", performance.now() - begun);
    }
    if (pace.isOver()) await pace.rest();
    if (inits.length > 0) {
      begun = performance.now();
      await this.#execute(
        ctx,
        this.compiler.program(
          feeds.map((f) => f.edge),
          [],
          inits,
        ),
        feeds.map((f) => f.path),
      );
      onStage("init", performance.now() - begun);
    }
    this.#checkpoint = new Map(); // variables hold what they took; the rest (optimizer slots, object graph) is let go
  }

  estimateBytes(): number {
    let bytes = 0;
    for (const v of this.#variables.values()) bytes += sizeOf(v.value);
    for (const t of this.#tables.values()) bytes += sizeOf(t.values) + t.entries.size * 64; // a key and its place in the map
    for (const node of this.compiler.flat.nodes) {
      const value = node.attr["value"]?.value;
      if (node.op === "Const" && value?.case === "tensor") bytes += value.value.tensorContent.length;
    }
    return bytes;
  }

  // Runs are synchronous inside, so state changes are whole without a lock; but a loop that runs long lets others have their turns. Where it may change
  // state, those of this model wait until it has ended.
  async run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]> {
    return await this.#run(ctx, feeds, fetches, { took, leash: undefined });
  }

  /** tryRun runs as run does, on a leash: it throws `left` if it takes too long. */
  async tryRun(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], how: Pick<Performance, "took" | "leash">): Promise<readonly Tensor[]> {
    return await this.#run(ctx, feeds, fetches, how);
  }

  async #run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], how: Pick<Performance, "took" | "leash">): Promise<readonly Tensor[]> {
    while (this.#changing !== undefined) await race(ctx, this.#changing);
    this.#check(ctx);
    const plan = this.#plan([...feeds.keys()], fetches);
    const values = plan.feeds.map((name, i) => {
      const t = feeds.get(name)!;
      newTensor(t.dtype, t.shape, t.data); // kernels count on a shape that its data fill
      const want = plan.types[i];
      if (want !== undefined && want !== t.dtype) {
        throw newError(Code.InvalidArgument, `Expects arg[${i}] to be ${dtypeName(want)} but ${dtypeName(t.dtype)} is provided`);
      }
      return t;
    });
    return await this.#perform(ctx, plan.program, { values, fetches, ...how });
  }

  /** perform runs a program that compiler made, in turn with the model's runs. */
  async perform(ctx: Ctx, program: Program, values: readonly Value[], took?: Took): Promise<readonly Tensor[]> {
    while (this.#changing !== undefined) await race(ctx, this.#changing);
    this.#check(ctx);
    return await this.#perform(ctx, program, { values, fetches: [], took, leash: undefined });
  }

  /** holding gives all that runs find, as it is now: nothing of it is copied. */
  holding(): Holding {
    return { variables: [...this.#variables.values()], tables: [...this.#tables.values()], streams: [...this.#streams], assigned: [...this.#assigned] };
  }

  /** take goes on from where another model of the same graph has been, in place of `restore`. */
  take({ variables, tables, streams, assigned }: Holding): void {
    for (const variable of variables) {
      this.#variables.set(variable.name, variable);
      if (variable.value !== undefined) markWeight(variable.value.data);
    }
    for (const table of tables) this.#tables.set(table.name, table);
    for (const [name, stream] of streams) this.#streams.set(name, stream);
    for (const name of assigned) this.#assigned.add(name);
  }

  /** prepare makes the plan of runs that feed and fetch these, which the first of them would wait for. What is wrong with it they will be told. */
  prepare(feeds: readonly string[], fetches: readonly string[]): void {
    try {
      this.#plan(feeds, fetches);
    } catch {
      // a run plans again, and fails
    }
  }

  /** held gives what the variable of this name holds now. */
  held(name: string): Tensor | undefined {
    return this.#variables.get(name)?.value;
  }

  #check(ctx: Ctx): void {
    throwIfDone(ctx);
    if (this.#closed) throw newError(Code.Unavailable, "the model has been unloaded");
  }

  #perform(ctx: Ctx, program: Program, { values, fetches, took, leash }: Performance): Later<readonly Tensor[]> {
    if (program.effects) this.changes++;
    const begun = performance.now();
    const got = this.#execute(ctx, program, program.effects ? values.map(copied) : values, { fetches, leash });
    const tell = (): void => took?.(performance.now() - begun);
    if (got instanceof Promise) return this.#rested(got, program.effects, tell);
    tell();
    return got;
  }

  /** #rested waits for a run that rests; what others do meanwhile counts as its own time. */
  async #rested(run: Promise<readonly Tensor[]>, effects: boolean, tell: () => void): Promise<readonly Tensor[]> {
    const ended = run.then(tell, () => {});
    this.#resting.add(ended);
    if (effects) this.#changing = ended;
    try {
      return await run;
    } finally {
      this.#resting.delete(ended);
      if (effects) this.#changing = undefined;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#resting);
    this.#plans.clear();
    this.#variables.clear();
    this.#tables.clear();
    this.#simd = newSimd(); // the memory of the old ones is let go
  }

  #execute(ctx: Ctx, program: Program, feeds: readonly Value[], { fetches, leash }: Pick<Performance, "fetches" | "leash"> = free): Later<Tensor[]> {
    const state: State = {
      ctx,
      variable: (name, make) => getOrMake(this.#variables, name, make),
      table: (name, make) => getOrMake(this.#tables, name, make),
      stream: (name, make) => getOrMake(this.#streams, name, () => ({ at: make() })),
      checkpoint: (key) => {
        const found = this.#checkpoint.get(key);
        if (found === undefined) throw newError(Code.NotFound, `Key ${key} not found in checkpoint`);
        return found;
      },
      simd: this.#simd,
      arena: this.#simd.arena(),
      pace: newPace(loopMs),
      rounds: newRounds(maxRounds),
      leash,
    };
    let values: Later<Value[]>;
    try {
      for (const value of feeds) if (isTensor(value)) state.arena.hold(value);
      values = program.run(feeds, state);
    } catch (err) {
      state.arena.end();
      throw err;
    }
    if (values instanceof Promise) return values.then((given) => fetched(given, fetches)).finally(() => state.arena.end());
    state.arena.end();
    return fetched(values, fetches);
  }

  #plan(feeds: readonly string[], fetches: readonly string[]): Plan {
    const sorted = [...feeds].sort();
    const key = `${sorted.join("\0")}\0\0${fetches.join("\0")}`;
    const found = this.#plans.get(key);
    if (found !== undefined && this.#holds(found)) return found;
    const edges = sorted.map((name) => this.#edge(name));
    const made: Plan = {
      program: this.compiler.program(
        edges,
        fetches.map((name) => this.#edge(name)),
        [],
        (name) => (this.#assigned.has(name) ? undefined : this.held(name)),
      ),
      changes: this.changes,
      feeds: sorted,
      types: edges.map((e) => this.#typeOf(e)),
    };
    if (this.#plans.size >= maxPlans) this.#plans.delete(this.#plans.keys().next().value!); // the oldest
    this.#plans.set(key, made);
    return made;
  }

  /** #holds tells whether variables still hold what a plan takes them to; those that do not are counted on no more. */
  #holds(plan: Plan): boolean {
    if (plan.changes === this.changes) return true;
    let all = true;
    for (const [name, value] of plan.program.assumed) {
      if (this.held(name) === value) continue;
      this.#assigned.add(name);
      all = false;
    }
    plan.changes = this.changes;
    return all;
  }

  #edge(name: string): Edge {
    const edge = this.compiler.flat.tensor(name);
    if (edge === undefined)
      throw newError(Code.InvalidArgument, `Tensor ${name}, specified in either feed_devices or fetch_devices was not found in the Graph`);
    return edge;
  }

  #target(name: string): number {
    const node = this.compiler.flat.target(name);
    if (node === undefined) throw newError(Code.InvalidArgument, `the graph has no operation ${name}`);
    return node;
  }

  /** #typeOf gives the dtype of a tensor that may be fed, where the node says it. */
  #typeOf(edge: Edge): DType | undefined {
    const node = this.compiler.flat.nodes[edge.node]!;
    const attrs = newAttrs(node.name, node.attr);
    for (const name of ["dtype", "T"]) if (attrs.has(name)) return attrs.dtype(name);
    return undefined;
  }

  /** The init op is a signature of TF2 exports, else the one entry of a collection (loader_util.cc, GetInitOp). */
  #initOp(): string | undefined {
    const output = this.metaGraph.signatureDef[initSignature]?.outputs[initSignature]?.encoding;
    if (output?.case === "name") return output.value;
    for (const name of ["saved_model_main_op", "legacy_init_op"]) {
      const list = this.metaGraph.collectionDef[name]?.kind;
      if (list?.case !== "nodeList") continue;
      if (list.value.value.length !== 1) throw newError(Code.FailedPrecondition, `Expected exactly one main op in : ${name}`);
      return list.value.value[0];
    }
    return undefined;
  }
}
export type { Model };

/** newModel makes one that is to be restored, or to take what another holds. In a memory in common it shares the weights that are laid out there. */
export function newModel(metaGraph: MetaGraphDef, compiler: Compiler, checkpoint: ReadonlyMap<string, Tensor>, common?: WebAssembly.Memory): Model {
  return new Model(metaGraph, compiler, checkpoint, common);
}

function fetched(values: readonly Value[], fetches: readonly string[]): Tensor[] {
  for (let i = 0; i < fetches.length; i++)
    if (values[i] === undefined) throw newError(Code.InvalidArgument, `FetchOutputs ${fetches[i]}: the operation has no such output`);
  return materialized(values);
}

/** refuse names the ops that a model needs and that are not there, if there are any, and who has them. */
function refuse(missing: readonly string[]): void {
  if (missing.length === 0) return;
  throw newError(Code.Unimplemented, `the embedded engine does not have ${opsText(missing)}, which the model needs; ${whoHas(missing)}`);
}

function getOrMake<T>(map: Map<string, T>, name: string, make: () => T): T {
  let found = map.get(name);
  if (found === undefined) {
    found = make();
    map.set(name, found);
  }
  return found;
}

/** copied is a value that a variable or table may keep. */
function copied(value: Value): Value {
  return isTensor(value) ? copyOf(value) : value;
}

function sizeOf(t: Tensor | undefined): number {
  return t === undefined ? 0 : bytesOf(t);
}
