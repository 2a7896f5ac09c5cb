// TensorArrays of TensorFlow 1. Source of the rules and texts: tensorflow/core/kernels/tensor_array.{h,cc} and tensor_array_ops.cc.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { copyRun, int, ints, make } from "../shape.ts";
import { arrayOf, type TensorArray, tensorOf, type Value } from "../value.ts";
import { integers } from "./array.ts";

const maxItems = 1 << 24;

/** Its flow is a number that only says what has to come before. */
const flow: Tensor = { dtype: DType.Float, shape: [], data: Float32Array.of(0) };

function create(node: Node): (inputs: readonly Value[]) => readonly Value[] {
  const [dtype, shape] = [node.attrs.dtype("dtype"), node.attrs.shape("element_shape")];
  const [grows, readOnce] = [node.attrs.bool("dynamic_size", false), node.attrs.bool("clear_after_read", true)];
  const name = node.attrs.string("tensor_array_name", "") || node.name;
  return (inputs) => {
    const size = int(tensorOf(inputs[0]));
    if (size < 0) throw newError(Code.InvalidArgument, "Size should be >= 0.");
    if (size > maxItems) throw newError(Code.ResourceExhausted, `TensorArray ${name}: ${size} items, ${maxItems} are allowed`);
    const array: TensorArray = { kind: "array", name, dtype, shape, grows, readOnce, items: new Array<undefined>(size).fill(undefined) };
    return [array, flow];
  };
}

function fits(want: readonly number[] | undefined, shape: readonly number[]): boolean {
  return want === undefined || (want.length === shape.length && want.every((d, i) => d < 0 || d === shape[i]));
}

function write(array: TensorArray, index: number, value: Tensor): void {
  const where = `TensorArray ${array.name}`;
  if (index < 0 || (index >= array.items.length && !array.grows) || index >= maxItems)
    throw newError(
      Code.InvalidArgument,
      `${where}: Tried to write to index ${index} but array ${array.grows ? "size is" : "is not resizeable and size is"}: ${array.items.length}`,
    );
  if (value.dtype !== array.dtype)
    throw newError(
      Code.InvalidArgument,
      `${where}: Could not write to TensorArray index ${index} because the value dtype is ${dtypeName(value.dtype)} but TensorArray dtype is ${dtypeName(array.dtype)}.`,
    );
  if (!fits(array.shape, value.shape))
    throw newError(
      Code.InvalidArgument,
      `${where}: Could not write to TensorArray index ${index} because the value shape is ${shapeText(value.shape)} which is incompatible with the TensorArray's inferred element shape: ${known(array.shape)} (consider setting infer_shape=False).`,
    );
  if (array.items[index] !== undefined)
    throw newError(
      Code.InvalidArgument,
      array.items[index] === "cleared"
        ? `${where}: Could not write to TensorArray index ${index} because it has already been read.`
        : `${where}: Could not write to TensorArray index ${index} because it has already been written to.`,
    );
  while (array.items.length < index) array.items.push(undefined);
  array.items[index] = value;
}

const known = (shape: readonly number[] | undefined): string => (shape === undefined ? "<unknown>" : `[${shape.map((d) => (d < 0 ? "?" : d)).join(",")}]`);

/** read gives an item; one that was never written is zeros if its shape is known. */
function read(array: TensorArray, index: number): Tensor {
  const where = `TensorArray ${array.name}`;
  if (index < 0 || index >= array.items.length)
    throw newError(Code.InvalidArgument, `${where}: Tried to read from index ${index} but array size is: ${array.items.length}`);
  const found = array.items[index];
  if (found === "cleared")
    throw newError(
      Code.InvalidArgument,
      `${where}: Could not read index ${index} twice because it was cleared after a previous read (perhaps try setting clear_after_read = false?).`,
    );
  if (found === undefined && (array.shape === undefined || array.shape.some((d) => d < 0)))
    throw newError(
      Code.InvalidArgument,
      `${where}: Could not read from TensorArray index ${index}.  Furthermore, the element shape is not fully defined: ${known(array.shape)}.`,
    );
  if (array.readOnce) array.items[index] = "cleared";
  return found ?? make(array.dtype, array.shape!);
}

