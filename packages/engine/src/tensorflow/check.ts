// What makes TensorFlow end the process instead of saying no, found by fuzz tests, and kept from it.
import type { MetaGraphDef, NodeDef, TensorShapeProto } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { maxRank } from "@tfs/tensor";
import { functionsOf } from "../embedded/index.ts";

/** oneDNN's convolutions look up dimensions by their meaning and abort where there are too few (tensorflow/core/util/tensor_format.h). */
const convolutions = /^(DepthwiseConv|Conv[23]D)/;

/** needsRanks tells whether feeds of this graph must have the number of dimensions that it says. */
export function needsRanks(metaGraph: MetaGraphDef): boolean {
  return nodesOf(metaGraph).some((nodes) => nodes.some(({ op }) => convolutions.test(op)));
}

/** Ops that TensorFlow takes apart when it builds a graph; it does not look whether their functions are there (lower_while_op.cc and its like). */
const lowered = /^(Stateless)?(While|If|Case)$/;

/** A graph that functions have been put into has fewer nodes than this, or nobody can load it. */
const maxNodes = 10_000_000;
/** TensorFlow puts functions into functions by calling itself. */
const maxDepth = 100;

/** checkGraph throws InvalidArgument for a graph that TensorFlow would not survive, or would not get done with, naming the part. */
export function checkGraph(metaGraph: MetaGraphDef): void {
  const functions = new Map((metaGraph.graphDef?.library?.function ?? []).map((f) => [f.signature?.name ?? "", f.nodeDef]));
  for (const nodes of nodesOf(metaGraph)) for (const node of nodes) checkNode(node, functions);
  checkCalls(metaGraph.graphDef?.node ?? [], functions);
}

/** Attributes that say how many inputs or outputs an op has: it is given memory for so many before it is looked whether they are there. */
const counts = new Set(
  "N M NN n_a n_b num num_split num_splits num_outs num_outputs num_args num_features num_sparse num_params num_partitions top_paths Nsparse Ndense".split(" "),
);
const maxCount = 1_000_000n;

function checkNode({ name, op, attr, input }: NodeDef, functions: ReadonlyMap<string, unknown>): void {
  const complaint = (what: string): Error => newError(Code.InvalidArgument, `the node ${name} (${op}) ${what}`);
  for (const [key, { value }] of Object.entries(attr)) {
    if (value.case === "i" && counts.has(key) && (value.value < 0n || value.value > maxCount)) throw complaint(`has ${value.value} for ${key}`);
    if (value.case === "tensor" && !isShape(value.value.tensorShape, 0n)) throw complaint("has a tensor of a shape that cannot be");
    if (value.case === "shape" && !isShape(value.value, -1n)) throw complaint("has a shape that cannot be");
    if (value.case === "list" && !value.value.shape.every((shape) => isShape(shape, -1n))) throw complaint("has a shape that cannot be");
  }
  // The optimizer believes both (grappler/optimizers/constant_folding.cc).
  if (op === "Const" && attr["value"]?.value.case === "tensor" && attr["dtype"]?.value.case === "type") {
    if (attr["value"].value.value.dtype !== attr["dtype"].value.value) throw complaint("has a tensor of another dtype than it says");
  }
  if (op === "Identity" && !input.some((ref) => !ref.startsWith("^"))) throw complaint("has no input");
  const missing = lowered.test(op) ? functionsOf(attr).find((f) => !functions.has(f)) : undefined;
  if (missing !== undefined) throw complaint(`calls the function ${missing}, which the graph does not have`);
}

/** isShape: TensorFlow aborts over more than 254 dimensions or 2^63 elements (tensor_shape.cc). */
function isShape(shape: TensorShapeProto | undefined, least: bigint): boolean {
  let elements = 1n;
  for (const { size } of shape?.dim ?? []) {
    if (size < least) return false;
    if (size >= 0n) elements *= size;
    if (elements >= 2n ** 63n) return false;
  }
  return (shape?.dim.length ?? 0) <= maxRank;
}

/** checkCalls follows the calls from the graph's own nodes: none may come back to itself, go too deep, or add up to too much. */
function checkCalls(graph: readonly NodeDef[], functions: ReadonlyMap<string, readonly NodeDef[]>): void {
  const sizes = new Map<string, { readonly nodes: number; readonly depth: number } | "open">();

  function sizeOf(nodes: readonly NodeDef[]): { readonly nodes: number; readonly depth: number } {
    let [sum, depth] = [nodes.length, 0];
    for (const { attr } of nodes)
      for (const name of functionsOf(attr)) {
        const body = functions.get(name);
        if (body === undefined) continue;
        let size = sizes.get(name);
        if (size === "open") throw newError(Code.InvalidArgument, `the function ${name} calls itself`);
        if (size === undefined) {
          if (open++ > maxDepth) throw newError(Code.InvalidArgument, `functions call each other more than ${maxDepth} deep, down to ${name}`);
          sizes.set(name, "open");
          size = sizeOf(body);
          sizes.set(name, size);
          open--;
        }
        sum += size.nodes;
        depth = Math.max(depth, size.depth + 1);
      }
    if (depth > maxDepth) throw newError(Code.InvalidArgument, `functions call each other more than ${maxDepth} deep`);
    if (sum > maxNodes) throw newError(Code.InvalidArgument, `with its functions put in, the graph has more than ${maxNodes} nodes`);
    return { nodes: sum, depth };
  }
  let open = 0;
  sizeOf(graph);
}

/** nodesOf lists the nodes of the graph and of each of its functions. */
export function nodesOf({ graphDef }: MetaGraphDef): readonly (readonly NodeDef[])[] {
  return [graphDef?.node ?? [], ...(graphDef?.library?.function ?? []).map((f) => f.nodeDef)];
}
