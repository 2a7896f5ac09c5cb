// Programs with the control flow of TensorFlow 1: nodes run when their values have come, be they alive or dead, in frames and iterations
// (tensorflow/core/common_runtime/executor.cc, with one iteration of a frame at a time, as `parallel_iterations=1` has it).
import { Code, newError, throwIfDone } from "@tfs/std";
import { type Edge, type FlatNode, keyOf } from "./flat.ts";
import { type Flow, flowOf } from "./flow.ts";
import { type Frame, type FrameKind, frameKinds, newFrame, nextIteration } from "./frames.ts";
import type { Kernel, Later, State } from "./kernel.ts";
import { located } from "./located.ts";
import { type Held, hold, perValue } from "./leash.ts";
import type { PlanOptions, Program } from "./plan.ts";
import { isTensor, tensorOf, type Value } from "./value.ts";

/** Wire leads a value to an input of a node. */
interface Wire {
  readonly to: number;
  readonly input: number;
}

/** FlowNode is a node with all that depends on it. */
export interface FlowNode extends Held {
  readonly name: string;
  readonly flow: Flow | undefined;
  readonly kernel: Kernel;
  readonly attr: FlatNode["attr"];
  readonly inputs: number;
  readonly controls: number;
  /** wires are those of each output. */
  readonly wires: readonly (readonly Wire[])[];
  /** waiting are nodes that wait for this one's end. */
  readonly waiting: readonly number[];
  /** fetched are places of what is asked for, by output. */
  readonly fetched: readonly (readonly [output: number, place: number])[];
}

/** dataflow makes a program of nodes among which there is v1 control flow. Every control input counts here: what is dead makes dead who waits for it. */
export function dataflow(options: PlanOptions, isFed: (e: Edge) => boolean): Program {
  const { changes = options.effect } = options;
  const fedNodes = new Set(options.feeds.map((e) => e.node));
  const order = reached(options, isFed, fedNodes);
  const place = new Map(order.map((n, i) => [n, i]));
  const feeds: Wire[][] = options.feeds.map(() => []);
  const feedAt = new Map(options.feeds.map((e, i) => [keyOf(e), i]));
  const wires = order.map((): Wire[][] => []);
  const waiting = order.map((): number[] => []);
  const fetched = order.map((): [number, number][] => []);
  const controls = order.map((n) => options.nodes[n]!.control.filter((c) => !fedNodes.has(c)));
  order.forEach((n, to) => {
    options.nodes[n]!.inputs.forEach((e, input) => {
      const fed = feedAt.get(keyOf(e));
      if (fed !== undefined) feeds[fed]!.push({ to, input });
      else at(wires[place.get(e.node)!]!, e.output).push({ to, input });
    });
    for (const c of controls[to]!) waiting[place.get(c)!]!.push(to);
  });
  options.fetches.forEach((e, i) => {
    if (!isFed(e)) fetched[place.get(e.node)!]!.push([e.output, i]);
  });
  const nodes = order.map((n, i): FlowNode => {
    const { name, op, attr, inputs } = options.nodes[n]!;
    const kernel = lasting(options.kernel(options.nodes[n]!));
    return {
      name,
      flow: flowOf(op),
      kernel,
      attr,
      inputs: inputs.length,
      controls: controls[i]!.length,
      wires: wires[i]!,
      waiting: waiting[i]!,
      fetched: fetched[i]!,
      ns: perValue(op),
      changes: changes(options.nodes[n]!),
    };
  });
  // What a plan is only made for to learn its ops may be a graph that would be refused when it runs.
  let kinds: readonly FrameKind[] | undefined;
  return {
    ops: new Set(order.map((n) => options.nodes[n]!.op)),
    effects: order.some((n) => options.effect(options.nodes[n]!)),
    run(values, state) {
      kinds ??= frameKinds(nodes);
      const run = newRun(nodes, kinds, options.fetches.length, state);
      const fetchedFeeds = options.fetches.map((e) => feedAt.get(keyOf(e)));
      const finish = (): Value[] =>
        run.fetched.map((value, i) => {
          const fed = fetchedFeeds[i];
          const found = fed === undefined ? value : values[fed];
          if (found === undefined) throw newError(Code.InvalidArgument, `Retval[${i}] does not have value`);
          return found;
        });
      run.begin();
      feeds.forEach((list, i) => {
        for (const wire of list) run.feed(wire, values[i]!);
      });
      const later = run.drain();
      return later === undefined ? finish() : later.then(finish);
    },
  };
}

