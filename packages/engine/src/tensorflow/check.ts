// What makes TensorFlow end the process instead of saying no, found by fuzz tests, and kept from it.
import type { MetaGraphDef, NodeDef } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { functionsOf } from "../embedded/index.ts";

/** Ops over images: oneDNN's kernels look up dimensions by their meaning and abort where there are too few (tensorflow/core/util/tensor_format.h). */
const imageOps = /^(_?(Fused)?(Depthwise)?Conv|MaxPool|AvgPool|FusedBatchNorm|LRN|Dilation)/;

/** needsRanks tells whether feeds of this graph must have the number of dimensions that it says. */
export function needsRanks(metaGraph: MetaGraphDef): boolean {
  return nodesOf(metaGraph).some((nodes) => nodes.some(({ op }) => imageOps.test(op)));
}

/** Ops that TensorFlow takes apart when it builds a graph; it does not look whether their functions are there (lower_while_op.cc and its like). */
const lowered = /^(Stateless)?(While|If|Case)$/;

/** checkGraph throws InvalidArgument for a graph that TensorFlow would not survive. */
export function checkGraph(metaGraph: MetaGraphDef): void {
  const there = new Set((metaGraph.graphDef?.library?.function ?? []).map((f) => f.signature?.name ?? ""));
  for (const nodes of nodesOf(metaGraph))
    for (const { name, op, attr } of nodes) {
      const missing = lowered.test(op) ? functionsOf(attr).find((f) => !there.has(f)) : undefined;
      if (missing !== undefined) throw newError(Code.InvalidArgument, `the node ${name} (${op}) calls the function ${missing}, which the graph does not have`);
    }
}

/** nodesOf lists the nodes of the graph and of each of its functions. */
export function nodesOf({ graphDef }: MetaGraphDef): readonly (readonly NodeDef[])[] {
  return [graphDef?.node ?? [], ...(graphDef?.library?.function ?? []).map((f) => f.nodeDef)];
}
