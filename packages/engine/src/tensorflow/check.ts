// What makes TensorFlow end the process instead of saying no, found by fuzz tests, and kept from it.
import type { FunctionDef, MetaGraphDef, NodeDef, TensorShapeProto } from "@tfs/proto";
import { Code, newError, newPace } from "@tfs/std";
import { maxRank } from "@tfs/tensor";
import { functionsOf } from "../embedded/index.ts";

type OpDef = NonNullable<FunctionDef["signature"]>;

/** oneDNN's convolutions look up dimensions by their meaning and abort where there are too few (tensorflow/core/util/tensor_format.h). */
const convolutions = /^(DepthwiseConv|Conv[23]D)/;

/** needsRanks tells whether feeds of this graph must have the number of dimensions that it says. */
export function needsRanks(metaGraph: MetaGraphDef): boolean {
  return nodesOf(metaGraph).some((nodes) => nodes.some(({ op }) => convolutions.test(op)));
}

/** Ops that TensorFlow takes apart when it builds a graph; it does not look whether their functions are there and fit (lower_while_op.cc and its like). */
const lowered = /^(Stateless)?(While|If|Case)$/;

/** Checking at a time, in milliseconds: a large graph has many thousands of nodes. */
const sliceMs = 5;

/** A graph that functions have been put into has fewer nodes than this, or nobody can load it. */
const maxNodes = 10_000_000;
/** TensorFlow puts functions into functions by calling itself. */
const maxDepth = 100;

/** Body is what matters of a function, or of the graph itself: how many nodes it has and whom they call. */
interface Body {
  readonly nodes: number;
  readonly calls: readonly string[];
}

/** checkGraph throws InvalidArgument for a graph that TensorFlow would not survive, or would not get done with, naming the part. */
export async function checkGraph({ graphDef }: MetaGraphDef): Promise<void> {
  const pace = newPace(sliceMs);
  const functions = graphDef?.library?.function ?? [];
  const signatures = new Map(functions.map(({ signature }) => [signature?.name ?? "", signature]));

  async function check(nodes: readonly NodeDef[]): Promise<Body> {
    const calls: string[] = [];
    for (const node of nodes) {
      checkNode(node);
      const called = functionsOf(node.attr);
      if (lowered.test(node.op)) for (const f of called) checkCall(node, f, signatures.get(f));
      calls.push(...called);
      if (pace.isOver()) await pace.rest();
    }
    return { nodes: nodes.length, calls };
  }

  const bodies = new Map<string, Body>();
  for (const f of functions) bodies.set(f.signature?.name ?? "", await check(f.nodeDef));
  checkCalls(await check(graphDef?.node ?? []), bodies);
}

/** checkCall: a branch and a body take and give what their node says, a loop's condition gives one thing. */
function checkCall(node: NodeDef, name: string, f: OpDef | undefined): void {
  if (f === undefined) throw complaint(node, `calls the function ${name}, which the graph does not have`);
  if ([...f.inputArg, ...f.outputArg].some((arg) => arg.numberAttr !== "" || arg.typeListAttr !== "")) return; // one argument may be several
  const types = (key: string): number => {
    const value = node.attr[key]?.value;
    return value?.case === "list" ? value.value.type.length : 0;
  };
  const loop = node.op.endsWith("While");
  const cond = node.attr["cond"]?.value;
  const gives = loop ? (cond?.case === "func" && cond.value.name === name ? 1 : types("T")) : types("Tout");
  if (f.inputArg.length !== types(loop ? "T" : "Tin") || f.outputArg.length !== gives)
    throw complaint(node, `calls the function ${name}, which takes ${f.inputArg.length} and gives ${f.outputArg.length}: another number than the node says`);
}

function complaint({ name, op }: NodeDef, what: string): Error {
  return newError(Code.InvalidArgument, `the node ${name} (${op}) ${what}`);
}

/** Attributes that say how many inputs or outputs an op has: it is given memory for so many before it is looked whether they are there. */
const counts = new Set(
  "N M NN n_a n_b num num_split num_splits num_outs num_outputs num_args num_features num_sparse num_params num_partitions top_paths Nsparse Ndense".split(" "),
);
const maxCount = 1_000_000n;

function checkNode(node: NodeDef): void {
  const { name, op, attr, input } = node;
  if (name === "") throw complaint(node, "has no name"); // TensorFlow does not get over it where there is more to say of it
  for (const key in attr) {
    const { value } = attr[key]!;
    if (value.case === "i" && counts.has(key) && (value.value < 0n || value.value > maxCount)) throw complaint(node, `has ${value.value} for ${key}`);
    if (value.case === "tensor" && !isShape(value.value.tensorShape, 0)) throw complaint(node, "has a tensor of a shape that cannot be");
    if (value.case === "shape" && !isShape(value.value, -1)) throw complaint(node, "has a shape that cannot be");
    if (value.case === "list" && !value.value.shape.every((shape) => isShape(shape, -1))) throw complaint(node, "has a shape that cannot be");
  }
  // The optimizer believes both (grappler/optimizers/constant_folding.cc).
  const [value, dtype] = [attr["value"]?.value, attr["dtype"]?.value];
  if (op === "Const" && value?.case === "tensor" && dtype?.case === "type" && value.value.dtype !== dtype.value)
    throw complaint(node, "has a tensor of another dtype than it says");
  if (op === "Identity" && !input.some((ref) => !ref.startsWith("^"))) throw complaint(node, "has no input");
}

/** isShape: TensorFlow aborts over more than 254 dimensions or 2^63 elements (tensor_shape.cc). */
function isShape(shape: TensorShapeProto | undefined, least: number): boolean {
  if (shape === undefined) return true;
  let elements = 1;
  for (const dim of shape.dim) {
    const size = Number(dim.size);
    if (size < least) return false;
    if (size >= 0) elements *= size;
    if (elements >= 2 ** 63) return false;
  }
  return shape.dim.length <= maxRank;
}

/** checkCalls follows the calls from the graph's own nodes: none may come back to itself, go too deep, or add up to too much. */
function checkCalls(graph: Body, functions: ReadonlyMap<string, Body>): void {
  const known = new Map<string, Size | "open">();
  let open = 0;

  function sizeOf({ nodes, calls }: Body): Size {
    let [sum, depth] = [nodes, 0];
    for (const name of calls) {
      const body = functions.get(name);
      if (body === undefined) continue;
      let size = known.get(name);
      if (size === "open") throw newError(Code.InvalidArgument, `the function ${name} calls itself`);
      if (size === undefined) {
        if (open++ > maxDepth) throw newError(Code.InvalidArgument, `functions call each other more than ${maxDepth} deep, down to ${name}`);
        known.set(name, "open");
        size = sizeOf(body);
        known.set(name, size);
        open--;
      }
      sum += size.nodes;
      depth = Math.max(depth, size.depth + 1);
    }
    if (depth > maxDepth) throw newError(Code.InvalidArgument, `functions call each other more than ${maxDepth} deep`);
    if (sum > maxNodes) throw newError(Code.InvalidArgument, `with its functions put in, the graph has more than ${maxNodes} nodes`);
    return { nodes: sum, depth };
  }
  sizeOf(graph);
}

interface Size {
  readonly nodes: number;
  readonly depth: number;
}

/** nodesOf lists the nodes of the graph and of each of its functions. */
export function nodesOf({ graphDef }: MetaGraphDef): readonly (readonly NodeDef[])[] {
  return [graphDef?.node ?? [], ...(graphDef?.library?.function ?? []).map((f) => f.nodeDef)];
}
