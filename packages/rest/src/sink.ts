// Data plane: where the elements of one tensor go while their number is not known.
import { carve } from "@tfs/std";
import { DType, layoutOf, type NumericData } from "@tfs/tensor";
import { integerRanges } from "./integer_range.ts";
import { isSmallFloat, narrowed } from "./small_float.ts";

/**
 * Kernel reads elements separated by commas, up to the first byte that continues none, and gives its offset: -1 for anything that is not JSON, or not of
 * the sink's kind. With a width above 0 it goes on from a full list into the next one (`],[`), and every list must be that long; with `one` it reads one element.
 */
export type Kernel = (bytes: Uint8Array, from: number, sink: Sink, width: number, one: boolean) => number;

/** Sink is an array that grows, and what the elements that go there must be like. */
export interface Sink {
  /**
   * data is float32 for float and what is narrower, words (low, high) for 64-bit integers, and float64 for everything else, which a double holds exactly. A kernel that meets
   * two types of array stays fast; with nine it does not.
   */
  data: Float32Array | Float64Array | Uint32Array;
  /** count is how many entries of data are filled. */
  count: number;
  /** each is how many entries one element takes. */
  readonly each: number;
  /** view reads words of the bytes that the elements come from. */
  readonly view: DataView;
  /** from and end are where those bytes start and end: how far reading has come tells how many elements are still to come. */
  readonly from: number;
  readonly end: number;
  /** single is true where data is float32: a number need only be exact enough for that. */
  readonly single: boolean;
  /** whole is true where a fraction or an exponent is refused; least and most bound the number then. */
  readonly whole: boolean;
  readonly least: number;
  readonly most: number;
  /** value is the number that readNumber has read. */
  value: number;
  /** document is another number for each document that is read. */
  readonly document: number;
}

/** Entries that a tensor starts with: most small requests fit, and a large one has by then shown how long its numbers are. */
const firstCapacity = 128;

/** What an integer may be. The greatest of 64 bits are no doubles: integers.ts looks at those. */
const ranges: ReadonlyMap<DType, readonly [number, number]> = new Map([...integerRanges, [DType.Int64, [-(2 ** 63), 2 ** 63]], [DType.UInt64, [0, 2 ** 64]]]);

/** Scratch is memory that one document after the other is read into: the tensors of one are gone when the next is read. */
export interface Scratch {
  /** Free arrays, at most one of each type. */
  floats: Float32Array | undefined;
  doubles: Float64Array | undefined;
  words: Uint32Array | undefined;
}

/** An array of more entries than this is not kept: 8 or 16 MiB of each type. */
const maxKept = 2 << 20;

/** newScratch makes an empty one. */
export function newScratch(): Scratch {
  return { floats: undefined, doubles: undefined, words: undefined };
}

/** keep puts a sink's array back, for the next document. */
export function keep(scratch: Scratch, { data }: Sink): void {
  if (data.length > maxKept) return;
  if (data instanceof Float32Array) scratch.floats = data;
  else if (data instanceof Float64Array) scratch.doubles = data;
  else scratch.words = data;
}

/** take gives a free array of the type, which is then in use. */
function take(scratch: Scratch, type: DType): Sink["data"] | undefined {
  let data: Sink["data"] | undefined;
  switch (arrayOf(type)) {
    case Float32Array:
      data = scratch.floats;
      scratch.floats = undefined;
      break;
    case Float64Array:
      data = scratch.doubles;
      scratch.doubles = undefined;
      break;
    default:
      data = scratch.words;
      scratch.words = undefined;
  }
  return data;
}

/** Source is where the elements of a document's sinks come from: the bytes [from, end) of what `view` shows. */
export type Source = Pick<Sink, "view" | "from" | "end" | "document">;

/** newSink makes room for elements of a dtype. */
export function newSink(dtype: DType, { view, from, end, document }: Source, scratch?: Scratch): Sink {
  const range = ranges.get(dtype);
  const data = arrayOf(dtype);
  return {
    data: (scratch && take(scratch, dtype)) ?? carve<Sink["data"]>(data, Math.min(firstCapacity, 2 * atMost(end - from))),
    count: 0,
    each: data === Uint32Array ? 2 : 1,
    view,
    from,
    end,
    single: data === Float32Array,
    whole: range !== undefined,
    least: range?.[0] ?? 0,
    most: range?.[1] ?? 0,
    value: 0,
    document,
  };
}

function arrayOf(dtype: DType): Float32ArrayConstructor | Float64ArrayConstructor | Uint32ArrayConstructor {
  if (dtype === DType.Float || isSmallFloat(dtype)) return Float32Array;
  return dtype === DType.Int64 || dtype === DType.UInt64 ? Uint32Array : Float64Array;
}

/** An element takes a digit and a comma. */
function atMost(bytes: number): number {
  return (bytes >> 1) + 1;
}

/** grow makes room for what the bytes from `at` on will probably hold, going by those before. */
export function grow(sink: Sink, at: number): void {
  const { data, count, from, end } = sink;
  const likely = Math.ceil((count * (end - from) * 1.05) / Math.max(1, at - from)) + 16;
  const array = data.constructor as Float64ArrayConstructor; // or one of the others
  const more = new array(Math.max(count + 16, Math.min(likely, count + 2 * atMost(end - at))));
  more.set(data);
  sink.data = more;
}

/** finished gives the elements as an array of the dtype. */
export function finished(sink: Sink, dtype: DType): NumericData {
  const filled = sink.data.subarray(0, sink.count);
  if (isSmallFloat(dtype)) return narrowed(dtype, filled as Float32Array);
  const { array } = layoutOf(dtype);
  if (array === undefined) throw new Error(`dtype ${dtype} has no array`);
  if (filled instanceof Uint32Array) return new array(filled.buffer, filled.byteOffset, sink.count / sink.each);
  if (filled instanceof array) return filled;
  const out = carve<NumericData>(array, sink.count);
  (out as Float64Array).set(filled); // modulo 2^8 or 2^16 where the type is narrow, as TensorFlow Serving's cast does
  return out;
}
