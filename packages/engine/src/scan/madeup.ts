import type { SignatureDef } from "@tfs/proto";
import { allocate, DType, elementCount, fromStrings, type Tensor, toDType } from "@tfs/tensor";

/** openSize stands for sizes that a signature leaves open, the first of an input's apart, which is its rows; and it is what whole numbers without dimensions are: a loop that counts to one goes round so often. */
export const openSize = 16;

/** text is what a string is. */
export const text = "a sentence of eight words to be read";

/** An input that is greater than this, in elements, is not made. */
const maxElements = 1 << 24;

/** Inputs are one row for a signature's inputs, by their names in the graph, and what was assumed to make it. */
export interface Inputs {
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly assumed: readonly string[];
  /** isGuess: some input may have any number of dimensions. */
  readonly isGuess: boolean;
}

/** madeUp makes one row for a signature, or says why there is none. Inputs of any number of dimensions have `rank`, of one element each. */
export function madeUp({ inputs }: SignatureDef, rank: number): Inputs | string {
  const feeds = new Map<string, Tensor>();
  const assumed = new Set<string>();
  let isGuess = false;
  for (const [alias, { dtype: number, tensorShape, encoding }] of Object.entries(inputs)) {
    const dtype = toDType(number);
    if (dtype === undefined || encoding.case !== "name") return `there is no making up its input ${alias}`;
    const isKnown = tensorShape !== undefined && !tensorShape.unknownRank;
    const dims = isKnown ? tensorShape.dim.map(({ size }) => Number(size)) : new Array<number>(rank).fill(1);
    if (!isKnown) {
      isGuess = true;
      assumed.add(`${alias} has ${rank === 0 ? "no dimensions" : `${rank} dimension`}`);
    }
    if (dims.some((size, i) => size < 0 && i > 0)) assumed.add(`sizes that are left open are ${openSize}`);
    const shape = dims.map((size, i) => (size >= 0 ? size : i === 0 ? 1 : openSize));
    if (elementCount(shape) > maxElements) return `its input ${alias} has more than ${maxElements} elements`;
    const made = filled(dtype, shape);
    if (made === undefined) return `there is no making up its input ${alias}`;
    if (dtype === DType.String) assumed.add(`strings are of ${text.length} bytes, eight words`);
    else if (shape.length === 0 && isWhole.has(dtype)) assumed.add(`${alias} is ${openSize}: as many rounds, where a loop counts to it`);
    feeds.set(encoding.value, made);
  }
  return { feeds, assumed: [...assumed], isGuess };
}

const isWhole: ReadonlySet<DType> = new Set([DType.Int8, DType.Int16, DType.Int32, DType.Int64, DType.UInt8, DType.UInt16, DType.UInt32, DType.UInt64]);

/** filled makes a tensor of halves, for floats, of ones (indices and masks that every model takes), or of texts; undefined for what is neither. */
export function filled(dtype: DType, shape: readonly number[]): Tensor | undefined {
  if (dtype === DType.String) return fromStrings(new Array<string>(elementCount(shape)).fill(text), shape);
  const value = halves.get(dtype) ?? (shape.length === 0 ? openSize : 1);
  const tensor = allocate(dtype, shape);
  if (dtype === DType.Int64 || dtype === DType.UInt64) (tensor.data as BigInt64Array).fill(BigInt(value));
  else if (isWhole.has(dtype) || halves.has(dtype) || dtype === DType.Complex64 || dtype === DType.Complex128) (tensor.data as Float32Array).fill(value);
  else if (dtype === DType.Bool) (tensor.data as Uint8Array).fill(1);
  else return undefined;
  return tensor;
}

/** A half in each type of floats. */
const halves: ReadonlyMap<DType, number> = new Map([
  [DType.Float, 0.5],
  [DType.Double, 0.5],
  [DType.Half, 0x3800],
  [DType.BFloat16, 0x3f00],
]);
