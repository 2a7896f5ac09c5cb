import { bfloat16ToFloat32, DType, dtypeName, halfToFloat32, type NumericData, shapeText, type Tensor } from "../index.ts";

const floats = new Set<DType>([DType.Float, DType.Double, DType.Half, DType.BFloat16, DType.Complex64, DType.Complex128]);

/** assertClose throws unless dtype and shape are equal and values are: floats within `tolerance`, absolute or relative, everything else exactly. */
export function assertClose(got: Tensor, want: Tensor, tolerance: number, name: string): void {
  compare(got, want, (y) => tolerance * Math.max(1, Math.abs(y)), name);
}

/** assertNear is assertClose with floats within `tolerance` of the largest finite one that is wanted. */
export function assertNear(got: Tensor, want: Tensor, tolerance: number, name: string): void {
  let largest = 0;
  if (floats.has(want.dtype))
    for (const y of comparable(want) as ArrayLike<number> & Iterable<number>) if (Number.isFinite(y)) largest = Math.max(largest, Math.abs(y));
  compare(got, want, () => tolerance * largest, name);
}

function compare(got: Tensor, want: Tensor, allowed: (y: number) => number, name: string): void {
  if (got.dtype !== want.dtype || shapeText(got.shape) !== shapeText(want.shape)) {
    throw new Error(`${name}: got ${dtypeName(got.dtype)} ${shapeText(got.shape)}, want ${dtypeName(want.dtype)} ${shapeText(want.shape)}`);
  }
  const [a, b] = [comparable(got), comparable(want)];
  if (a.length !== b.length) throw new Error(`${name}: got ${a.length} values, want ${b.length}`);
  const near = floats.has(got.dtype);
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i], b[i]];
    if (Object.is(x, y) || x === y) continue;
    // Infinity would be within any relative tolerance of anything.
    if (near && typeof x === "number" && typeof y === "number" && Number.isFinite(y) && Math.abs(x - y) <= allowed(y)) continue;
    throw new Error(`${name}: element ${i} is ${String(x)}, want ${String(y)}`);
  }
}

function comparable(t: Tensor): ArrayLike<number | bigint | string> {
  if (t.dtype === DType.String) return (t.data as readonly Uint8Array[]).map((bytes) => Array.from(bytes).join(","));
  if (t.dtype === DType.Half) return halfToFloat32(t.data as Uint16Array);
  if (t.dtype === DType.BFloat16) return bfloat16ToFloat32(t.data as Uint16Array);
  return t.data as NumericData;
}
