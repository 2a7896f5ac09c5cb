import type { MetaGraphDef } from "@tfs/proto";
import { libraryOf, opsReached } from "../embedded/index.ts";

/** Ops that change a variable or a table (tensorflow/core/ops/state_ops.cc, resource_variable_ops.cc, training_ops.cc, lookup_ops.cc). */
const changing =
  /^(Assign|ResourceScatter|Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$|(Resource)?CountUpTo$|(Resource)?StridedSliceAssign$|(Resource)?(Sparse)?Apply|LookupTable(Insert|Import|Remove))/;

/** changesState tells whether a call of any signature may change what a later one sees. What loading runs does not count. */
export function changesState(metaGraph: MetaGraphDef): boolean {
  const graph = metaGraph.graphDef;
  if (graph === undefined) return false;
  const library = libraryOf(graph);
  const outputs = Object.entries(metaGraph.signatureDef)
    .filter(([name]) => name !== "__saved_model_init_op")
    .flatMap(([, signature]) => Object.values(signature.outputs))
    .flatMap((info) => (info.encoding.case === "name" ? [info.encoding.value] : []));
  return [...opsReached(graph, library, outputs)].some((op) => changing.test(op));
}
