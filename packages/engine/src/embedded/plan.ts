import { throwIfDone } from "@tfs/std";
import { dataflow } from "./dataflow.ts";
import type { FlatNode, Edge } from "./flat.ts";
import { flowOf } from "./flow.ts";
import type { Graph, Work } from "./graph/index.ts";
import type { Kernel, Later, State } from "./kernel.ts";
import { type Held, hold, perValue } from "./leash.ts";
import { located } from "./located.ts";
import type { Tensor } from "@tfs/tensor";
import { isTensor, tensorOf, type Value } from "./value.ts";

/** Program is a compiled set of fetches: slots for values, steps in order. Running it needs no look-ups by name. */
export interface Program {
  run(feeds: readonly Value[], state: State): Later<Value[]>;
  /** effects: running it may change the model's state. */
  readonly effects: boolean;
  /** nodes that the program runs: for the load-time check and for estimates. */
  readonly ops: ReadonlySet<string>;
}

interface Step extends Held {
  readonly name: string;
  readonly kernel: Kernel;
  readonly inputs: Int32Array;
  /** first is the slot of output 0; outputs lie one after the other. */
  readonly first: number;
  readonly outputs: number;
  /** dead are slots that nobody reads after this step. */
  readonly dead: Int32Array;
}

export interface PlanOptions {
  readonly nodes: readonly FlatNode[];
  /** feeds are the edges whose values the caller gives, in order. */
  readonly feeds: readonly Edge[];
  readonly fetches: readonly Edge[];
  /** targets are nodes to run for their effects. */
  readonly targets: readonly number[];
  /** kernel makes the kernel of an op. Throws Unimplemented for one that is not there. */
  readonly kernel: (op: Work) => Kernel;
  /** improve makes less work of the ops, whose values that are fetched stay; targets are run for their effects. Default: nothing is done. */
  readonly improve?: (graph: Graph, targets: ReadonlySet<number>) => Graph;
  /** effect tells whether a node must run even if it is only reached by a control edge. */
  readonly effect: (node: Pick<FlatNode, "op" | "attr">) => boolean;
  /** changes tells whether a node may change the model's state; default as `effect`. */
  readonly changes?: (op: Pick<Work, "op" | "attr">) => boolean;
}

/** plan orders what the fetches and targets need. Edges are numbered by node and output; a fed edge stops the walk. */
export function plan(options: PlanOptions): Program {
  const { nodes, changes = options.effect } = options;
  const fed = new Map<number, Set<number>>();
  for (const f of options.feeds) fed.set(f.node, (fed.get(f.node) ?? new Set()).add(f.output));
  const isFed = (e: Edge): boolean => fed.get(e.node)?.has(e.output) ?? false;
  const wanted = new Set(options.targets);
  const order = sort(nodes, [...options.fetches.filter((e) => !isFed(e)).map((e) => e.node), ...options.targets], isFed, wanted, options.effect);

  if (order.some((n) => flowOf(nodes[n]!.op) !== undefined)) return dataflow(options, isFed);
  let next = nodes.length;
  const graph: Graph = { ops: order.map((at) => ({ ...nodes[at]!, at })), fetches: options.fetches, isFed, fresh: () => next++, constants: new Map() };
  const { ops } = options.improve?.(graph, wanted) ?? graph;

  const outputs = new Map<number, number>();
  const use = (e: Edge): void => void outputs.set(e.node, Math.max(outputs.get(e.node) ?? 1, e.output + 1));
  for (const op of ops) {
    use({ node: op.at, output: 0 });
    for (const e of op.inputs) use(e);
  }
  for (const e of [...options.fetches, ...options.feeds]) use(e);
  const first = new Map<number, number>();
  let slots = 0;
  for (const [node, count] of outputs) {
    first.set(node, slots);
    slots += count;
  }
  const slot = (e: Edge): number => first.get(e.node)! + e.output;

  const feedSlots = options.feeds.map(slot);
  const fetchSlots = options.fetches.map(slot);
  // What is constant is there before a run begins, and stays.
  const start = new Array<Value | undefined>(slots).fill(undefined);
  const given = new Set<number>();
  const steps = ops.flatMap((op): Omit<Step, "dead">[] => {
    const kernel = options.kernel(op);
    const [at, count] = [first.get(op.at)!, outputs.get(op.at)!];
    if (op.constant === undefined)
      return [
        {
          name: op.name,
          kernel,
          inputs: Int32Array.from(op.inputs.map(slot)),
          first: at,
          outputs: count,
          ns: perValue(op.op),
          changes: changes(op),
        },
      ];
    for (let i = 0; i < count && i < op.constant.length; i++) {
      start[at + i] = op.constant[i];
      given.add(at + i);
    }
    return [];
  });
  const keep = new Set([...fetchSlots, ...feedSlots, ...given]);
  const program = withDead(steps, keep);
  const isFeed = new Set(feedSlots);
  const toDrop = [...new Set(fetchSlots)].filter((s) => !isFeed.has(s) && !given.has(s));
  return {
    ops: new Set(order.map((n) => nodes[n]!.op)),
    effects: order.some((n) => options.effect(nodes[n]!)),
    run(feeds, state) {
      const values = start.slice();
      for (let i = 0; i < feedSlots.length; i++) values[feedSlots[i]!] = feeds[i];
      return advance(0, values, state, feedSlots.length === 0 ? undefined : isFeed);
    },
  };

  /** advance runs the steps from the one with this index, and gives what was to be fetched. */
  function advance(from: number, values: (Value | undefined)[], state: State, fed: ReadonlySet<number> | undefined): Later<Value[]> {
    for (let i = from; i < program.length; i++) {
      const later = runStep(program[i]!, values, state, fed);
      if (later !== undefined) return later.then(() => advance(i + 1, values, state, fed));
    }
    return fetched(values, state);
  }

  /** fetched takes what was fetched out of the run's arena, but for what the caller has given himself. */
  function fetched(values: readonly (Value | undefined)[], { arena }: State): Value[] {
    const out = fetchSlots.map((s) => {
      const value = values[s]!;
      if (value === undefined || !isTensor(value)) return value;
      return feedSlots.some((f) => dataOf(values[f]) === value.data) ? value : arena.kept(value);
    });
    for (const s of toDrop) {
      const value = values[s];
      if (value !== undefined && isTensor(value)) arena.drop(value);
    }
    return out;
  }
}

