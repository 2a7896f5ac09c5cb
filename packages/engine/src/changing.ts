/** Ops that change a variable or a table (tensorflow/core/ops/state_ops.cc, resource_variable_ops.cc, training_ops.cc, lookup_ops.cc). Pure ones with such names (ScatterNd, TensorScatterUpdate) are none. */
const changing =
  /^(Assign|ResourceScatter|Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$|(Resource)?CountUpTo$|(Resource)?StridedSliceAssign$|(Resource)?(Sparse)?Apply|LookupTable(Insert|Import|Remove))/;

/** changesVariables tells whether an op changes what a variable or a table holds. */
export function changesVariables(op: string): boolean {
  return changing.test(op);
}
