import { DType, type Tensor } from "@tfs/tensor";
import type { Edge, FlatNode } from "../flat.ts";

/** Work is what a kernel is made for: a node of the graph, or what has come of several. */
export interface Work {
  readonly name: string;
  readonly op: string;
  readonly attr: FlatNode["attr"];
  readonly inputs: readonly Edge[];
  /** constant are the op's outputs if they are the same in every run. */
  readonly constant?: readonly Tensor[];
  /** bySizes says that the results depend on shapes and constants alone. */
  readonly bySizes?: boolean;
  /** after is what a product or a convolution does to its sums. */
  readonly after?: After;
  /** chain has the elementwise ops that became this one, in order; the inputs are those that come from outside. */
  readonly chain?: readonly Op[];
  /** fused says of which ops this one came, and what they do together. */
  readonly fused?: Fused;
}

/** Pattern is what several ops do together, and the op that they become is called so. */
export type Pattern = "lstm" | "gru" | "norm" | "gelu" | "attention";

/** patterns are all of them: no op of TensorFlow has such a name. */
export const patterns: ReadonlySet<string> = new Set<Pattern>(["lstm", "gru", "norm", "gelu", "attention"]);

/** Fused is what came of the ops of a pattern. Its op reads what they do, and gives their results. */
export interface Fused {
  readonly pattern: Pattern;
  /** members are the ops, in order. */
  readonly members: readonly Op[];
  /** reads are the op's inputs as the members know them: what they come from may itself have been fused. */
  readonly reads: readonly Edge[];
  /** results are the edges of members whose values are the op's outputs. */
  readonly results: readonly Edge[];
  /** roles say which of the op's inputs is what to the pattern. */
  readonly roles: Readonly<Record<string, number>>;
  /** numbers are what else the pattern says. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** Op is a step of a program before its kernel is made. */
export interface Op extends Work {
  /** at numbers the op: its outputs' edges say it. Of several that became one, it is the last one's. */
  readonly at: number;
}

/** After is what a product or a convolution does to its sums before they are written: a bias that is its third input, then limits. */
export interface After {
  readonly bias: boolean;
  readonly low: number;
  readonly high: number;
  /** padding is of a Pad op that came before: above, below, left and right. */
  readonly padding?: readonly [number, number, number, number];
}

/** Graph is what the work at load time goes over. */
export interface Graph {
  /** ops in an order in which each comes after what it needs. */
  readonly ops: readonly Op[];
  /** fetches are edges whose values the caller gets: they stay. */
  readonly fetches: readonly Edge[];
  readonly isFed: (edge: Edge) => boolean;
  /** fresh gives a number that no op has yet. */
  readonly fresh: () => number;
  /** constants are values that are the same in every run. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** readers counts who reads each edge; a fetch is one, and so is whatever reads another output of the same op. */
export function readers({ ops, fetches }: Graph): (at: number) => readonly (Op | undefined)[] {
  const found = new Map<number, (Op | undefined)[]>();
  const add = (at: number, reader: Op | undefined): void => {
    const list = found.get(at);
    if (list === undefined) found.set(at, [reader]);
    else list.push(reader);
  };
  for (const op of ops) for (const e of op.inputs) add(e.node, op);
  for (const e of fetches) add(e.node, undefined);
  return (at) => found.get(at) ?? [];
}

/** constantOp gives a value as an op. */
export function constantOp(at: number, name: string, value: Tensor): Op {
  return { at, name, op: "Const", attr: {}, inputs: [], constant: [value] };
}

/** isFloat tells whether an op computes with floats. */
export function isFloat({ attr }: Op): boolean {
  return attr["T"]?.value.case === "type" && attr["T"].value.value === (DType.Float as number);
}
