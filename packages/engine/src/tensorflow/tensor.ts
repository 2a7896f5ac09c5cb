// Data plane: tensors to TensorFlow's memory and back, one copy each way.
import { type ArrayOf, Code, carve, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, elementSize, layoutOf, type NumericData, shapeText, type Tensor, toDType } from "@tfs/tensor";
import type { Pointer } from "../native/index.ts";
import type { Library } from "./library.ts";
import { elementBytes, readStrings, writeStrings } from "./text.ts";

/**
 * More dimensions than this are not fed. TensorFlow's bound is 254, and ops that add one to that many abort (ExpandDims, Pack, OneHot): no graph adds as
 * many as are left.
 */
const maxFedRank = 128;

/** An empty tensor's other dimensions multiply to this at most: ops that reduce the empty one away make as many values, out of a request of a few bytes. */
const maxBesideNone = 2 ** 28;

/** Dimensions on their way to TensorFlow, as low and high halves of 64 bits. It copies them before it returns. */
const dims = new Uint32Array(2 * maxFedRank);

/** sizeOf gives roughly how many bytes a tensor is. */
export function sizeOf(t: Tensor): number {
  return t.dtype === DType.String ? elementBytes * t.data.length : (t.data as NumericData).byteLength;
}

/** write makes a TensorFlow tensor with the values of ours. Throws InvalidArgument for one that is none, ResourceExhausted. */
export function write(library: Library, t: Tensor): Pointer {
  const { dtype, shape, data } = t;
  const n = elementCount(shape);
  if (shape.length > maxFedRank) throw newError(Code.InvalidArgument, `a tensor of ${shape.length} dimensions cannot be fed: ${maxFedRank} are the most`);
  if (n === 0 && shape.reduce((product, dim) => product * (dim || 1), 1) > maxBesideNone)
    throw newError(Code.InvalidArgument, `an empty tensor of shape ${shapeText(shape)} cannot be fed: its other dimensions are too many`);
  const isText = dtype === DType.String;
  if (!isText && layoutOf(dtype).array === undefined) throw newError(Code.InvalidArgument, `a ${dtypeName(dtype)} tensor cannot be fed`);
  const bytes = n * (isText ? elementBytes : elementSize(dtype));
  if (isText ? data.length !== n : (data as NumericData).byteLength !== bytes)
    throw newError(Code.InvalidArgument, `shape ${shapeText(shape)} of ${dtypeName(dtype)} does not take ${data.length} values`);
  for (let i = 0; i < shape.length; i++) {
    dims[2 * i] = shape[i]!;
    dims[2 * i + 1] = Math.floor(shape[i]! / 2 ** 32);
  }
  const tensor = library.newTensor(dtype, dims, shape.length, bytes);
  if (bytes === 0) return tensor;
  const at = library.dataOf(tensor);
  if (isText) writeStrings(library, at, data as readonly Uint8Array[]);
  else library.libc.copyIn(at, viewOf(data as NumericData));
  return tensor;
}

/** read copies a TensorFlow tensor. Throws Unimplemented for a dtype that has no values of ours. */
export function read(library: Library, tensor: Pointer): Tensor {
  const dtype = toDType(library.typeOf(tensor)); // a reference gives the value
  const rank = library.rankOf(tensor);
  const shape = new Array<number>(rank);
  let n = 1;
  for (let i = 0; i < rank; i++) n *= shape[i] = library.dimOf(tensor, i);
  if (dtype === DType.String) return { dtype, shape, data: n === 0 ? [] : readStrings(library.libc, library.dataOf(tensor), n) };
  const layout = dtype === undefined ? undefined : layoutOf(dtype);
  if (dtype === undefined || layout?.array === undefined) throw newError(Code.Unimplemented, `values of dtype ${library.typeOf(tensor)} cannot be read`);
  const data = carve(layout.array as ArrayOf<NumericData>, n * layout.width);
  if (n > 0) library.libc.copyOut(viewOf(data), library.dataOf(tensor));
  return { dtype, shape, data };
}

function viewOf(data: NumericData): Uint8Array {
  return data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
