import type { AttrValue, FunctionDef, GraphDef, NodeDef } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { outputIndex } from "./optable.ts";

/** Edge points at one output of a node. */
export interface Edge {
  readonly node: number;
  readonly output: number;
}

/** keyOf is an edge as a key of maps and sets. */
export const keyOf = (e: Edge): string => `${e.node}:${e.output}`;

/** FlatNode is a node after inlining; functions called by PartitionedCall are gone, those of control flow are Flats of their own. */
export interface FlatNode {
  readonly name: string;
  readonly op: string;
  readonly attr: { readonly [key: string]: AttrValue };
  readonly inputs: readonly Edge[];
  /** control lists nodes that must run before this one, for their effects. */
  readonly control: readonly number[];
}

/** Flat is a graph that grows as it is asked for tensors: what no one asks for is never looked at. */
export interface Flat {
  readonly nodes: readonly FlatNode[];
  /** tensor gives the edge of a tensor name ("x:0", "x"); undefined if there is no such node. */
  tensor(name: string): Edge | undefined;
  /** target gives the node of an operation name. */
  target(name: string): number | undefined;
}

/** Library gives the functions of a graph by name. */
export type Library = ReadonlyMap<string, FunctionDef>;

export function libraryOf(graph: GraphDef): Library {
  return new Map((graph.library?.function ?? []).map((f): [string, FunctionDef] => [f.signature?.name ?? "", f]));
}

/** A graph that inlines deeper than this calls itself. */
const maxDepth = 128;
/** And one that grows past this many nodes is not meant to be served by us. */
const maxNodes = 2_000_000;

interface Scope {
  readonly nodes: ReadonlyMap<string, NodeDef>;
  readonly prefix: string;
  /** args resolves a function's argument to the caller's edge. */
  readonly args: ReadonlyMap<string, () => Edge>;
  readonly done: Map<string, (output: number) => Edge>;
  /** control is what the call itself waits for: its stateful nodes wait for it too. */
  readonly control: readonly number[];
  /** sources are waited for by nodes without inputs where a graph has v1 control flow: they run where and as often as the call does. */
  readonly sources: readonly number[];
  readonly depth: number;
}

/** Calls that are replaced by the body of their function. */
export const calls: ReadonlySet<string> = new Set(["PartitionedCall", "StatefulPartitionedCall"]);

/** newFlat flattens a graph from its top. */
export function newFlat(graph: GraphDef, library: Library): Flat {
  const flattener = newFlattener(library, graph.node);
  const top: Scope = { nodes: byName(graph.node), prefix: "", args: new Map(), done: new Map(), control: [], sources: [], depth: 0 };
  return {
    nodes: flattener.nodes,
    tensor(name) {
      const [node, output] = name.split(":");
      if (node === undefined || !top.nodes.has(node)) return undefined;
      return flattener.edge(top, output === undefined ? node : `${node}:${output}`);
    },
    target(name) {
      const node = name.replace(/:\d+$/, "");
      return top.nodes.has(node) ? flattener.anchor(top, node) : undefined;
    },
  };
}

/** FlatFunction is a function of control flow: its arguments are nodes of the op `_Arg`, in order. */
export interface FlatFunction {
  readonly nodes: readonly FlatNode[];
  readonly args: readonly number[];
  readonly outputs: readonly Edge[];
  readonly control: readonly number[];
}

export function flattenFunction(def: FunctionDef, library: Library): FlatFunction {
  const flattener = newFlattener(library, def.nodeDef);
  const signature = def.signature;
  if (signature === undefined) throw newError(Code.InvalidArgument, "a function without signature");
  const args = signature.inputArg.map((arg) => flattener.add({ name: arg.name, op: "_Arg", attr: {}, inputs: [], control: [] }));
  const resolve = new Map(signature.inputArg.map((arg, i) => [arg.name, () => ({ node: args[i]!, output: 0 })]));
  const scope: Scope = { nodes: byName(def.nodeDef), prefix: "", args: resolve, done: new Map(), control: [], sources: [], depth: 0 };
  const outputs = signature.outputArg.map((arg) => flattener.edge(scope, need(def.ret[arg.name], `function ${signature.name} does not return ${arg.name}`)));
  const control = Object.values(def.controlRet).map((name) => flattener.anchor(scope, name));
  return { nodes: flattener.nodes, args, outputs, control };
}

/** Next iterations are what loops of TensorFlow 1 go round by. */
const nextOps: ReadonlySet<string> = new Set(["NextIteration", "RefNextIteration"]);

