// Data plane: one pass over each output.
import { bfloat16ToFloat32, DType, dtypeName, halfToFloat32, layoutOf, numeric, shapeText, type Tensor } from "@tfs/tensor";

/** Numbers may differ by this much of the greatest number of their output. */
const tolerance = 1e-3;

type Floats = Float32Array | Float64Array;

export interface DifferenceOptions {
  /** rounded integers may differ as floats may: a model that computes in eight bits rounds. Default they are exact. */
  readonly rounded?: boolean;
}

/**
 * difference says how an output is not what the reference gave; undefined if they agree. Floats may differ by a thousandth of the greatest finite number of their
 * output, NaN and the infinities equal themselves; everything else is the same or not.
 */
export function difference(name: string, want: Tensor, got: Tensor, { rounded = false }: DifferenceOptions = {}): string | undefined {
  if (want.dtype !== got.dtype) return `output ${name} is ${dtypeName(got.dtype)}, not ${dtypeName(want.dtype)}`;
  if (shapeText(want.shape) !== shapeText(got.shape)) return `output ${name} has the shape ${shapeText(got.shape)}, not ${shapeText(want.shape)}`;
  const [a, b] = [floatsOf(want, rounded), floatsOf(got, rounded)];
  if (a !== undefined && b !== undefined) return apart(name, a, b);
  const unequal = want.dtype === DType.String ? unequalStrings(want, got) : unequalNumbers(want, got);
  return unequal < 0 ? undefined : `output ${name} differs at element ${unequal}`;
}

/** floatsOf gives floats as numbers that can be subtracted; undefined for dtypes that are compared as they are. */
function floatsOf({ dtype, data }: Tensor, rounded: boolean): Floats | undefined {
  if (dtype === DType.Half) return halfToFloat32(data as Uint16Array);
  if (dtype === DType.BFloat16) return bfloat16ToFloat32(data as Uint16Array);
  const { array } = layoutOf(dtype);
  if (array?.name === "Float32Array" || array?.name === "Float64Array") return data as Floats;
  const values = rounded && dtype !== DType.Bool ? numeric(data) : undefined;
  return values && Float64Array.from(values as ArrayLike<number | bigint>, Number);
}

function apart(name: string, want: Floats, got: Floats): string | undefined {
  let [most, greatest] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [want[i]!, got[i]!];
    const size = Math.abs(a);
    if (size > greatest && size !== Number.POSITIVE_INFINITY) greatest = size;
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const gap = Math.abs(a - b);
    if (!(gap <= Number.MAX_VALUE)) return `output ${name} is ${b} at element ${i}, not ${a}`;
    if (gap > most) most = gap;
  }
  const allowed = tolerance * greatest;
  return most <= allowed ? undefined : `output ${name} differs by ${most.toPrecision(3)}, where ${allowed.toPrecision(3)} is allowed`;
}

function unequalNumbers(want: Tensor, got: Tensor): number {
  for (let i = 0; i < want.data.length; i++) if (want.data[i] !== got.data[i]) return i;
  return -1;
}

function unequalStrings(want: Tensor, got: Tensor): number {
  const [a, b] = [want.data, got.data] as [readonly Uint8Array[], readonly Uint8Array[]];
  return a.findIndex((bytes, i) => Buffer.compare(bytes, b[i]!) !== 0);
}
