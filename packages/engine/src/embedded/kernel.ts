import type { Ctx, Pace } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { Attrs } from "./attrs.ts";
import type { Leash } from "./leash.ts";
import type { Philox } from "./random/index.ts";
import type { Rounds } from "./rounds.ts";
import type { Arena, Simd } from "./simd/index.ts";
import type { Table, Value, Variable } from "./value.ts";

/** Node is what a kernel may know of its node when it is made. */
export interface Node {
  readonly name: string;
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputCount: number;
  /** body gives a function of the graph's library, compiled, for control flow. */
  body(name: string): Body;
}

/** Later is there at once, or, if a loop runs long, when other turns of the event loop have come between. */
export type Later<T> = T | Promise<T>;

/** Body is a compiled function. */
export interface Body {
  run(inputs: readonly Value[], state: State): Later<readonly Value[]>;
}

/** State is what a run may touch besides its inputs: the model's variables and tables, and how long the caller still cares. */
export interface State {
  readonly ctx: Ctx;
  /** variable and table find or make the cell of that name. */
  variable(name: string, make: () => Variable): Variable;
  table(name: string, make: () => Table): Table;
  /** stream finds or makes the place in a stream of random numbers that the node of that name has come to. */
  stream(name: string, make: () => Philox): { at: Philox };
  /** checkpoint gives a tensor of the model's bundle: for the restore op, while loading. */
  checkpoint(key: string): Tensor;
  /** simd computes with floats, in memory that is the model's. */
  readonly simd: Simd;
  /**
   * arena is where this run's floats lie, for what simd computes. A kernel that holds on to a value in another way than as its output (a variable, an item of a list)
   * has to hold arena.kept of it: the arena's room is used again.
   */
  readonly arena: Arena;
  /** pace says when a loop shall rest. */
  readonly pace: Pace;
  /** rounds bounds how often loops go round. */
  readonly rounds: Rounds;
  /** leash is there if the run shall not take long where it is. */
  readonly leash?: Leash | undefined;
}

/** Kernel computes a node's outputs. One output may be given bare. Only control flow gives them later. */
export type Kernel = (inputs: readonly Value[], state: State) => Value | Later<readonly Value[]>;

/** KernelFactory reads the attributes once, when a plan is made, and chooses what to run. */
export type KernelFactory = (node: Node) => Kernel;

/** Kernels is a family: op name to factory. */
export type Kernels = Readonly<Record<string, KernelFactory>>;