/** newFlattener inlines what is asked for. `top` are the nodes of the graph or function that it begins with. */
function newFlattener(library: Library, top: readonly NodeDef[]) {
  const nodes: FlatNode[] = [];
  const switches = top.some((n) => n.op === "Switch" || n.op === "RefSwitch");
  /** Next iterations whose inputs are looked for when all else is there: only so a round ends. */
  const rounds: { readonly scope: Scope; readonly node: NodeDef; readonly inputs: Edge[]; readonly control: number[] }[] = [];
  let visits = 0;

  function add(node: FlatNode): number {
    if (nodes.length >= maxNodes) throw newError(Code.ResourceExhausted, `the graph has more than ${maxNodes} nodes when its functions are inlined`);
    return nodes.push(node) - 1;
  }

  /** edge resolves a reference as written in a scope: "node", "node:1", or in functions "node:out_arg:1". */
  function edge(scope: Scope, ref: string): Edge {
    const [name = "", second, third] = ref.split(":");
    const arg = scope.args.get(name);
    if (arg !== undefined) return arg();
    const node = need(scope.nodes.get(name), `there is no node ${name}`);
    const output = third === undefined ? Number(second ?? 0) : outputIndex(node, second ?? "", Number(third));
    return visit(scope, node)(output);
  }

  /** anchor gives a node whose running means that `name` has run. */
  function anchor(scope: Scope, name: string): number {
    const node = need(scope.nodes.get(name), `there is no node ${name}`);
    if (!calls.has(node.op)) return visit(scope, node)(0).node;
    const key = `^${name}`;
    const found = scope.done.get(key);
    if (found !== undefined) return found(0).node;
    visit(scope, node);
    const inner = need(scope.done.get(key), `call ${name} has no anchor`);
    return inner(0).node;
  }

  /**
   * visit gives what makes the edges of a node's outputs. It goes through the node's inputs in this scope by a stack of its own: graphs are deeper than
   * JavaScript's. What fails fails for who asks for it, since a call may not need all that it is given.
   */
  function visit(scope: Scope, root: NodeDef): (output: number) => Edge {
    const known = scope.done.get(root.name);
    if (known !== undefined) return known;
    visits++;
    try {
      return visitNew(scope, root);
    } finally {
      visits--;
      if (visits === 0) closeRounds();
    }
  }

  /** closeRounds gives next iterations their inputs. */
  function closeRounds(): void {
    for (let round = rounds.pop(); round !== undefined; round = rounds.pop()) {
      for (const input of round.node.input)
        if (input.startsWith("^")) round.control.push(controlOf(round.scope, input.slice(1)));
        else round.inputs.push(edge(round.scope, input));
    }
  }

  function next(scope: Scope, node: NodeDef): (output: number) => Edge {
    const [inputs, control]: [Edge[], number[]] = [[], []];
    const index = add({ name: scope.prefix + node.name, op: node.op, attr: node.attr, inputs, control });
    rounds.push({ scope, node, inputs, control });
    return (output) => edgeOf(node, index, output);
  }

  function visitNew(scope: Scope, root: NodeDef): (output: number) => Edge {
    const stack = [root];
    const open = new Set<NodeDef>(); // those whose inputs are being looked at
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      if (!scope.done.has(node.name)) {
        if (nextOps.has(node.op)) {
          scope.done.set(node.name, next(scope, node));
          stack.pop();
          continue;
        }
        // Marked before its inputs are looked at: but for next iterations, no graph goes round.
        scope.done.set(node.name, () => {
          throw newError(Code.InvalidArgument, `node ${node.name} is part of a cycle`);
        });
        open.add(node);
        for (const input of node.input) {
          const from = scope.nodes.get(nodeOf(input));
          if (from !== undefined && !scope.args.has(from.name) && !scope.done.has(from.name)) stack.push(from);
        }
        continue;
      }
      stack.pop();
      if (!open.delete(node)) continue; // it was an input twice
      try {
        scope.done.set(node.name, calls.has(node.op) ? inline(scope, node) : plain(scope, node));
      } catch (err) {
        scope.done.set(node.name, () => {
          throw err;
        });
      }
    }
    return scope.done.get(root.name)!;
  }

  function plain(scope: Scope, node: NodeDef): (output: number) => Edge {
    const data = node.input.filter((i) => !i.startsWith("^"));
    const inputs = data.map((i) => edge(scope, i));
    if (scope.depth > 0 && passThrough.has(node.op) && inputs.length === 1 && data.length === node.input.length) return () => inputs[0]!;
    const control = node.input.filter((i) => i.startsWith("^")).map((i) => controlOf(scope, i.slice(1)));
    const waits = inputs.length === 0 ? [...scope.control, ...scope.sources] : scope.control;
    const index = add({ name: scope.prefix + node.name, op: node.op, attr: node.attr, inputs, control: [...control.filter((c) => c >= 0), ...waits] });
    return (output) => edgeOf(node, index, output);
  }

  /** A function's argument may be named as a control input; its producer then counts. */
  function controlOf(scope: Scope, name: string): number {
    const arg = scope.args.get(name);
    return arg === undefined ? anchor(scope, name) : arg().node;
  }

  /** pivot gives a node that is dead if the argument is, whatever else the node does that gives it. */
  function pivot(arg: () => Edge): number {
    return add({ name: "pivot", op: "Identity", attr: {}, inputs: [arg()], control: [] });
  }

  function inline(scope: Scope, node: NodeDef): (output: number) => Edge {
    if (scope.depth >= maxDepth) throw newError(Code.InvalidArgument, `calls are nested more than ${maxDepth} deep at ${node.name}`);
    const value = node.attr["f"]?.value;
    const name = value?.case === "func" ? value.value.name : "";
    const def = need(library.get(name), `node ${node.name} calls the function ${name}, which is not in the library`);
    const data = node.input.filter((i) => !i.startsWith("^"));
    const args = new Map<string, () => Edge>();
    for (const [i, arg] of (def.signature?.inputArg ?? []).entries()) {
      const caller = once((): Edge => edge(scope, need(data[i], `call ${node.name} lacks argument ${arg.name}`)));
      args.set(arg.name, caller);
      attempt(caller); // now, when what it needs is there: a row of calls would else be as deep as it is long
    }
    const control = node.input.filter((i) => i.startsWith("^")).map((i) => controlOf(scope, i.slice(1)));
    const inner: Scope = {
      nodes: byName(def.nodeDef),
      prefix: `${scope.prefix}${node.name}/`,
      args,
      done: new Map(),
      control: [...scope.control, ...control],
      sources: switches ? [...scope.sources, ...[...args.values()].map(pivot)] : [],
      depth: scope.depth + 1,
    };
    const returns = (def.signature?.outputArg ?? []).map((arg) =>
      once(() => edge(inner, need(def.ret[arg.name], `function ${name} does not return ${arg.name}`))),
    );
    const effects = Object.values(def.controlRet);
    scope.done.set(
      `^${node.name}`,
      once(() => {
        const waits = effects.map((e) => anchor(inner, e));
        return { node: add({ name: `${scope.prefix}${node.name}`, op: "NoOp", attr: {}, inputs: [], control: [...waits, ...inner.control] }), output: 0 };
      }),
    );
    return (output) => need(returns[output], `call ${node.name} has no output ${output}`)();
  }

  return { nodes, add, edge, anchor };
}

