import { type DType, DType as Types, type Tensor } from "@tfs/tensor";
import { type Edge, type FlatNode, flowOf, keyOf, newAttrs } from "../embedded/index.ts";
import { floats, integers, moved, nativeOps } from "./ops.ts";
import { outputDTypes } from "./types.ts";

/** Guard is a bound on indices: OpenVINO reads or gives anything where one is outside. */
export interface Guard {
  readonly edge: Edge;
  /** below is one more than the largest index; the smallest is 0. */
  readonly below: number;
}

/** Parts is how a signature's graph is divided. The host's own parts are found by planning from edge to edge. */
export interface Parts {
  /** nodes of the native part, each after what it needs. */
  readonly nodes: readonly number[];
  /** inputs of the native part: what is fed, or what the host has computed before. */
  readonly inputs: readonly Edge[];
  /** outputs of the native part: fetched, needed by the host afterwards, or guarded. */
  readonly outputs: readonly Edge[];
  /** before are values that the host computes before: for the native part, for itself later, or to be fetched. */
  readonly before: readonly Edge[];
  readonly guards: readonly Guard[];
}

export interface PartitionOptions {
  readonly nodes: readonly FlatNode[];
  readonly feeds: readonly Edge[];
  readonly fetches: readonly Edge[];
  /** constant gives the value of an output that is the same in every run: of a Const, or of a variable. */
  constant(edge: Edge): Tensor | undefined;
}

/** Ops that give what they are given: edges are followed through them, to where a value is computed or fed. */
const passed = new Set(["Identity", "StopGradient", "PreventGradient", "Snapshot"]);

/** followed gives nodes whose inputs lead past ops that only pass values on, and the way there for other edges. */
export function followed(nodes: readonly FlatNode[], feeds: readonly Edge[]): { readonly nodes: readonly FlatNode[]; follow(edge: Edge): Edge } {
  const fed = new Set(feeds.map(keyOf));
  const follow = (edge: Edge): Edge => {
    let at = edge;
    for (;;) {
      const { op, inputs } = nodes[at.node]!;
      if (fed.has(keyOf(at)) || !passed.has(op) || inputs[0] === undefined) return at;
      at = inputs[0];
    }
  };
  return { nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(follow) })), follow };
}

/** partition divides what the fetches need. It gives a reason, as text, if there is nothing for OpenVINO to do. */
export function partition(options: PartitionOptions): Parts | string {
  const { nodes, fetches, constant } = options;
  const fed = new Set(options.feeds.map(keyOf));
  const order = sorted(nodes, fetches, (e) => fed.has(keyOf(e)) || constant(e) !== undefined);
  if (order.some((n) => flowOf(nodes[n]!.op) !== undefined)) return "there is control flow of TensorFlow 1 in it";
  const types = typesOf(nodes);
  const judge = newJudge({ nodes, fed, constant, types });

  const native = new Map<number, "heavy" | "light">();
  const foreign = new Set<string>();
  const guards = new Map<number, Guard>();
  for (const n of order) {
    const verdict = judge(n);
    if (verdict === undefined) foreign.add(nodes[n]!.op);
    else {
      native.set(n, verdict.heavy ? "heavy" : "light");
      if (verdict.guard !== undefined) guards.set(n, verdict.guard);
    }
  }

  const inputsOf = (n: number): readonly Edge[] => nodes[n]!.inputs.filter((e) => !fed.has(keyOf(e)) && constant(e) === undefined);
  const weighty = new Set<number>(); // a heavy native node, or one that needs one
  const after = new Set<number>();
  for (const n of order) {
    const needs = inputsOf(n);
    const heavyInput = needs.some((e) => weighty.has(e.node));
    if (heavyInput || native.get(n) === "heavy") weighty.add(n);
    if (needs.some((e) => after.has(e.node)) || (heavyInput && !native.has(n))) after.add(n);
  }
  const before = new Set<number>();
  for (const n of [...order].reverse()) {
    if (!after.has(n) && !native.has(n)) before.add(n);
    if (before.has(n)) for (const e of inputsOf(n)) before.add(e.node);
  }
  const chosen = order.filter((n) => !before.has(n) && !after.has(n));
  if (!chosen.some((n) => computes(nodes[n]!, types))) return reason(foreign);

  const inside = new Set(chosen);
  const inputs = edges();
  const outputs = edges();
  const early = edges();
  const crossing = (e: Edge): void => {
    if (fed.has(keyOf(e)) || constant(e) !== undefined) return;
    if (inside.has(e.node)) outputs.add(e);
    else if (before.has(e.node) && !isHandle(types(e))) early.add(e);
  };
  for (const n of chosen)
    for (const e of nodes[n]!.inputs) {
      if (inside.has(e.node) && !fed.has(keyOf(e))) continue;
      if (constant(e) !== undefined && !fed.has(keyOf(e))) continue;
      inputs.add(e);
      crossing(e);
    }
  for (const n of after) for (const e of nodes[n]!.inputs) crossing(e);
  for (const e of fetches) crossing(e);
  const kept = chosen.flatMap((n) => guards.get(n) ?? []);
  for (const { edge } of kept) crossing(edge);
  return { nodes: chosen, inputs: inputs.list, outputs: outputs.list, before: early.list, guards: kept };
}

