// TensorLists, which Keras' recurrent layers export. A list is a value: setting an item gives a new list that shares the others.
import { Code, newError } from "@tfs/std";
import { elementCount, shapeText, type Tensor } from "@tfs/tensor";
import type { Kernels } from "../kernel.ts";
import { copyRun, int, ints, make } from "../shape.ts";
import { type List, listOf, tensorOf } from "../value.ts";
import { integers } from "./array.ts";

const maxItems = 1 << 24;

function item(list: List, index: number): Tensor | undefined {
  if (index < 0 || index >= list.items.length)
    throw newError(Code.InvalidArgument, `Trying to access element ${index} in a list with ${list.items.length} elements.`);
  return list.items[index];
}

/** missing items are zeros of the element shape, as far as it is known. */
function stack(list: List, shape: readonly number[]): Tensor {
  const known = list.items.find((t) => t !== undefined)?.shape ?? shape;
  if (known.some((d) => d < 0)) throw newError(Code.InvalidArgument, "Tried to stack elements of an empty list with a non-fully-defined element_shape");
  const out = make(list.elementType, [list.items.length, ...known]);
  const each = elementCount(known);
  list.items.forEach((t, i) => {
    if (t === undefined) return;
    if (shapeText(t.shape) !== shapeText(known))
      throw newError(Code.InvalidArgument, `Tried to stack list elements of shapes ${shapeText(known)} and ${shapeText(t.shape)}`);
    copyRun(t.data, 0, each, out.data, i * each);
  });
  return out;
}

/** fits tells whether a shape agrees with an element shape: a scalar stands for any, a negative size for any size. */
function fits(shape: readonly number[], element: Tensor): boolean {
  if (element.shape.length === 0) return true;
  const want = ints(element);
  return want.length === shape.length && want.every((d, i) => d < 0 || d === shape[i]);
}

function unstack(t: Tensor, element: Tensor): List {
  if (t.shape.length === 0) throw newError(Code.InvalidArgument, `Tensor must be at least a vector, but saw shape: ${shapeText(t.shape)}`);
  const inner = t.shape.slice(1);
  if (!fits(inner, element)) {
    const wanted = ints(element).map((d) => (d < 0 ? "?" : d));
    throw newError(Code.InvalidArgument, `Specified a list with shape [${wanted.join(",")}] from a tensor with shape ${shapeText(inner)}`);
  }
  const each = elementCount(inner);
  const items = Array.from({ length: t.shape[0] ?? 0 }, (_, i): Tensor => {
    const part = make(t.dtype, inner);
    copyRun(t.data, i * each, each, part.data, 0);
    return part;
  });
  return { kind: "list", elementType: t.dtype, items };
}

export const lists: Kernels = {
  TensorListReserve: (node) => {
    const elementType = node.attrs.dtype("element_dtype");
    return (inputs) => {
      const n = int(tensorOf(inputs[1]));
      if (n < 0 || n > maxItems) throw newError(Code.InvalidArgument, `The num_elements to reserve must be in [0, ${maxItems}], got ${n}`);
      return { kind: "list", elementType, items: new Array<Tensor | undefined>(n).fill(undefined) };
    };
  },
  EmptyTensorList: (node) => {
    const elementType = node.attrs.dtype("element_dtype");
    return () => ({ kind: "list", elementType, items: [] });
  },
  TensorListFromTensor: () => (inputs) => unstack(tensorOf(inputs[0]), tensorOf(inputs[1])),
  TensorListStack: () => (inputs) => stack(listOf(inputs[0]), ints(tensorOf(inputs[1]))),
  TensorListGetItem: (node) => {
    const elementType = node.attrs.dtype("element_dtype");
    return (inputs) => {
      const list = listOf(inputs[0]);
      const found = item(list, int(tensorOf(inputs[1])));
      return found ?? make(elementType, list.items.find((t) => t !== undefined)?.shape ?? ints(tensorOf(inputs[2])).map((d) => Math.max(0, d)));
    };
  },
  TensorListSetItem:
    () =>
    (inputs, { arena }) => {
      const [list, index] = [listOf(inputs[0]), int(tensorOf(inputs[1]))];
      item(list, index);
      const items = list.items.slice();
      items[index] = arena.kept(tensorOf(inputs[2]));
      return { ...list, items };
    },
  TensorListPushBack:
    () =>
    (inputs, { arena }) => {
      const list = listOf(inputs[0]);
      if (list.items.length >= maxItems) throw newError(Code.ResourceExhausted, `a list has at most ${maxItems} items`);
      return { ...list, items: [...list.items, arena.kept(tensorOf(inputs[1]))] };
    },
  TensorListLength: () => (inputs) => integers(3, [], [listOf(inputs[0]).items.length]),
};
