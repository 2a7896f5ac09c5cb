// What makes TensorFlow end the process instead of saying no, found by fuzz tests, and kept from it.
import type { MetaGraphDef, NodeDef } from "@tfs/proto";

/** Ops over images: oneDNN's kernels look up dimensions by their meaning and abort where there are too few (tensorflow/core/util/tensor_format.h). */
const imageOps = /^(_?(Fused)?(Depthwise)?Conv|MaxPool|AvgPool|FusedBatchNorm|LRN|Dilation)/;

/** needsRanks tells whether feeds of this graph must have the number of dimensions that it says. */
export function needsRanks(metaGraph: MetaGraphDef): boolean {
  return nodesOf(metaGraph).some((nodes) => nodes.some(({ op }) => imageOps.test(op)));
}

/** nodesOf lists the nodes of the graph and of each of its functions. */
export function nodesOf({ graphDef }: MetaGraphDef): readonly (readonly NodeDef[])[] {
  return [graphDef?.node ?? [], ...(graphDef?.library?.function ?? []).map((f) => f.nodeDef)];
}