function gather(array: TensorArray, indices: readonly number[], shape: readonly number[] | undefined): Tensor {
  const items = indices.map((i) => read(array, i));
  const inner = items[0]?.shape ?? shape ?? array.shape;
  if (inner === undefined || inner.some((d) => d < 0))
    throw newError(
      Code.Unimplemented,
      "TensorArray has size zero, but element shape is not fully defined. Currently only static shapes are supported when packing zero-size TensorArrays.",
    );
  const out = make(array.dtype, [items.length, ...inner]);
  const each = items.length === 0 ? 0 : out.data.length / items.length;
  items.forEach((t, i) => {
    if (shapeText(t.shape) !== shapeText(inner))
      throw newError(
        Code.InvalidArgument,
        `TensorArray ${array.name} has inconsistent shapes.  Index 0 has shape: ${shapeText(inner)} but index ${i} has shape: ${shapeText(t.shape)}`,
      );
    copyRun(t.data, 0, each, out.data, i * each);
  });
  return out;
}

/** parts cuts a tensor along its first dimension. */
function parts(t: Tensor, lengths: readonly number[], keep: boolean): Tensor[] {
  const inner = t.shape.slice(1);
  const each = t.shape[0] === 0 ? 0 : t.data.length / t.shape[0]!;
  let from = 0;
  return lengths.map((length) => {
    const part = make(t.dtype, keep ? [length, ...inner] : inner);
    copyRun(t.data, from * each, length * each, part.data, 0);
    from += length;
    return part;
  });
}

/** joined is all items one after the other, and how long each was. */
function joined(array: TensorArray): readonly Tensor[] {
  const items = array.items.map((_, i) => read(array, i));
  const lengths = items.map((t) => {
    if (t.shape.length === 0) throw newError(Code.InvalidArgument, `Concat saw a scalar shape at index 0 but requires at least vectors.`);
    return t.shape[0]!;
  });
  const inner = items[0]?.shape.slice(1) ?? array.shape?.slice(1) ?? [];
  const out = make(array.dtype, [lengths.reduce((a, b) => a + b, 0), ...inner]);
  let at = 0;
  for (const t of items) {
    if (shapeText(t.shape.slice(1)) !== shapeText(inner))
      throw newError(Code.InvalidArgument, `TensorArray has inconsistent shapes.  Index 0 has (excepting dimension 0) shape: ${shapeText(inner)}`);
    copyRun(t.data, 0, t.data.length, out.data, at);
    at += t.data.length;
  }
  return [out, integers(DType.Int64, [lengths.length], lengths)];
}

const scatter: KernelFactory = () => (inputs) => {
  const [array, indices, value] = [arrayOf(inputs[0]), ints(tensorOf(inputs[1])), tensorOf(inputs[2])];
  if (value.shape.length === 0 || value.shape[0] !== indices.length)
    throw newError(Code.InvalidArgument, `Expected len(indices) == values.shape[0], but saw: ${indices.length} vs. ${value.shape[0]}`);
  const each = parts(value, new Array<number>(indices.length).fill(1), false);
  indices.forEach((index, i) => void write(array, index, each[i]!));
  return flow;
};

const split: KernelFactory = () => (inputs) => {
  const [array, value, lengths] = [arrayOf(inputs[0]), tensorOf(inputs[1]), ints(tensorOf(inputs[2]))];
  const total = lengths.reduce((a, b) => a + b, 0);
  if (lengths.some((n) => n < 0) || total !== (value.shape[0] ?? 0))
    throw newError(
      Code.InvalidArgument,
      `Expected sum of lengths to be equal to values.shape[0], but sum of lengths is ${total} and value's shape is: ${shapeText(value.shape)} `,
    );
  if (!array.grows && array.items.length !== lengths.length)
    throw newError(
      Code.InvalidArgument,
      `TensorArray's size is not equal to the size of lengths (${array.items.length} vs. ${lengths.length}), and the TensorArray is not marked as dynamically resizeable`,
    );
  parts(value, lengths, true).forEach((part, i) => void write(array, i, part));
  return flow;
};

export const tensorArrays: Kernels = {
  TensorArrayV3: create,
  TensorArrayWriteV3:
    () =>
    (inputs, { arena }) => {
      write(arrayOf(inputs[0]), int(tensorOf(inputs[1])), arena.kept(tensorOf(inputs[2])));
      return flow;
    },
  TensorArrayReadV3: () => (inputs) => read(arrayOf(inputs[0]), int(tensorOf(inputs[1]))),
  TensorArrayGatherV3: (node) => {
    const shape = node.attrs.shape("element_shape");
    return (inputs) => gather(arrayOf(inputs[0]), ints(tensorOf(inputs[1])), shape);
  },
  TensorArrayScatterV3: scatter,
  TensorArrayConcatV3: () => (inputs) => joined(arrayOf(inputs[0])),
  TensorArraySplitV3: split,
  TensorArraySizeV3: () => (inputs) => integers(DType.Int32, [], [arrayOf(inputs[0]).items.length]),
  TensorArrayCloseV3: () => (inputs) => {
    arrayOf(inputs[0]).items.length = 0;
    return [];
  },
};
