import { background, newPace } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import { newAttrs } from "./attrs.ts";
import {
  attentionAt,
  cellAt,
  chained,
  ended,
  folded,
  fused,
  geluAt,
  type Graph,
  type Memo,
  normAt,
  normalized,
  type Op,
  pruned,
  sized,
  type Work,
} from "./graph/index.ts";
import type { Kernel, State } from "./kernel.ts";
import { variableName } from "./kernels/index.ts";
import { newRounds } from "./rounds.ts";
import type { Simd } from "./simd/index.ts";
import { isTensor, type Value } from "./value.ts";

/** Known gives what a variable holds, by its name, if nothing changes it. */
export type Known = (variable: string) => Tensor | undefined;

/** Improver does the work of load time on programs over one flat graph; what it has computed for one it keeps for the others. */
export interface Improver {
  /** improve makes less work of a program's ops. What variables were taken to hold is put into `assumed`. */
  improve(graph: Graph, options: ImproveOptions): Graph;
}

export interface ImproveOptions {
  readonly known: Known;
  readonly assumed: Map<string, Tensor>;
  /** root tells which ops run though nobody reads them. */
  readonly root: (op: Op) => boolean;
}

/** newImprover makes one that computes what is constant with `simd`. */
export function newImprover(kernel: (op: Work) => Kernel, simd: Simd): Improver {
  const evaluated = new Map<number, { readonly from: readonly Tensor[]; readonly values: readonly Tensor[] }>();
  const made = new WeakMap<Tensor, { readonly what: string; readonly from: readonly Tensor[]; readonly value: Tensor }[]>();
  const sameAs = (a: readonly Tensor[], b: readonly Tensor[]): boolean => a.length === b.length && a.every((t, i) => t === b[i]);

  const memo: Memo = (what, from, make) => {
    const [first] = from as [Tensor, ...Tensor[]];
    const known = made.get(first) ?? [];
    const found = known.find((one) => one.what === what && sameAs(one.from, from));
    if (found !== undefined) return found.value;
    const value = make();
    made.set(first, [...known, { what, from, value }]);
    return value;
  };

  function evaluate(op: Op, inputs: readonly Tensor[]): readonly Tensor[] | undefined {
    const found = evaluated.get(op.at);
    if (found !== undefined && sameAs(found.from, inputs)) return found.values;
    const values = computed(kernel(op), inputs, simd);
    if (values !== undefined) evaluated.set(op.at, { from: inputs, values });
    return values;
  }

  return {
    improve(graph, { known, assumed, root }) {
      const variable = (op: Op): Tensor | undefined => {
        const name = variableName({ name: op.name, attrs: newAttrs(op.name, op.attr) });
        const value = known(name);
        if (value !== undefined) assumed.set(name, value);
        return value;
      };
      const simple = pruned(folded(graph, { evaluate, variable }), root);
      const whole = fused(simple, (op, sight) => cellAt(op, sight) ?? normAt(op, sight) ?? geluAt(op, sight) ?? attentionAt(op, sight));
      return sized(pruned(chained(ended(normalized(whole, memo), memo)), root));
    },
  };
}

/** computed gives what a kernel makes of constants; nothing if it fails, which it then does in a run. */
function computed(kernel: Kernel, inputs: readonly Tensor[], simd: Simd): readonly Tensor[] | undefined {
  const arena = simd.arena();
  const none = (): never => {
    throw new Error("an op that depends on its inputs alone has no state");
  };
  const state: State = {
    ctx: background(),
    variable: none,
    table: none,
    stream: none,
    checkpoint: none,
    simd,
    arena,
    pace: newPace(Number.POSITIVE_INFINITY),
    rounds: newRounds(0),
  };
  try {
    const result = kernel(inputs, state);
    const values: readonly Value[] = Array.isArray(result) ? result : [result as Value];
    return values.every((v) => isTensor(v)) ? values.map((v) => arena.kept(v)) : undefined;
  } catch {
    return undefined;
  } finally {
    arena.end();
  }
}
