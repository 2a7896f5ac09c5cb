// Data plane: strings in TensorFlow's memory. An element is a TF_TString of 24 bytes (tensorflow/core/platform/ctstring_internal.h), little-endian; the two low
// bits of its first byte say which of four forms it has.
import type { Libc, Pointer } from "../native/index.ts";
import type { Library } from "./library.ts";

export const elementBytes = 24;
/** Up to this many bytes lie in the element itself, behind their count. */
const smallBytes = 22;
const form = { small: 0, large: 1, offset: 2, view: 3 } as const;

/** writeStrings fills the elements of a new tensor. What is too long for an element goes to memory of its own, which the tensor takes along when it goes. */
export function writeStrings(library: Library, at: Pointer, values: readonly Uint8Array[]): void {
  const block = new Uint8Array(values.length * elementBytes);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value.length > smallBytes) continue;
    block[i * elementBytes] = value.length << 2;
    for (let k = 0, to = i * elementBytes + 1; k < value.length; k++) block[to + k] = value[k]!;
  }
  library.libc.copyIn(at, block);
  for (let i = 0; i < values.length; i++) if (values[i]!.length > smallBytes) library.copyString(at + BigInt(i * elementBytes), values[i]!);
}

/** readStrings copies n elements, whatever their form; the strings are views of one block. */
export function readStrings(libc: Libc, at: Pointer, n: number): Uint8Array[] {
  const elements = new Uint8Array(n * elementBytes);
  libc.copyOut(elements, at);
  const words = new DataView(elements.buffer);
  const sizes = new Array<number>(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const size = (sizes[i] = sizeOf(elements, words, i * elementBytes));
    if (formOf(elements, i * elementBytes) !== form.small) total += size;
  }
  const rest = new Uint8Array(total);
  const out = new Array<Uint8Array>(n);
  let used = 0;
  for (let i = 0; i < n; i++) {
    const [o, size] = [i * elementBytes, sizes[i]!];
    if (formOf(elements, o) === form.small) {
      out[i] = elements.subarray(o + 1, o + 1 + size);
      continue;
    }
    const value = (out[i] = rest.subarray(used, used + size));
    if (size > 0) libc.copyOut(value, addressOf(elements, words, o, at));
    used += size;
  }
  return out;
}

function formOf(elements: Uint8Array, o: number): number {
  return elements[o]! & 3;
}

function sizeOf(elements: Uint8Array, words: DataView, o: number): number {
  const kind = formOf(elements, o);
  if (kind === form.small) return elements[o]! >> 2;
  const low = words.getUint32(o, true);
  return kind === form.offset ? low >>> 2 : words.getUint32(o + 4, true) * 2 ** 30 + (low >>> 2);
}

/** addressOf: a large string's pointer follows its size and capacity, a view's its size; an offset counts from the element. */
function addressOf(elements: Uint8Array, words: DataView, o: number, at: Pointer): Pointer {
  const kind = formOf(elements, o);
  if (kind === form.offset) return at + BigInt(o + words.getUint32(o + 4, true));
  return words.getBigUint64(o + (kind === form.large ? 16 : 8), true);
}
