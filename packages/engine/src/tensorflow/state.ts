import type { MetaGraphDef } from "@tfs/proto";
import { libraryOf, opsReached } from "../embedded/index.ts";
import { outputNames } from "../signatures.ts";

/** Ops that change a variable or a table (tensorflow/core/ops/state_ops.cc, resource_variable_ops.cc, training_ops.cc, lookup_ops.cc). */
const changing =
  /^(Assign|ResourceScatter|Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$|(Resource)?CountUpTo$|(Resource)?StridedSliceAssign$|(Resource)?(Sparse)?Apply|LookupTable(Insert|Import|Remove))/;

/** changesState tells whether a call of any signature may change what a later one sees. What loading runs does not count. */
export function changesState(metaGraph: MetaGraphDef): boolean {
  const graph = metaGraph.graphDef;
  if (graph === undefined) return false;
  const library = libraryOf(graph);
  return [...opsReached(graph, library, outputNames(metaGraph))].some((op) => changing.test(op));
}
