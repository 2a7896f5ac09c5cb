import { bfloat16ToFloat32, DType, dtypeName, elementCount, halfToFloat32, type Tensor, type TensorData, toBytes, fromBytes } from "@tfs/tensor";

/** NestedValue is what toArray gives: lists as deep as the tensor's rank; a scalar bare. */
export type NestedValue = number | bigint | boolean | string | readonly NestedValue[];

/** TensorOutput is a computed tensor. */
export interface TensorOutput {
  /** dtype as NumPy names it: "float32", "int64", "string", "float16", … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** data is the raw elements, a view of the answer's bytes where they are aligned; half and bfloat16 are bits, strings are bytes. */
  readonly data: TensorData;
  /** toArray gives nested lists of plain values: numbers (half and bfloat16 widened), bigint for 64-bit integers, booleans, strings read as UTF-8. */
  toArray(): NestedValue;
  /** detach copies the data, so that the rest of the answer can be collected. */
  detach(): TensorOutput;
}

const names = new Map<DType, string>([
  [DType.Float, "float32"],
  [DType.Double, "float64"],
  [DType.Half, "float16"],
]);

/** dtypeText gives NumPy's name of a dtype. */
export function dtypeText(dtype: DType): string {
  return names.get(dtype) ?? dtypeName(dtype);
}

export function toOutput(t: Tensor): TensorOutput {
  return {
    dtype: dtypeText(t.dtype),
    shape: t.shape,
    data: t.data,
    toArray: () => nest(elementReader(t), t.shape, 0),
    detach: () =>
      toOutput(
        t.dtype === DType.String ? { ...t, data: (t.data as readonly Uint8Array[]).map((b) => b.slice()) } : fromBytes(t.dtype, t.shape, toBytes(t).slice()),
      ),
  };
}

function nest(read: (i: number) => NestedValue, shape: readonly number[], at: number): NestedValue {
  const [size, ...rest] = shape;
  if (size === undefined) return read(at);
  const step = elementCount(rest);
  return Array.from({ length: size }, (_, i) => nest(read, rest, at + i * step));
}

function elementReader(t: Tensor): (i: number) => NestedValue {
  switch (t.dtype) {
    case DType.String: {
      const text = new TextDecoder();
      return (i) => text.decode((t.data as readonly Uint8Array[])[i]);
    }
    case DType.Bool:
      return (i) => (t.data as Uint8Array)[i] !== 0;
    case DType.Half:
    case DType.BFloat16: {
      const wide = (t.dtype === DType.Half ? halfToFloat32 : bfloat16ToFloat32)(t.data as Uint16Array);
      return (i) => wide[i]!;
    }
    case DType.Complex64:
    case DType.Complex128:
      return (i) => [(t.data as Float64Array)[2 * i]!, (t.data as Float64Array)[2 * i + 1]!];
    default:
      return (i) => (t.data as Float64Array)[i]!;
  }
}
