// TensorLists, which Keras' recurrent layers export. A list is a value: setting an item gives a new list that shares the others. Source of the rules and
// texts: tensorflow/core/kernels/list_kernels.{h,cc}.
import { Code, newError } from "@tfs/std";
import { type DType, elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { Kernels } from "../kernel.ts";
import { copyRun, int, ints, make } from "../shape.ts";
import { type List, listOf, tensorOf } from "../value.ts";
import { integers } from "./array.ts";

const maxItems = 1 << 24;

type Shape = readonly number[] | undefined;

/** shapeOf reads an element shape: a scalar stands for any, a negative size for any size. */
function shapeOf(t: Tensor): Shape {
  return t.shape.length === 0 ? undefined : ints(t).map((d) => Math.max(-1, d));
}

function newList(elementType: DType, shape: Shape, items: readonly (Tensor | undefined)[]): List {
  if (items.length > maxItems) throw newError(Code.ResourceExhausted, `a list has at most ${maxItems} items`);
  return { kind: "list", elementType, shape, items };
}

function item(list: List, index: number): Tensor | undefined {
  if (index < 0 || index >= list.items.length)
    throw newError(Code.InvalidArgument, `Trying to access element ${index} in a list with ${list.items.length} elements.`);
  return list.items[index];
}

function fits(shape: readonly number[], want: Shape): boolean {
  return want === undefined || (want.length === shape.length && want.every((d, i) => d < 0 || d === shape[i]));
}

const text = (shape: Shape): string => (shape === undefined ? "<unknown>" : `[${shape.map((d) => (d < 0 ? "?" : d)).join(",")}]`);

/** merged is what two partly known shapes say together. */
function merged(a: Shape, b: Shape): Shape {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.length !== b.length) throw newError(Code.InvalidArgument, `Tried to merge the element shapes ${text(a)} and ${text(b)}`);
  return a.map((d, i) => (d < 0 ? b[i]! : d));
}

/** itemShape is the shape of a list's items: an item's own, else what is known. Throws where that is not all. */
function itemShape(list: List, shape: Shape): readonly number[] {
  const known = list.items.find((t) => t !== undefined)?.shape ?? merged(list.shape, shape);
  if (known === undefined || known.some((d) => d < 0))
    throw newError(Code.InvalidArgument, `Tried to stack elements of an empty list with non-fully-defined element_shape: ${text(known)}`);
  return known;
}

/** stacked puts items together; those that are missing are zeros. */
function stacked(list: List, items: readonly (Tensor | undefined)[], shape: Shape): Tensor {
  const known = itemShape(list, shape);
  const out = make(list.elementType, [items.length, ...known]);
  const each = elementCount(known);
  items.forEach((t, i) => {
    if (t === undefined) return;
    if (shapeText(t.shape) !== shapeText(known))
      throw newError(Code.InvalidArgument, `Tried to stack list elements of shapes ${shapeText(known)} and ${shapeText(t.shape)}`);
    copyRun(t.data, 0, each, out.data, i * each);
  });
  return out;
}

/** rows cuts a tensor along its first dimension; each length is one item, and 1 may take the dimension away. */
function rows(t: Tensor, lengths: readonly number[] | undefined): Tensor[] {
  if (t.shape.length === 0) throw newError(Code.InvalidArgument, `Tensor must be at least a vector, but saw shape: ${shapeText(t.shape)}`);
  const inner = t.shape.slice(1);
  const each = elementCount(inner);
  let from = 0;
  return (lengths ?? new Array<number>(t.shape[0]!).fill(1)).map((length): Tensor => {
    const part = make(t.dtype, lengths === undefined ? inner : [length, ...inner]);
    copyRun(t.data, from * each, length * each, part.data, 0);
    from += length;
    return part;
  });
}

function unstack(t: Tensor, shape: Shape): List {
  if (t.shape.length > 0 && !fits(t.shape.slice(1), shape))
    throw newError(Code.InvalidArgument, `Specified a list with shape ${text(shape)} from a tensor with shape ${shapeText(t.shape.slice(1))}`);
  return newList(t.dtype, shape, rows(t, undefined));
}