function reason(foreign: ReadonlySet<string>): string {
  const ops = [...foreign].sort();
  return ops.length === 0 ? "there is nothing to compute in it" : `what there is to compute is not for it: ${ops.join(", ")}`;
}

/** computes tells whether a node is worth going to OpenVINO for. */
function computes(node: FlatNode, types: (e: Edge) => DType | undefined): boolean {
  const kind = nativeOps.get(node.op);
  return kind === "heavy" || kind === "norm" || kind === "gather" || (kind === "float" && node.inputs.some((e) => floats.has(types(e)!)));
}

const isHandle = (dtype: DType | undefined): boolean => dtype === Types.Resource || dtype === Types.Variant;

/** Ops with a filter, which OpenVINO wants to know when it compiles. */
const filtered = new Set(["Conv2D", "DepthwiseConv2dNative"]);

const booleans: ReadonlySet<DType> = new Set([Types.Bool]);

interface Verdict {
  readonly heavy: boolean;
  readonly guard?: Guard;
}

interface Judged {
  readonly nodes: readonly FlatNode[];
  readonly fed: ReadonlySet<string>;
  readonly constant: (edge: Edge) => Tensor | undefined;
  readonly types: (edge: Edge) => DType | undefined;
}

/** newJudge tells which nodes may be native. It is asked in order: a node after its inputs. */
function newJudge({ nodes, fed, constant, types }: Judged): (n: number) => Verdict | undefined {
  const given = new Set<number>(); // nodes that are native
  const small = new Set<number>(); // nodes whose integers come from shapes
  const isSmall = (e: Edge): boolean => !fed.has(keyOf(e)) && (constant(e) !== undefined || small.has(e.node));
  const value = (e: Edge | undefined): Tensor | undefined => (e === undefined || fed.has(keyOf(e)) ? undefined : constant(e));

  return (n) => {
    const verdict = judged(n);
    if (verdict !== undefined) given.add(n);
    return verdict;
  };

  function judged(n: number): Verdict | undefined {
    const node = nodes[n]!;
    const kind = nativeOps.get(node.op);
    if (kind === undefined || node.inputs.length < (kind === "gather" || kind === "sizes" ? 2 : 1)) return undefined;
    const outputs = outputDTypes(node) ?? [];
    const data = node.inputs.filter((e) => !isSmall(e) || !integers.has(types(e)!));
    const bySizes = data.length === 0 && (kind !== "gather" || value(node.inputs[1]) !== undefined);
    if (kind === "shape" || (bySizes && outputs.every((t) => integers.has(t!)))) small.add(n);
    const all = (allowed: ReadonlySet<DType>): boolean => data.every((e) => allowed.has(types(e)!));
    switch (kind) {
      case "heavy":
        return all(floats) && data.length > 0 && (!filtered.has(node.op) || value(node.inputs[1]) !== undefined) ? { heavy: true } : undefined;
      case "float":
        return all(floats) ? { heavy: false } : undefined;
      case "norm":
        return all(floats) && !newAttrs(node.name, node.attr).bool("is_training", true) ? { heavy: false } : undefined;
      case "move":
        return all(moved) && (small.has(n) || outputs.every((t) => floats.has(t!)) || follows(node)) ? { heavy: false } : undefined;
      case "logic":
        return all(booleans) && follows(node) ? { heavy: false } : undefined;
      case "shape":
        return node.inputs.every((e) => moved.has(types(e)!) || isSmall(e)) ? { heavy: false } : undefined;
      case "cast": {
        const [from, to] = [types(node.inputs[0]!), outputs[0]];
        const widens = floats.has(to!) && from !== undefined && (moved.has(from) || isSmall(node.inputs[0]!));
        return widens || (isSmall(node.inputs[0]!) && integers.has(to!)) ? { heavy: false } : undefined;
      }
      case "gather":
        return gathered(node);
      case "sizes":
        return data.length === 0 && (node.op === "Range" || divides(node)) ? { heavy: false } : undefined;
    }
  }

  /** follows tells whether a node is behind one that is native: integers and booleans of the host are best moved by the host. */
  function follows(node: FlatNode): boolean {
    return node.inputs.some((e) => !fed.has(keyOf(e)) && given.has(e.node));
  }

  /** divides tells whether a division is by constants other than 0: the processor traps on 0. */
  function divides(node: FlatNode): boolean {
    const by = value(node.inputs[1]);
    return by !== undefined && Array.from(by.data as ArrayLike<number | bigint>).every((v) => Number(v) > 0);
  }

  function gathered(node: FlatNode): Verdict | undefined {
    const [params, indices, axis] = node.inputs as readonly [Edge, Edge, Edge | undefined];
    if (isSmall(params) && integers.has(types(params)!) && value(indices) !== undefined) return { heavy: false }; // sizes, picked
    const table = value(params);
    if (table === undefined || !moved.has(table.dtype) || !integers.has(types(indices)!)) return undefined;
    const at = axis === undefined ? undefined : value(axis);
    const batched = newAttrs(node.name, node.attr).int("batch_dims", 0) !== 0;
    if (batched || (axis !== undefined && at === undefined)) return undefined;
    const along = Number(at?.data[0] ?? 0);
    const below = table.shape[along < 0 ? along + table.shape.length : along];
    if (below === undefined) return undefined;
    const known = value(indices);
    if (known === undefined) return { heavy: false, guard: { edge: indices, below } };
    return within(known, below) ? { heavy: false } : undefined;
  }
}

