import type { AttrValue, GraphDef, NodeDef } from "@tfs/proto";
import { type Library, nodeOf } from "./flat.ts";

/** opsReached gives every op that tensors and operations of these names need, through functions and round loops; flattening gives up where a graph goes round. */
export function opsReached(graph: GraphDef, library: Library, names: readonly string[]): Set<string> {
  const ops = new Set<string>();
  const called = new Set<string>();
  const functions: string[] = [];

  function walk(nodes: ReadonlyMap<string, NodeDef>, roots: readonly string[]): void {
    const seen = new Set<string>();
    const todo = [...roots];
    for (let ref = todo.pop(); ref !== undefined; ref = todo.pop()) {
      const name = nodeOf(ref);
      const node = nodes.get(name); // in a function, an argument is no node
      if (node === undefined || seen.has(name)) continue;
      seen.add(name);
      ops.add(node.op);
      todo.push(...node.input);
      functions.push(...functionsOf(node.attr));
    }
  }

  walk(byName(graph.node), names);
  for (let name = functions.pop(); name !== undefined; name = functions.pop()) {
    const def = library.get(name);
    if (def === undefined || called.has(name)) continue;
    called.add(name);
    walk(byName(def.nodeDef), [...Object.values(def.ret), ...Object.values(def.controlRet)]);
  }
  return ops;
}

/** functionsOf gives the functions that a node's attributes name: Case has a list of branches, other ops one attribute each. */
export function functionsOf(attr: { readonly [name: string]: AttrValue }): string[] {
  const found: string[] = [];
  for (const key in attr) {
    const { value } = attr[key]!;
    if (value.case === "func") found.push(value.value.name);
    else if (value.case === "list") for (const f of value.value.func) found.push(f.name);
  }
  return found;
}

function byName(nodes: readonly NodeDef[]): ReadonlyMap<string, NodeDef> {
  return new Map(nodes.map((node) => [node.name, node]));
}
