// Data plane: `instances` or `inputs` -> tensors, in one pass over the bytes. It takes what clients send nearly always, numbers and bools in lists of one
// shape under the signature's names, and gives up on anything else: the general way (predict_request.ts) reads that, or says what is wrong with it.
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { integerRanges } from "./integer_range.ts";
import { readBools, readInt64s } from "./integers.ts";
import { readBounded, readNumbers } from "./numbers.ts";
import type { Format } from "./format.ts";
import { isKey, keyOf } from "./head.ts";
import { blank } from "./scan.ts";
import { smallFloats } from "./small_float.ts";
import { finished, type Kernel, keep, newSink, type Scratch, type Sink } from "./sink.ts";

/** Typed is what was read and where it ended. */
export interface Typed {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly end: number;
}

const kernels: ReadonlyMap<DType, Kernel> = new Map<DType, Kernel>([
  ...[DType.Float, DType.Double, ...smallFloats].map((dtype) => [dtype, readNumbers] as const),
  ...[...integerRanges].map(([dtype, [, most]]) => [dtype, most < 2 ** 31 - 1 ? readBounded : readNumbers] as const),
  [DType.Int64, readInt64s],
  [DType.UInt64, readInt64s],
  [DType.Bool, readBools],
]);

/** Deeper lists go the general way. */
const maxDepth = 16;

/** Slot is one input of a signature. */
interface Slot {
  readonly alias: string;
  /** key is the alias as it stands in a body, quotes included. */
  readonly key: Uint8Array;
  readonly dtype: DType;
  readonly kernel: Kernel;
}

/** Column is one input while it is read. */
interface Column {
  readonly slot: Slot;
  readonly kernel: Kernel;
  readonly sink: Sink;
  /** shape is that of one element, known once `seen` is above 0. */
  readonly shape: number[];
  seen: number;
}

export interface ReadOptions {
  /** scratch is where the elements go; the tensors are good until the next document is read into it. Default memory of their own. */
  readonly scratch?: Scratch;
  /** floats reads what becomes float32, if numbers.ts is not to (`newFloats`). */
  readonly floats?: Kernel | undefined;
}

let documents = 0;

/** readTyped reads the value at `from`. The last byte must be a closing brace or blank, so that no loop over digits runs past it. */
export function readTyped(bytes: Uint8Array, from: number, types: ReadonlyMap<string, DType>, format: Format, options: ReadOptions = {}): Typed | undefined {
  const { scratch, floats } = options;
  const slots = slotsOf(types);
  if (slots === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const source = { view, from, end: bytes.length, document: ++documents };
  const columns: Column[] = [];
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!;
    const sink = newSink(slot.dtype, source, scratch);
    columns.push({ slot, kernel: sink.single && floats !== undefined ? floats : slot.kernel, sink, shape: [], seen: 0 });
  }
  const read = readColumns(bytes, from, columns, format);
  if (scratch !== undefined) for (let i = 0; i < columns.length; i++) keep(scratch, columns[i]!.sink);
  return read;
}

function readColumns(bytes: Uint8Array, from: number, columns: readonly Column[], format: Format): Typed | undefined {
  const only = columns[0];
  const second = columns[1];
  if (only === undefined) return undefined;
  if (format === "columnar") {
    const at = bytes[from] === 0x7b ? readNamed(bytes, from, columns) : second === undefined ? readValue(bytes, from, only) : -1;
    return at < 0 ? undefined : { inputs: tensors(columns, -1), end: at };
  }
  if (bytes[from] !== 0x5b) return undefined;
  const first = blank(bytes, from + 1);
  if (bytes[first] === 0x7b) {
    let at = first;
    let rows = 0;
    for (;;) {
      at = bytes[at] === 0x7b ? readNamed(bytes, at, columns) : -1;
      if (at < 0) return undefined;
      rows++;
      at = blank(bytes, at);
      if (bytes[at] !== 0x2c) break;
      at = blank(bytes, at + 1);
    }
    return bytes[at] === 0x5d ? { inputs: tensors(columns, rows), end: at + 1 } : undefined;
  }
  const at = second === undefined ? readValue(bytes, from, only) : -1;
  return at < 0 ? undefined : { inputs: tensors(columns, -1), end: at };
}