/** within tells whether all indices are in [0, below). */
export function within(indices: Tensor, below: number): boolean {
  const { data } = indices;
  if (data instanceof BigInt64Array) {
    const end = BigInt(below);
    for (let i = 0; i < data.length; i++) if (data[i]! < 0n || data[i]! >= end) return false;
    return true;
  }
  const numbers = data as Int32Array;
  for (let i = 0; i < numbers.length; i++) if (numbers[i]! < 0 || numbers[i]! >= below) return false;
  return true;
}

/** typesOf gives the dtypes of edges, asked once a node. */
export function typesOf(nodes: readonly FlatNode[]): (edge: Edge) => DType | undefined {
  const known = new Map<number, readonly (DType | undefined)[]>();
  return ({ node, output }) => {
    let types = known.get(node);
    if (types === undefined) {
      types = outputDTypes(nodes[node]!) ?? [];
      known.set(node, types);
    }
    return types[output];
  };
}

/** sorted walks back from the fetches and gives nodes after what they need; known edges end the walk. */
function sorted(nodes: readonly FlatNode[], fetches: readonly Edge[], known: (e: Edge) => boolean): number[] {
  const order: number[] = [];
  const seen = new Set<number>();
  const open: { readonly node: number; next: number }[] = [];
  const enter = (e: Edge): void => {
    if (known(e) || seen.has(e.node)) return;
    seen.add(e.node);
    open.push({ node: e.node, next: 0 });
  };
  for (const fetch of fetches) {
    enter(fetch);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const input = nodes[top.node]!.inputs[top.next++];
      if (input !== undefined) enter(input);
      else order.push(open.pop()!.node);
    }
  }
  return order;
}

/** edges is a set of edges that keeps their order. */
function edges(): { readonly list: Edge[]; add(e: Edge): void } {
  const seen = new Set<string>();
  const list: Edge[] = [];
  return {
    list,
    add(e) {
      if (!seen.has(keyOf(e))) list.push(e);
      seen.add(keyOf(e));
    },
  };
}