/** put gives a list with an item set; past its end it grows if it may. */
function put(list: List, index: number, value: Tensor, grows: boolean): List {
  if (!grows || index < 0) item(list, index);
  if (!fits(value.shape, list.shape))
    throw newError(
      Code.InvalidArgument,
      `Tried to set a tensor with incompatible shape at a list index. Item element shape: ${shapeText(value.shape)} list shape: ${text(list.shape)}`,
    );
  const items = list.items.slice();
  while (items.length < index && items.length <= maxItems) items.push(undefined);
  items[index] = value;
  return newList(list.elementType, list.shape, items);
}

function scattered(list: List, t: Tensor, indices: readonly number[]): List {
  const parts = rows(t, undefined);
  if (parts.length !== indices.length)
    throw newError(Code.InvalidArgument, `Invalid number of rows in input tensor. Expected: ${indices.length} Actual: ${parts.length}`);
  const items = list.items.slice();
  indices.forEach((index, i) => {
    if (index < 0) throw newError(Code.InvalidArgument, `Indices in TensorListScatter must all be non-negative.`);
    while (items.length < index && items.length <= maxItems) items.push(undefined);
    items[index] = parts[i];
  });
  return newList(list.elementType, list.shape, items);
}

/** joined is all items one after the other, and how long each was. */
function joined(list: List, shape: Shape): readonly Tensor[] {
  const first = list.items.find((t) => t !== undefined);
  const given = first?.shape ?? merged(list.shape, shape);
  const inner = given?.slice(1) ?? [];
  if (given === undefined || inner.some((d) => d < 0))
    throw newError(
      Code.InvalidArgument,
      `All except the first dimension must be fully defined when concating an empty tensor list. element_shape: ${text(given)}`,
    );
  const lengths = list.items.map((t) => (t === undefined ? Math.max(0, given[0] ?? 0) : t.shape[0]!));
  const out = make(list.elementType, [lengths.reduce((a, b) => a + b, 0), ...inner]);
  const each = elementCount(inner);
  let at = 0;
  list.items.forEach((t, i) => {
    if (t !== undefined) {
      if (shapeText(t.shape.slice(1)) !== shapeText(inner)) throw newError(Code.InvalidArgument, `Tried to concat list elements with unequal shapes`);
      copyRun(t.data, 0, t.data.length, out.data, at * each);
    }
    at += lengths[i]!;
  });
  return [out, integers(9, [lengths.length], lengths)];
}