function dataOf(value: Value | undefined): Tensor["data"] | undefined {
  return value !== undefined && isTensor(value) ? value.data : undefined;
}

/** runStep runs a step; if it is not done at once, it gives what says when it is. */
function runStep(step: Step, values: (Value | undefined)[], state: State, fed: ReadonlySet<number> | undefined): Promise<void> | undefined {
  throwIfDone(state.ctx);
  const inputs = new Array<Value>(step.inputs.length);
  for (let i = 0; i < inputs.length; i++) inputs[i] = values[step.inputs[i]!]!;
  if (state.leash !== undefined) hold(state.leash, step, inputs);
  let result: Value | Later<readonly Value[]>;
  try {
    result = step.kernel(inputs, state);
  } catch (err) {
    throw located(err, step.name, state);
  }
  if (result instanceof Promise)
    return result.then(
      (later) => store(step, later, values, fed, state),
      (err: unknown) => {
        throw located(err, step.name, state);
      },
    );
  store(step, result, values, fed, state);
  return undefined;
}

/** store keeps a step's outputs, and lets go of what nobody reads after it. */
function store(step: Step, result: Value | readonly Value[], values: (Value | undefined)[], fed: ReadonlySet<number> | undefined, { arena }: State): void {
  const count = Array.isArray(result) ? Math.min(step.outputs, result.length) : 1;
  for (let i = 0; i < count; i++) {
    if (fed?.has(step.first + i) === true) continue;
    const value = Array.isArray(result) ? (result as readonly Value[])[i]! : (result as Value);
    values[step.first + i] = value;
    if (value !== undefined && isTensor(value)) arena.take(value);
  }
  for (let i = 0; i < step.dead.length; i++) {
    const value = values[step.dead[i]!];
    values[step.dead[i]!] = undefined;
    if (value !== undefined && isTensor(value)) arena.drop(value);
  }
}

/** withDead finds the last reader of each slot. */
function withDead(steps: readonly Omit<Step, "dead">[], keep: ReadonlySet<number>): Step[] {
  const seen = new Set(keep);
  return steps
    .map((step): Step => ({ ...step, dead: new Int32Array(0) }))
    .reverse()
    .map((step) => {
      const dead = new Set<number>();
      for (const s of step.inputs) if (!seen.has(s)) dead.add(s);
      for (const s of dead) seen.add(s);
      return { ...step, dead: Int32Array.from(dead) };
    })
    .reverse();
}

/**
 * sort walks back from the roots and gives nodes after what they need. Data inputs count always; control inputs only where they lead to an
 * effect, or from a target, since whoever asks for a target asks for everything it waits for.
 */
function sort(
  nodes: readonly FlatNode[],
  roots: readonly number[],
  isFed: (e: Edge) => boolean,
  targets: ReadonlySet<number>,
  isEffect: (node: FlatNode) => boolean,
): number[] {
  const effect = new Map<number, boolean>();
  /** hasEffect tells whether a node, or anything it needs, has an effect. Each node is looked at once per plan. */
  function hasEffect(root: number): boolean {
    const stack = [root];
    while (stack.length > 0) {
      const n = stack.at(-1)!;
      const node = nodes[n]!;
      const next = [...node.inputs.map((e) => e.node), ...node.control];
      if (!effect.has(n)) {
        effect.set(n, isEffect(node));
        for (const m of next) if (!effect.has(m)) stack.push(m);
        continue;
      }
      stack.pop();
      if (next.some((m) => effect.get(m) === true)) effect.set(n, true);
    }
    return effect.get(root) ?? false;
  }

  const state = new Map<number, "open" | "done">();
  const order: number[] = [];
  const stack = [...roots].reverse();
  const all = new Set(targets);
  while (stack.length > 0) {
    const n = stack.at(-1)!;
    const at = state.get(n);
    if (at === "done") {
      stack.pop();
      continue;
    }
    if (at === "open") {
      state.set(n, "done");
      order.push(n);
      stack.pop();
      continue;
    }
    state.set(n, "open");
    const node = nodes[n]!;
    const control = node.control.filter((c) => all.has(n) || isEffect(node) || hasEffect(c)); // what changes a variable waits for those who read it before
    if (all.has(n)) for (const c of control) all.add(c);
    // A node whose every output is fed is not run; which outputs are read is known per edge.
    const data = node.inputs.filter((e) => !isFed(e)).map((e) => e.node);
    for (const m of [...data, ...control].reverse()) if (state.get(m) === undefined) stack.push(m);
  }
  return order;
}

/** materialized reads variables and copies nothing: what a caller gets for a fetch. */
export function materialized(values: readonly Value[]): ReturnType<typeof tensorOf>[] {
  return values.map((v) => (isTensor(v) ? v : tensorOf(v)));
}
