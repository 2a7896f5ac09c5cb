import { Code, newError } from "@tfs/std";
import { DType, dtypeName, shapeText, type Tensor, toDType } from "@tfs/tensor";
import { newTiming, type Pointer, type Timing } from "../native/index.ts";
import type { Library, RunArgs, Session } from "./library.ts";
import { read, write } from "./tensor.ts";
import { newWays, type Ways } from "./ways.ts";

/** A TF_Output is a pointer and an int. */
const outputBytes = 16;

/** Calls whose memory a plan keeps for the next ones. */
const keptCalls = 64;

export interface PlanOptions {
  readonly feeds: readonly string[];
  readonly fetches: readonly string[];
  /** ranked: a feed must have as many dimensions as the graph says. */
  readonly ranked: boolean;
}

/** Plan is one set of feeds and fetches of a session, with the native memory that says so to TensorFlow. Whoever makes it frees it. */
class Plan {
  readonly timing: Timing = newTiming();
  readonly ways: Ways = newWays();
  readonly #library: Library;
  readonly #session: Pointer;
  /** Feed names, sorted: the order in which TensorFlow numbers its arguments in messages. */
  readonly #feeds: readonly string[];
  /** Dimensions that each feed must have; -1 where any will do. */
  readonly #ranks: readonly number[];
  /** What TensorFlow is asked for, each once. */
  readonly #outputs: number;
  /** Where each fetch comes from: an output, or a feed, which TensorFlow does not give back. */
  readonly #places: readonly (number | string)[];
  readonly #table: Pointer;
  readonly #idle: Call[] = [];
  #taken = 0;
  #freed = false;

