import type { GraphDef } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import { changesVariables } from "../changing.ts";
import { newAttrs } from "./attrs.ts";
import { calls, type Edge, type Flat, type FlatNode, flattenFunction, type Library, newFlat } from "./flat.ts";
import type { Body, Kernel, Node } from "./kernel.ts";
import { type Graph, patterns, recipeOf, remembered, type Work } from "./graph/index.ts";
import { type Improver, type Known, newImprover } from "./improve.ts";
import { chainOf, convolution, fusedOf, kernels, product, streamed } from "./kernels/index.ts";
import { plan, type Program } from "./plan.ts";
import { functionsOf } from "./reach.ts";
import { newSimd } from "./simd/index.ts";

/** Compiler turns fetches of one graph into programs. */
export interface Compiler {
  readonly flat: Flat;
  /** program plans a run; what variables hold that `known` gives is counted on, unless the run may change some. */
  program(feeds: readonly Edge[], fetches: readonly Edge[], targets: readonly number[], known?: Known): Compiled;
  /** missing names every op, sorted, that the given programs would need and no kernel runs. */
  missing(fetches: readonly Edge[], targets: readonly number[]): string[];
}

/** Compiled is a program, and what it takes variables to hold. */
export interface Compiled extends Program {
  readonly assumed: ReadonlyMap<string, Tensor>;
}

/** What is only reached by a control edge is kept for the sake of ops that change state, these of a load among them, and of those that end a run. */
const loads = /^(InitializeTable|RestoreV2)/;
const checks = /^Assert/;
/** Ops that give a reference to a variable. */
const references = new Set(["Variable", "VariableV2"]);
/** Ops without a kernel whose effect no client sees. */
const unseen = new Set(["Print", "PrintV2"]);

/** Around puts something around the kernel of each node: who wants to know what a run computes. The ops then stay as the graph has them. */
export type Around = (op: Work, kernel: Kernel) => Kernel;

/** changesState tells of an op by itself whether it may change a model's state. */
export function changesState(op: string): boolean {
  return streamed.has(op) || changesVariables(op) || loads.test(op);
}

export function compile(graph: GraphDef, library: Library, around?: Around): Compiler {
  const flat = newFlat(graph, library);
  const bodies = new Map<string, Body>();
  // A constant is decoded once per graph, however many plans use it; the same goes for a function's body.
  const constants = new Map<FlatNode["attr"], Kernel>();
  const simd = newSimd(); // for what is computed once
  const improver = newImprover(kernel, simd);

  const effectful = new Map<string, boolean>();

  /** hasEffect: of an op that we do not have we cannot tell, so it is asked for; those of patterns have none, an If or a While has the effects of its functions. */
  function hasEffect(node: { readonly op: string; readonly attr: FlatNode["attr"] }): boolean {
    if (patterns.has(node.op)) return false;
    if (kernels[node.op] === undefined && !calls.has(node.op)) return !unseen.has(node.op);
    return changesVariables(node.op) || loads.test(node.op) || checks.test(node.op) || functionsOf(node.attr).some(bodyHasEffect);
  }

  /** changes tells whether a node may change the model's state. */
  function changes(node: Pick<Work, "op" | "attr">): boolean {
    return changesState(node.op) || (!checks.test(node.op) && hasEffect(node));
  }

  function bodyHasEffect(name: string): boolean {
    let found = effectful.get(name);
    if (found === undefined) {
      effectful.set(name, false); // a function that calls itself has the effects of the rest of it
      found = library.get(name)?.nodeDef.some(hasEffect) ?? false;
      effectful.set(name, found);
    }
    return found;
  }

  function kernel(op: Work): Kernel {
    return op.bySizes === true ? remembered(op.op, made(op)) : made(op);
  }

  function made(op: Work): Kernel {
    if (op.constant !== undefined) return () => op.constant!;
    if (op.chain !== undefined) return chain(op);
    if (op.fused !== undefined) return fusedOf(op.fused, kernel);
    const factory = kernels[op.op];
    if (factory === undefined) throw newError(Code.Unimplemented, `there is no kernel for the op ${op.op} (node ${op.name})`);
    const decoded = constants.get(op.attr);
    if (decoded !== undefined) return decoded;
    const node: Node = { name: op.name, op: op.op, attrs: newAttrs(op.name, op.attr), inputCount: op.inputs.length, body };
    if (op.after !== undefined) return op.op === "MatMul" ? product(node, op.after) : convolution(node, op.after);
    const plain = factory(node);
    const fresh = around === undefined ? plain : around(op, plain);
    if (op.op === "Const") constants.set(op.attr, fresh);
    return fresh;
  }

  function chain(op: Work): Kernel {
    const recipe = recipeOf(op);
    const members = op.chain!.map((member, k) => ({ kernel: kernel(member), from: recipe.steps[k]!.from.slice(0, member.inputs.length) }));
    return chainOf(recipe, members);
  }

  /** improvement is what is done to the ops of a program. One that changes variables reads them where it did; with references, whose value is read by whoever uses it, it stays as it is. */
  function improvement(by: Improver, known: Known, assumed: Map<string, Tensor>): (graph: Graph, targets: ReadonlySet<number>) => Graph {
    return (graph, targets) => {
      if (around !== undefined) return graph;
      const changes = graph.ops.some((op) => hasEffect(op) && !checks.test(op.op));
      if (changes && graph.ops.some((op) => references.has(op.op))) return graph;
      return by.improve(graph, { known: changes ? () => undefined : known, assumed, root: (op) => targets.has(op.at) || hasEffect(op) });
    };
  }

  function body(name: string): Body {
    const found = bodies.get(name);
    if (found !== undefined) return found;
    const def = library.get(name);
    if (def === undefined) throw newError(Code.InvalidArgument, `the function ${name} is not in the library`);
    const fn = flattenFunction(def, library);
    let program: Program | undefined; // planned on first use: a function may refer to itself
    const inside = newImprover(kernel, simd);
    const made: Body = {
      run(inputs, state) {
        program ??= plan({
          nodes: fn.nodes,
          feeds: fn.args.map((node) => ({ node, output: 0 })),
          fetches: fn.outputs,
          targets: fn.control,
          kernel,
          effect: hasEffect,
          changes,
          improve: improvement(inside, () => undefined, new Map()),
        });
        return program.run(inputs, state);
      },
    };
    bodies.set(name, made);
    return made;
  }

  return {
    flat,
    program(feeds, fetches, targets, known = () => undefined) {
      const assumed = new Map<string, Tensor>();
      return {
        ...plan({ nodes: flat.nodes, feeds, fetches, targets, kernel, effect: hasEffect, changes, improve: improvement(improver, known, assumed) }),
        assumed,
      };
    },
    missing(fetches, targets) {
      const found = new Set<string>();
      const visited = new Set<string>();
      const look = (nodes: readonly FlatNode[], edges: readonly Edge[], ends: readonly number[]): void => {
        plan({
          nodes,
          feeds: [],
          fetches: edges,
          targets: ends,
          effect: hasEffect,
          kernel: (node) => {
            if (kernels[node.op] === undefined) found.add(node.op);
            for (const name of functionsOf(node.attr)) {
              const def = library.get(name);
              if (def === undefined || visited.has(name)) continue;
              visited.add(name);
              const fn = flattenFunction(def, library);
              look(fn.nodes, fn.outputs, fn.control);
            }
            return () => [];
          },
        });
      };
      look(flat.nodes, fetches, targets);
      return [...found].sort();
    },
  };
}
