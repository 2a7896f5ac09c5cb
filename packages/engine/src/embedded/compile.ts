import type { GraphDef } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { newAttrs } from "./attrs.ts";
import { calls, type Edge, type Flat, type FlatNode, flattenFunction, type Library, newFlat } from "./flat.ts";
import type { Body, Kernel } from "./kernel.ts";
import { kernels } from "./kernels/index.ts";
import { plan, type Program } from "./plan.ts";
import { functionsOf } from "./reach.ts";

/** Compiler turns fetches of one graph into programs. */
export interface Compiler {
  readonly flat: Flat;
  program(feeds: readonly Edge[], fetches: readonly Edge[], targets: readonly number[]): Program;
  /** missing names every op, sorted, that the given programs would need and no kernel runs. */
  missing(fetches: readonly Edge[], targets: readonly number[]): string[];
}

/** Ops that change state or end a run: what is only reached by a control edge is kept for the sake of these. */
const effects = /^(Assert|Assign|ScatterUpdate|ResourceScatter|LookupTableImport|LookupTableInsert|InitializeTable|LookupTableRemove|RestoreV2)/;
/** Ops without a kernel whose effect no client sees. */
const unseen = new Set(["Print", "PrintV2"]);

/** Around puts something around the kernel of a node: who wants to know what a run computes. */
export type Around = (node: FlatNode, kernel: Kernel) => Kernel;

export function compile(graph: GraphDef, library: Library, around: Around = (_, kernel) => kernel): Compiler {
  const flat = newFlat(graph, library);
  const bodies = new Map<string, Body>();
  // A constant is decoded once per graph, however many plans use it; the same goes for a function's body.
  const constants = new Map<FlatNode, Kernel>();

  const effectful = new Map<string, boolean>();

  /** hasEffect: of an op that we do not have we cannot tell, so it is asked for; an If or a While has the effects of its functions. */
  function hasEffect(node: { readonly op: string; readonly attr: FlatNode["attr"] }): boolean {
    if (kernels[node.op] === undefined && !calls.has(node.op)) return !unseen.has(node.op);
    return effects.test(node.op) || functionsOf(node.attr).some(bodyHasEffect);
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

  function kernel(node: FlatNode): Kernel {
    const factory = kernels[node.op];
    if (factory === undefined) throw newError(Code.Unimplemented, `there is no kernel for the op ${node.op} (node ${node.name})`);
    const made = constants.get(node);
    if (made !== undefined) return made;
    const fresh = around(node, factory({ name: node.name, op: node.op, attrs: newAttrs(node.name, node.attr), inputCount: node.inputs.length, body }));
    if (node.op === "Const") constants.set(node, fresh);
    return fresh;
  }

  function body(name: string): Body {
    const found = bodies.get(name);
    if (found !== undefined) return found;
    const def = library.get(name);
    if (def === undefined) throw newError(Code.InvalidArgument, `the function ${name} is not in the library`);
    const fn = flattenFunction(def, library);
    let program: Program | undefined; // planned on first use: a function may refer to itself
    const made: Body = {
      run(inputs, state) {
        program ??= plan({
          nodes: fn.nodes,
          feeds: fn.args.map((node) => ({ node, output: 0 })),
          fetches: fn.outputs,
          targets: fn.control,
          kernel,
          effect: hasEffect,
        });
        return program.run(inputs, state);
      },
    };
    bodies.set(name, made);
    return made;
  }

  return {
    flat,
    program: (feeds, fetches, targets) => plan({ nodes: flat.nodes, feeds, fetches, targets, kernel, effect: hasEffect }),
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