  constructor(library: Library, session: Session, { feeds, fetches, ranked }: PlanOptions) {
    this.#library = library;
    this.#session = session.session;
    this.#feeds = [...feeds].sort();
    const fed = new Map(this.#feeds.map((name) => [canonical(name), name]));
    const asked = [...new Set(fetches.map(canonical))].filter((name) => !fed.has(name));
    this.#outputs = asked.length;
    this.#places = fetches.map((name) => fed.get(canonical(name)) ?? asked.indexOf(canonical(name)));
    const found = [...this.#feeds, ...asked].map((name) => find(library, session, name));
    this.#ranks = found.slice(0, this.#feeds.length).map(({ operation, index }) => (ranked ? library.rank(session, operation, index) : -1));
    const table = new DataView(new ArrayBuffer(outputBytes * found.length));
    for (const [i, { operation, index }] of found.entries()) {
      table.setBigUint64(i * outputBytes, operation, true);
      table.setInt32(i * outputBytes + 8, index, true);
    }
    this.#table = library.libc.malloc(table.byteLength);
    library.libc.copyIn(this.#table, new Uint8Array(table.buffer));
  }

  /** runs tells whether there is anything to ask TensorFlow for. */
  get runs(): boolean {
    return this.#outputs > 0;
  }

  /** fetched puts TensorFlow's outputs and what was fed in the order of the fetches. */
  fetched(outputs: readonly Tensor[], feeds: ReadonlyMap<string, Tensor>): Tensor[] {
    return this.#places.map((place) => (typeof place === "string" ? feeds.get(place)! : outputs[place]!));
  }

  /** take gives memory for one call, with the feeds in it. Throws InvalidArgument for a tensor that is none, ResourceExhausted. */
  take(feeds: ReadonlyMap<string, Tensor>): Call {
    const call = this.#idle.pop() ?? new Call(this.#library, this.#session, this.#table, this.#feeds.length, this.#outputs);
    this.#taken++;
    try {
      for (let i = 0; i < this.#feeds.length; i++) {
        const [t, rank] = [feeds.get(this.#feeds[i]!)!, this.#ranks[i]!];
        if (rank >= 0 && t.shape.length !== rank)
          throw newError(Code.InvalidArgument, `${this.#feeds[i]} takes ${rank} dimensions, and its shape is ${shapeText(t.shape)}`);
        call.feed(i, t);
      }
    } catch (err) {
      this.giveBack(call);
      throw err;
    }
    return call;
  }

  /** giveBack deletes what tensors the call has, and keeps its memory for another. */
  giveBack(call: Call): void {
    call.clear();
    this.#taken--;
    if (this.#freed || this.#idle.length >= keptCalls) call.free();
    else this.#idle.push(call);
    if (this.#freed && this.#taken === 0) this.#library.libc.free(this.#table);
  }

  /** free lets the memory go, that of calls under way when they give it back. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const call of this.#idle.splice(0)) call.free();
    if (this.#taken === 0) this.#library.libc.free(this.#table);
  }
}
export type { Plan };

/** Call is the memory of one run: pointers to the tensors that go in and those that come out, and a status. */
class Call {
  readonly args: RunArgs;
  readonly #library: Library;
  readonly #block: Pointer;
  readonly #tensors: BigUint64Array;
  readonly #bytes: Uint8Array;

  constructor(library: Library, session: Pointer, table: Pointer, inputs: number, outputs: number) {
    this.#library = library;
    this.#tensors = new BigUint64Array(inputs + outputs);
    this.#bytes = new Uint8Array(this.#tensors.buffer);
    this.#block = library.libc.malloc(this.#bytes.length);
    this.args = {
      session,
      inputs: table,
      inputValues: this.#block,
      inputCount: inputs,
      outputs: table + BigInt(outputBytes * inputs),
      outputValues: this.#block + BigInt(8 * inputs),
      outputCount: outputs,
      status: library.newStatus(),
    };
  }

  feed(i: number, t: Tensor): void {
    this.#tensors[i] = write(this.#library, t);
  }

  run(options: Pointer | null): void {
    this.#library.libc.copyIn(this.#block, this.#bytes);
    this.#library.run(this.args, options);
    this.#library.libc.copyOut(this.#bytes, this.#block);
  }

  /** runLater runs on a thread of the pool. */
  async runLater(options: Pointer | null): Promise<void> {
    this.#library.libc.copyIn(this.#block, this.#bytes);
    await this.#library.runLater(this.args, options);
    this.#library.libc.copyOut(this.#bytes, this.#block);
  }

  /** read copies the outputs. Throws what the run has complained of, with TensorFlow's code and text. */
  read(): Tensor[] {
    this.#library.check(this.args.status);
    const got: Tensor[] = [];
    for (let i = this.args.inputCount; i < this.#tensors.length; i++) got.push(read(this.#library, this.#tensors[i]!));
    return got;
  }

  clear(): void {
    for (let i = 0; i < this.#tensors.length; i++) if (this.#tensors[i] !== 0n) this.#library.deleteTensor(this.#tensors[i]!);
    this.#tensors.fill(0n);
  }

  free(): void {
    this.#library.deleteStatus(this.args.status);
    this.#library.libc.free(this.#block);
  }
}
export type { Call };

/** newPlan finds the tensors in the graph. Throws InvalidArgument for one that is not there, in TensorFlow's words, and for one whose values only a graph can hold. */
export function newPlan(library: Library, session: Session, options: PlanOptions): Plan {
  return new Plan(library, session, options);
}

/** canonical spells the first output of an operation as the others are. */
function canonical(name: string): string {
  return name.includes(":") ? name : `${name}:0`;
}

function find(library: Library, session: Session, name: string): { readonly operation: Pointer; readonly index: number } {
  const [, node, digits] = /^([^:^][^:]*):(\d{1,9})$/.exec(canonical(name)) ?? [];
  const operation = node === undefined ? undefined : library.operation(session, node);
  if (operation === undefined)
    throw newError(Code.InvalidArgument, `Tensor ${name}, specified in either feed_devices or fetch_devices was not found in the Graph`);
  const [index, count] = [Number(digits), library.outputs(operation)];
  // The words of FetchOutputs and FeedInputs in tensorflow/core/graph/subgraph.cc, which would be asked too late: the dtype is looked up first.
  if (index >= count) throw newError(Code.InvalidArgument, `${name}: output index too large, must be < ${count}`);
  const dtype = toDType(library.outputType(operation, index));
  if (dtype === undefined || dtype === DType.Resource || dtype === DType.Variant)
    throw newError(Code.InvalidArgument, `Tensor ${name} is a ${dtype === undefined ? "thing" : dtypeName(dtype)}: it can neither be fed nor fetched`);
  return { operation, index };
}