export const lists: Kernels = {
  TensorListReserve: (node) => {
    const elementType = node.attrs.dtype("element_dtype");
    return (inputs) => {
      const n = int(tensorOf(inputs[1]));
      if (n < 0 || n > maxItems) throw newError(Code.InvalidArgument, `The num_elements to reserve must be in [0, ${maxItems}], got ${n}`);
      return newList(elementType, shapeOf(tensorOf(inputs[0])), new Array<undefined>(n).fill(undefined));
    };
  },
  EmptyTensorList: (node) => {
    const elementType = node.attrs.dtype("element_dtype");
    return (inputs) => newList(elementType, shapeOf(tensorOf(inputs[0])), []);
  },
  TensorListFromTensor: () => (inputs) => unstack(tensorOf(inputs[0]), shapeOf(tensorOf(inputs[1]))),
  TensorListStack: (node) => {
    const count = node.attrs.int("num_elements", -1);
    return (inputs) => {
      const list = listOf(inputs[0]);
      if (count >= 0 && list.items.length !== count)
        throw newError(Code.InvalidArgument, `Operation expected a list with ${count} elements but got a list with ${list.items.length} elements.`);
      return stacked(list, list.items, shapeOf(tensorOf(inputs[1])));
    };
  },
  TensorListGather: () => (inputs) => {
    const list = listOf(inputs[0]);
    return stacked(
      list,
      ints(tensorOf(inputs[1])).map((i) => item(list, i)),
      shapeOf(tensorOf(inputs[2])),
    );
  },
  TensorListGetItem: (node) => {
    const elementType = node.attrs.dtype("element_dtype");
    return (inputs) => {
      const list = listOf(inputs[0]);
      return item(list, int(tensorOf(inputs[1]))) ?? make(elementType, itemShape(list, shapeOf(tensorOf(inputs[2]))));
    };
  },
  TensorListSetItem: (node) => {
    const grows = node.attrs.bool("resize_if_index_out_of_bounds", false);
    return (inputs, { arena }) => put(listOf(inputs[0]), int(tensorOf(inputs[1])), arena.kept(tensorOf(inputs[2])), grows);
  },
  TensorListPushBack:
    () =>
    (inputs, { arena }) => {
      const [list, value] = [listOf(inputs[0]), arena.kept(tensorOf(inputs[1]))];
      if (!fits(value.shape, list.shape))
        throw newError(
          Code.InvalidArgument,
          `Tried to append a tensor with incompatible shape to a list. Op element shape: ${shapeText(value.shape)} list shape: ${text(list.shape)}`,
        );
      return newList(list.elementType, list.shape, [...list.items, value]);
    },
  TensorListPopBack: (node) => {
    const elementType = node.attrs.dtype("element_dtype");
    return (inputs) => {
      const list = listOf(inputs[0]);
      if (list.items.length === 0) throw newError(Code.InvalidArgument, "Trying to pop from an empty list.");
      const last = list.items.at(-1) ?? make(elementType, itemShape(list, shapeOf(tensorOf(inputs[1]))));
      return [newList(list.elementType, list.shape, list.items.slice(0, -1)), last];
    };
  },
  TensorListScatter: () => (inputs) =>
    scattered(newList(tensorOf(inputs[0]).dtype, shapeOf(tensorOf(inputs[2])), []), tensorOf(inputs[0]), ints(tensorOf(inputs[1]))),
  TensorListScatterV2: () => (inputs) => {
    const [t, count] = [tensorOf(inputs[0]), int(tensorOf(inputs[3]))];
    const list = scattered(newList(t.dtype, shapeOf(tensorOf(inputs[2])), []), t, ints(tensorOf(inputs[1])));
    if (count < 0 || count <= list.items.length) return list;
    return newList(t.dtype, list.shape, [...list.items, ...new Array<undefined>(Math.min(count, maxItems + 1) - list.items.length).fill(undefined)]);
  },
  TensorListScatterIntoExistingList: () => (inputs) => scattered(listOf(inputs[0]), tensorOf(inputs[1]), ints(tensorOf(inputs[2]))),
  TensorListConcat: (node) => {
    const shape = node.attrs.shape("element_shape");
    return (inputs) => joined(listOf(inputs[0]), shape);
  },
  TensorListConcatV2: () => (inputs) => joined(listOf(inputs[0]), shapeOf(tensorOf(inputs[1]))),
  TensorListSplit: () => (inputs) => {
    const [t, lengths] = [tensorOf(inputs[0]), ints(tensorOf(inputs[2]))];
    if (lengths.some((n) => n < 0) || lengths.reduce((a, b) => a + b, 0) !== (t.shape[0] ?? 0))
      throw newError(Code.InvalidArgument, `Attempting to slice [${lengths.join(", ")}] from tensor with length ${t.shape[0]}`);
    return newList(t.dtype, shapeOf(tensorOf(inputs[1])), rows(t, lengths));
  },
  TensorListConcatLists: () => (inputs) => {
    const [a, b] = [listOf(inputs[0]), listOf(inputs[1])];
    return newList(a.elementType, a.shape, [...a.items, ...b.items]);
  },
  TensorListResize: () => (inputs) => {
    const [list, n] = [listOf(inputs[0]), int(tensorOf(inputs[1]))];
    if (n < 0 || n > maxItems) throw newError(Code.InvalidArgument, `TensorListSlice expects size to be in [0, ${maxItems}]. Got: ${n}`);
    return newList(
      list.elementType,
      list.shape,
      Array.from({ length: n }, (_, i) => list.items[i]),
    );
  },
  TensorListElementShape: (node) => {
    const dtype = node.attrs.dtype("shape_type");
    return (inputs) => {
      const { shape } = listOf(inputs[0]);
      return shape === undefined ? integers(dtype, [], [-1]) : integers(dtype, [shape.length], shape);
    };
  },
  TensorListLength: () => (inputs) => integers(3, [], [listOf(inputs[0]).items.length]),
};