/** What slotsOf has found for the types of a signature that is in use. */
const known = new WeakMap<ReadonlyMap<string, DType>, readonly Slot[] | "none">();

/** slotsOf gives what reading needs to know of each input; undefined if one of them cannot be read here. */
function slotsOf(types: ReadonlyMap<string, DType>): readonly Slot[] | undefined {
  let found = known.get(types);
  if (found === undefined) {
    const slots: Slot[] = [];
    for (const [alias, dtype] of types) {
      const kernel = kernels.get(dtype);
      const key = keyOf(alias);
      if (kernel !== undefined && key !== undefined) slots.push({ alias, key, dtype, kernel });
    }
    found = slots.length === types.size ? slots : "none";
    known.set(types, found);
  }
  return found === "none" ? undefined : found;
}

/** tensors puts the number of rows in front of every shape, if there is one. */
function tensors(columns: readonly Column[], rows: number): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (let i = 0; i < columns.length; i++) {
    const { slot, shape, sink } = columns[i]!;
    out.set(slot.alias, newTensor(slot.dtype, rows < 0 ? shape : [rows, ...shape], finished(sink, slot.dtype)));
  }
  return out;
}

/** named gives the column whose key stands at `at`: most often the one that stood there in the row before. */
function named(bytes: Uint8Array, at: number, columns: readonly Column[], likely: number): Column | undefined {
  const usual = columns[likely]!;
  return isKey(bytes, at, usual.slot.key) ? usual : columns.find((column) => isKey(bytes, at, column.slot.key));
}

/** readNamed reads one object with every column's name once, and gives the offset after it; -1 for anything else. */
function readNamed(bytes: Uint8Array, from: number, columns: readonly Column[]): number {
  const rows = columns[0]!.seen + 1;
  let at = from;
  for (let i = 0; i < columns.length; i++) {
    at = blank(bytes, at + 1); // past the brace or the comma
    const column = named(bytes, at, columns, i);
    if (column === undefined || column.seen >= rows) return -1;
    at = blank(bytes, at + column.slot.key.length);
    if (bytes[at] !== 0x3a) return -1;
    at = readValue(bytes, blank(bytes, at + 1), column);
    if (at < 0) return -1;
    at = blank(bytes, at);
    if (bytes[at] !== (i + 1 < columns.length ? 0x2c : 0x7d)) return -1;
  }
  return at + 1;
}

/** readValue reads one value of a column, and gives the offset after it; -1 for anything unusual, and for another shape than the first value's. */
function readValue(bytes: Uint8Array, from: number, column: Column): number {
  const { sink, shape, kernel } = column;
  const first = column.seen++ === 0;
  if (bytes[from] !== 0x5b) return !first && shape.length > 0 ? -1 : kernel(bytes, from, sink, 0, true);
  // How many elements the open list of each level has so far.
  const counts: number[] = [];
  let rank = first ? 0 : shape.length;
  if (first) shape.length = 0;
  else if (rank === 0) return -1;
  let depth = 0;
  let at = from;
  for (;;) {
    if (bytes[at] === 0x5b) {
      if (depth === (rank || maxDepth)) return -1;
      counts[depth++] = 0;
      at = blank(bytes, at + 1);
      continue;
    }
    if (rank === 0) rank = depth;
    else if (depth !== rank) return -1;
    const before = sink.count;
    const width = shape[rank - 1] ?? 0;
    at = kernel(bytes, at, sink, width, false);
    if (at < 0) return -1;
    const read = (sink.count - before) / sink.each;
    // With a width, the kernel has read one full list or more, the last of which is still open.
    counts[rank - 1] = width > 0 ? width : read;
    if (width > 0 && rank > 1) counts[rank - 2]! += read / width - 1;
    else if (width > 0 && read !== width) return -1;
    for (;;) {
      at = blank(bytes, at);
      if (bytes[at] !== 0x5d) return -1;
      at++;
      const size = counts[--depth]!;
      if (shape[depth] === undefined) shape[depth] = size;
      else if (shape[depth] !== size) return -1;
      if (depth === 0) return at;
      counts[depth - 1]!++;
      at = blank(bytes, at);
      if (bytes[at] === 0x2c) {
        at = blank(bytes, at + 1);
        if (bytes[at] !== 0x5b) return -1;
        break;
      }
    }
  }
}
