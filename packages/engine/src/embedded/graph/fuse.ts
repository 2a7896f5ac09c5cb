// Ops of some pattern become one, which computes what they do together.
import type { Tensor } from "@tfs/tensor";
import { type Edge, keyOf } from "../flat.ts";
import { type Graph, isFloat, type Op, type Pattern, readers } from "./op.ts";

/** Found is a pattern that ends in an op: what it reads, by what that is to it, and the edges on which it gives results, one for each of a member's. */
export interface Found {
  readonly pattern: Pattern;
  readonly from: Readonly<Record<string, Edge | undefined>>;
  readonly members: readonly Op[];
  readonly results: readonly Edge[];
  /** numbers are what else the pattern says. */
  readonly numbers?: Readonly<Record<string, number>>;
}

/** Sight looks back from an op. */
export interface Sight {
  /** made gives the op of floats that an edge comes from, if it is one of these, and this is its first output. */
  made(edge: Edge | undefined, ...ops: readonly string[]): Op | undefined;
  /** maker gives the op that an edge comes from, whichever output it is. */
  maker(edge: Edge | undefined): Op | undefined;
  constant(edge: Edge | undefined): Tensor | undefined;
}

/** either tries an op's two inputs in one order, and in the other. */
export function either<T>(op: Op, look: (a: Edge, b: Edge) => T | undefined): T | undefined {
  const [a, b] = op.inputs;
  return op.inputs.length === 2 ? (look(a!, b!) ?? look(b!, a!)) : undefined;
}

/** fused puts an op where the patterns are that `find` sees end in an op, if nobody else reads what lies between. */
export function fused(graph: Graph, find: (op: Op, sight: Sight) => Found | undefined): Graph {
  const byNumber = new Map(graph.ops.map((op) => [op.at, op]));
  const place = new Map(graph.ops.map((op, i) => [op.at, i]));
  const readersOf = readers(graph);
  const sight: Sight = {
    maker: (e) => (e === undefined || graph.isFed(e) ? undefined : byNumber.get(e.node)),
    made(e, ...ops) {
      const op = e?.output === 0 ? sight.maker(e) : undefined;
      return op !== undefined && ops.includes(op.op) && isFloat(op) ? op : undefined;
    },
    constant: (e) => (e === undefined || graph.isFed(e) ? undefined : graph.constants.get(keyOf(e))),
  };
  const taken = new Set<number>();
  const instead = new Map<number, readonly Op[]>(); // what stands where an op stood
  const led = new Map<string, Edge>(); // where results come from now
  for (const op of graph.ops) {
    const found = find(op, sight);
    if (found !== undefined) take(found);
  }
  const ops = graph.ops.flatMap((op) => instead.get(op.at) ?? [op]);
  const leads = (op: Op): Op => (op.inputs.some((e) => led.has(keyOf(e))) ? { ...op, inputs: op.inputs.map((e) => led.get(keyOf(e)) ?? e) } : op);
  return { ...graph, ops: led.size === 0 ? ops : ops.map(leads) };

  function take({ pattern, from, members: all, results, numbers = {} }: Found): void {
    const members = [...new Set(all)].sort((a, b) => place.get(a.at)! - place.get(b.at)!);
    const own = new Set(members.map((op) => op.at));
    const ends = new Set(results.map((e) => e.node));
    if (members.some((op) => taken.has(op.at)) || results.some((e) => graph.isFed(e))) return;
    if (members.some((op) => !ends.has(op.at) && !readersOf(op.at).every((reader) => reader !== undefined && own.has(reader.at)))) return;
    const known = Object.entries(from).flatMap(([name, e]) => (e === undefined ? [] : [[name, e] as const]));
    const outside = members.flatMap((op) => op.inputs.filter((e) => !own.has(e.node)));
    const inputs = [...new Map([...known.map(([, e]) => e), ...outside].map((e) => [keyOf(e), e])).values()];
    // It comes where its first result came, and its inputs have to be there by then.
    const first = members.find((op) => ends.has(op.at))!;
    if (inputs.some((e) => !graph.isFed(e) && (place.get(e.node) ?? -1) > place.get(first.at)!)) return;
    const roles = Object.fromEntries(known.map(([name, e]) => [name, inputs.findIndex((i) => keyOf(i) === keyOf(e))]));
    const at = results.length === 1 ? first.at : graph.fresh();
    const last = members.at(-1)!;
    const one: Op = { at, name: last.name, op: pattern, attr: last.attr, inputs, fused: { pattern, members, reads: inputs, results, roles, numbers } };
    for (const op of members) {
      taken.add(op.at);
      instead.set(op.at, op === first && at === first.at ? [one] : []);
    }
    if (at === first.at) return;
    for (const [output, e] of results.entries()) {
      const result = byNumber.get(e.node)!;
      const passed: Op = { at: e.node, name: result.name, op: "Identity", attr: result.attr, inputs: [{ node: at, output }] };
      instead.set(e.node, result === first ? [one, passed] : [passed]);
      led.set(keyOf(e), { node: at, output });
    }
  }
}