/** No operation has more outputs; each of those before the one that is asked for takes a place in a plan. */
const maxOutputs = 65_536;

/** edgeOf is that of an output, whose number a graph or a caller says. Throws InvalidArgument for one that there cannot be. */
function edgeOf({ name }: NodeDef, node: number, output: number): Edge {
  if (!(Number.isInteger(output) && output >= 0 && output < maxOutputs))
    throw newError(Code.InvalidArgument, `${name}:${output}: the operation has no such output`);
  return { node, output };
}

/** Ops that only pass their input on. At the top they stay, because they can be fed. */
const passThrough = new Set(["Identity", "StopGradient", "PreventGradient", "Snapshot"]);

const maps = new WeakMap<readonly NodeDef[], ReadonlyMap<string, NodeDef>>();

function byName(nodes: readonly NodeDef[]): ReadonlyMap<string, NodeDef> {
  let map = maps.get(nodes);
  if (map === undefined) {
    map = new Map(nodes.map((n) => [n.name, n]));
    maps.set(nodes, map);
  }
  return map;
}

/** nodeOf cuts a reference to its node: "^name", "name:1", "name:out:1". */
export function nodeOf(ref: string): string {
  const [name = ""] = ref.replace(/^\^/, "").split(":");
  return name;
}

function need<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw newError(Code.InvalidArgument, text);
  return value;
}

/** attempt lets what fails fail for who needs it. */
function attempt(make: () => unknown): void {
  try {
    make();
  } catch {
    // whoever asks again is told
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
