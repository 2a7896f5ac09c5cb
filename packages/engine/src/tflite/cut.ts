// Taking an operator out of a .tflite file: what it gave, the graph then takes.
import { field, type Flat, follow, newFlat, table, vector } from "./flat.ts";
import type { TfGraph } from "./schema.ts";

export interface Cut {
  readonly bytes: Uint8Array;
  readonly graph: TfGraph;
}

/**
 * cutOut gives a file, without signatures, whose first graph lacks an operator, and which takes `inputs` instead of what it took. The file must be one that
 * readModel has read. It is changed where that is possible, and gets longer by a list: offsets lead forward only.
 */
export function cutOut(file: Uint8Array, graph: TfGraph, operator: number, inputs: readonly number[]): Cut {
  const start = (file.length + 3) & ~3;
  const bytes = new Uint8Array(start + 4 * (1 + inputs.length));
  bytes.set(file);
  const flat = newFlat(bytes);
  const { view } = flat;
  view.setUint32(start, inputs.length, true);
  for (const [i, n] of inputs.entries()) view.setInt32(start + 4 * (1 + i), n, true);
  const root = table(flat, follow(flat, 0));
  const first = table(flat, follow(flat, vector(flat, root, 2, 4).at));
  const inputsAt = field(flat, first, 1)!;
  view.setUint32(inputsAt, start - inputsAt, true);
  const { at, length } = vector(flat, first, 3, 4);
  // Each place takes the next one's offset: from four bytes nearer, it is longer by four.
  for (let i = operator; i + 1 < length; i++) view.setUint32(at + 4 * i, view.getUint32(at + 4 * (i + 1), true) + 4, true);
  view.setUint32(at - 4, length - 1, true);
  dropSignatures(flat);
  return { bytes, graph: { ...graph, inputs, operators: graph.operators.filter((_, i) => i !== operator) } };
}

/** dropSignatures leaves the runtime with the first graph alone. */
function dropSignatures(flat: Flat): void {
  const { at, length } = vector(flat, table(flat, follow(flat, 0)), 7, 4);
  if (length > 0) flat.view.setUint32(at - 4, 0, true);
}
