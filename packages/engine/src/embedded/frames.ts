import { Code, newError } from "@tfs/std";
import type { FlowNode } from "./dataflow.ts";
import type { Value } from "./value.ts";

/** FrameKind is a loop as the graph has it; the first one is the graph itself. A frame of it is made each time that the loop is entered. */
export interface FrameKind {
  /** nodes that run in it; an Enter runs outside and an Exit inside. */
  readonly nodes: readonly number[];
  /** index gives the place of a node among them. */
  index(node: number): number;
  /** entered gives the loop that an Enter of this frame leads into. */
  entered(node: number): FrameKind;
  /** enters counts the Enters that lead here. */
  readonly enters: number;
  /** constants are those among them whose value each iteration has. */
  readonly constants: ReadonlySet<number>;
  /** pending is how much each node waits for: inputs and controls; a Merge for one of its inputs, and two for each control. */
  readonly pending: Int32Array;
}

/** Given is what a node gave, kept for a later iteration. */
export interface Given {
  readonly node: number;
  readonly values: readonly (Value | undefined)[];
  readonly dead: boolean;
}

/** Frame is a loop that runs, in one of its iterations. */
export interface Frame {
  readonly kind: FrameKind;
  readonly parent: Frame | undefined;
  readonly children: Map<FrameKind, Frame>;
  readonly pending: Int32Array;
  readonly dead: Int32Array;
  readonly inputs: (Value[] | undefined)[];
  readonly constants: Given[];
  next: Given[];
  /** exits that were dead in this iteration. */
  exits: number[];
  /** busy counts nodes that are ready or run. */
  busy: number;
  /** enters that have not come yet. */
  enters: number;
}

export function newFrame(kind: FrameKind, parent: Frame | undefined): Frame {
  const n = kind.nodes.length;
  return {
    kind,
    parent,
    children: new Map(),
    pending: kind.pending.slice(),
    dead: new Int32Array(n),
    inputs: new Array<Value[] | undefined>(n).fill(undefined),
    constants: [],
    next: [],
    exits: [],
    busy: 0,
    enters: kind.enters,
  };
}

/** nextIteration makes a frame ready for its next iteration, and gives what that begins with. */
export function nextIteration(frame: Frame): readonly Given[] {
  const { next } = frame;
  frame.next = [];
  frame.exits = [];
  frame.pending.set(frame.kind.pending);
  frame.dead.fill(0);
  frame.inputs.fill(undefined);
  return next;
}

interface Draft {
  readonly parent: number;
  readonly nodes: number[];
  readonly enters: number[];
}

/** frameKinds finds the frame of every node, from those that wait for nothing on. Throws InvalidArgument where inputs come from different frames. */
export function frameKinds(nodes: readonly FlowNode[]): readonly FrameKind[] {
  const drafts: Draft[] = [{ parent: -1, nodes: [], enters: [] }];
  const names = new Map<string, number>();
  const frameOf = new Int32Array(nodes.length).fill(-1);
  const entered = new Map<number, number>();
  const todo: number[] = [];

  /** put says that a node runs in a frame. */
  function put(n: number, frame: number): void {
    if (frameOf[n] === frame) return;
    if (frameOf[n] !== -1 || frame < 0)
      throw newError(Code.InvalidArgument, `The node '${nodes[n]!.name}' has inputs from different frames, or leaves more loops than it is in`);
    frameOf[n] = frame;
    drafts[frame]!.nodes.push(n);
    todo.push(n);
  }

  function child(n: number): number {
    const name = nodes[n]!.attr["frame_name"]?.value;
    const key = `${frameOf[n]} ${name?.case === "s" ? Buffer.from(name.value).toString("latin1") : ""}`;
    let found = names.get(key);
    if (found === undefined) {
      found = drafts.push({ parent: frameOf[n]!, nodes: [], enters: [] }) - 1;
      names.set(key, found);
    }
    drafts[found]!.enters.push(n);
    entered.set(n, found);
    return found;
  }

  const fed = new Int32Array(nodes.length);
  for (const node of nodes) for (const list of node.wires) for (const { to } of list) fed[to]!++;
  // Nodes with an input that is fed begin in the graph's own frame, as those without inputs do.
  nodes.forEach((node, n) => {
    if (fed[n]! < node.inputs || node.inputs + node.controls === 0) put(n, 0);
  });
  for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
    const node = nodes[n]!;
    const own = frameOf[n]!;
    const to = node.flow === "enter" ? child(n) : node.flow === "exit" ? drafts[own]!.parent : own;
    for (const list of node.wires) for (const wire of list) put(wire.to, to);
    for (const next of node.waiting) put(next, to);
  }
  const kinds: FrameKind[] = [];
  drafts.forEach((draft) => {
    const at = new Map(draft.nodes.map((n, i) => [n, i]));
    kinds.push({
      nodes: draft.nodes,
      index: (n) => at.get(n)!,
      entered: (n) => kinds[entered.get(n)!]!,
      enters: draft.enters.length,
      constants: new Set(draft.enters.filter((n) => nodes[n]!.attr["is_constant"]?.value.value === true)),
      pending: Int32Array.from(draft.nodes, (n) => {
        const { flow, inputs, controls } = nodes[n]!;
        return flow === "merge" ? 1 + 2 * controls : inputs + controls;
      }),
    });
  });
  return kinds;
}