/** at gives a list by its number. */
function at<T>(lists: T[][], i: number): T[] {
  while (lists.length <= i) lists.push([]);
  return lists[i]!;
}

/** reached gives every node that the fetches and targets need, by data or control. */
function reached({ nodes, fetches, targets }: PlanOptions, isFed: (e: Edge) => boolean, fedNodes: ReadonlySet<number>): number[] {
  const seen = new Set<number>();
  const todo = [...fetches.filter((e) => !isFed(e)).map((e) => e.node), ...targets];
  for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
    if (seen.has(n)) continue;
    seen.add(n);
    for (const e of nodes[n]!.inputs) if (!isFed(e)) todo.push(e.node);
    for (const c of nodes[n]!.control) if (!fedNodes.has(c)) todo.push(c);
  }
  return [...seen].sort((a, b) => a - b);
}

/** Ready is a node of a frame that may run, or that is dead and only tells so. */
interface Ready {
  readonly frame: Frame;
  readonly node: number;
  readonly dead: boolean;
}

/** newRun holds what one run of a program is about. */
function newRun(nodes: readonly FlowNode[], kinds: readonly FrameKind[], fetches: number, state: State) {
  const root = newFrame(kinds[0]!, undefined);
  const ready: Ready[] = [];
  const fetched = new Array<Value | undefined>(fetches).fill(undefined);

  function begin(): void {
    for (const n of root.kind.nodes) if (nodes[n]!.inputs + nodes[n]!.controls === 0) enqueue(root, n, false);
  }

  function enqueue(frame: Frame, node: number, dead: boolean): void {
    frame.busy++;
    ready.push({ frame, node, dead });
  }

  /** give brings a value, or the news that there is none, to an input. */
  function give(frame: Frame, { to, input }: Wire, value: Value | undefined, fromEnter: boolean): void {
    const i = frame.kind.index(to);
    const node = nodes[to]!;
    if (node.flow === "merge") {
      const waiting = frame.pending[i]!;
      if (value !== undefined) {
        if ((waiting & 1) === 0) return; // the first that is alive counts
        frame.inputs[i] = [value, { dtype: 3, shape: [], data: Int32Array.of(input) }];
        frame.pending[i] = waiting - 1;
        if (waiting === 1) enqueue(frame, to, false);
      } else {
        frame.dead[i]!++;
        if (waiting === 1 && (frame.dead[i] === node.inputs || fromEnter)) enqueue(frame, to, true);
      }
      return;
    }
    if (value === undefined) frame.dead[i]!++;
    else (frame.inputs[i] ??= new Array<Value>(node.inputs))[input] = value;
    if (--frame.pending[i]! === 0) enqueue(frame, to, frame.dead[i]! > 0);
  }

  /** tell says that a node that this one waits for has ended, or is dead. */
  function tell(frame: Frame, to: number, dead: boolean): void {
    const i = frame.kind.index(to);
    const node = nodes[to]!;
    if (node.flow === "merge") {
      frame.pending[i]! -= 2;
      const allDead = frame.dead[i] === node.inputs;
      if (frame.pending[i] === 0 || (frame.pending[i] === 1 && allDead)) enqueue(frame, to, allDead);
      return;
    }
    if (dead) frame.dead[i]!++;
    if (--frame.pending[i]! === 0) enqueue(frame, to, frame.dead[i]! > 0);
  }

  /** spread brings a node's outputs to all that need them, in the given frame. */
  function spread(frame: Frame, n: number, values: readonly (Value | undefined)[], dead: boolean): void {
    const node = nodes[n]!;
    const fromEnter = node.flow === "enter";
    for (let o = 0; o < node.wires.length; o++) for (const wire of node.wires[o]!) give(frame, wire, values[o], fromEnter);
    for (const to of node.waiting) tell(frame, to, dead);
    if (frame === root) for (const [output, place] of node.fetched) fetched[place] = values[output];
  }

  /** end is told what a node gave; nothing if it is dead. */
  function end(frame: Frame, n: number, values: readonly (Value | undefined)[], dead: boolean): void {
    const node = nodes[n]!;
    switch (node.flow) {
      case "enter": {
        const child = childOf(frame, frame.kind.entered(n));
        if (child.kind.constants.has(n)) child.constants.push({ node: n, values, dead });
        spread(child, n, values, dead);
        child.enters--;
        settle(child);
        break;
      }
      case "exit":
        if (dead) frame.exits.push(n);
        else spread(frame.parent!, n, values, false);
        break;
      case "next":
        if (!dead) frame.next.push({ node: n, values, dead });
        break;
      default:
        spread(frame, n, values, dead);
    }
    frame.busy--;
    settle(frame);
  }

  function childOf(frame: Frame, kind: FrameKind): Frame {
    let child = frame.children.get(kind);
    if (child === undefined) {
      child = newFrame(kind, frame);
      frame.children.set(kind, child);
    }
    return child;
  }

  /** settle begins the next iteration of a frame that has nothing left to do in this one, or ends the frame. */
  function settle(frame: Frame): void {
    for (let at: Frame = frame; at.busy === 0 && at.children.size === 0 && at.enters === 0 && at !== root; ) {
      if (at.next.length > 0) {
        state.rounds.take();
        const next = nextIteration(at);
        for (const { node, values, dead } of at.constants) spread(at, node, values, dead);
        for (const { node, values } of next) spread(at, node, values, false);
        continue;
      }
      const parent = at.parent!;
      parent.children.delete(at.kind);
      for (const n of at.exits) spread(parent, n, [], true);
      at = parent;
    }
  }

  /** drain runs what is ready until nothing is; where that takes long, it gives what says when it is done. */
  function drain(): Promise<void> | undefined {
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
      const later = step(next);
      if (later !== undefined) return later.then(drain);
      if (nodes[next.node]!.flow === "next" && state.pace.isOver()) return state.pace.rest().then(drain);
    }
    return undefined;
  }

  function step({ frame, node: n, dead }: Ready): Promise<void> | undefined {
    throwIfDone(state.ctx);
    const node = nodes[n]!;
    const i = frame.kind.index(n);
    const inputs = frame.inputs[i] ?? [];
    frame.inputs[i] = undefined;
    try {
      if (dead) return void end(frame, n, [], true);
      if (node.flow === "merge") return void end(frame, n, inputs, false);
      if (node.flow === "switch") return void end(frame, n, switched(inputs), false);
      if (state.leash !== undefined) hold(state.leash, node, inputs);
      const result: Value | Later<readonly Value[]> = node.kernel(inputs, state);
      if (result instanceof Promise)
        return result.then(
          (values) => end(frame, n, values, false),
          (err: unknown) => {
            throw located(err, node.name, state);
          },
        );
      end(frame, n, Array.isArray(result) ? (result as readonly Value[]) : [result as Value], false);
    } catch (err) {
      throw located(err, node.name, state);
    }
    return undefined;
  }

  return { begin, feed: (wire: Wire, value: Value): void => give(root, wire, value, false), drain, fetched };
}

/** switched gives the value to the output that the second input names, and nothing to the others. */
function switched([value, choice]: readonly Value[]): (Value | undefined)[] {
  const t = tensorOf(choice);
  if (t.shape.length > 0) throw newError(Code.InvalidArgument, `The second input must be a scalar, but it has shape [${t.shape.join(",")}]`);
  const out: (Value | undefined)[] = [];
  out[Number(t.data[0])] = value;
  return out;
}

/** lasting makes a kernel whose values may last as long as a loop lets them: they are not in the run's arena, of which nobody here says when they are done with. */
function lasting(kernel: Kernel): Kernel {
  return (inputs, state) => {
    const given = kernel(inputs, state);
    if (given instanceof Promise) return given; // of functions' bodies, whose values are out already
    return Array.isArray(given) ? (given as readonly Value[]).map((value) => out(value, state)) : out(given as Value, state);
  };
}

function out(value: Value, { arena }: State): Value {
  if (!isTensor(value)) return value;
  const kept = arena.kept(value);
  if (kept !== value) arena.drop(value);
  return kept;
}
