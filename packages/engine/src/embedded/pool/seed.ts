import { copyOf, type Tensor } from "@tfs/tensor";
import { copyInto } from "../../thread/index.ts";
import type { Holding } from "../model.ts";
import type { Variable } from "../value.ts";

/** Smaller values are copied with the message that carries them. */
const minBytes = 4096;

/** shared gives what a model holds with its large values in shared memory: those that are not there yet are copied. */
export function shared(holding: Holding): Holding {
  return { ...holding, variables: holding.variables.map(sharedVariable) };
}

function sharedVariable(variable: Variable): Variable {
  return variable.value === undefined ? variable : { ...variable, value: sharedTensor(variable.value) };
}

function sharedTensor(tensor: Tensor): Tensor {
  const { dtype, shape, data } = tensor;
  if (!ArrayBuffer.isView(data) || data.buffer instanceof SharedArrayBuffer) return tensor;
  if (data.byteLength < minBytes) return copyOf(tensor); // what it may be a view of would be copied as a whole
  return { dtype, shape, data: copyInto(new SharedArrayBuffer(data.byteLength), 0, data) };
}
