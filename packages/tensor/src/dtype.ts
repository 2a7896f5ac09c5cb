/**
 * DType numbers are tensorflow.DataType's (tensorflow/core/framework/types.proto). The type names of this table are what TensorFlow
 * itself prints in messages ("float", "int32", "half").
 */
export const DType = {
  Float: 1,
  Double: 2,
  Int32: 3,
  UInt8: 4,
  Int16: 5,
  Int8: 6,
  String: 7,
  Complex64: 8,
  Int64: 9,
  Bool: 10,
  QInt8: 11,
  QUInt8: 12,
  QInt32: 13,
  BFloat16: 14,
  QInt16: 15,
  QUInt16: 16,
  UInt16: 17,
  Complex128: 18,
  Half: 19,
  Resource: 20,
  Variant: 21,
  UInt32: 22,
  UInt64: 23,
  Float8E5M2: 24,
  Float8E4M3FN: 25,
  Float8E4M3FNUZ: 26,
  Float8E4M3B11FNUZ: 27,
  Float8E5M2FNUZ: 28,
  Int4: 29,
  UInt4: 30,
  Int2: 31,
  UInt2: 32,
  Float4E2M1FN: 33,
} as const;
export type DType = (typeof DType)[keyof typeof DType];

/** TensorData by dtype is told at Tensor. Strings are byte strings: TensorFlow does not say they are UTF-8. */
export type TensorData = NumericData | readonly Uint8Array[];

export type NumericData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | Int16Array
  | Int8Array
  | BigInt64Array
  | BigUint64Array
  | Uint16Array
  | Uint32Array;

/** ArrayType makes the typed array of a dtype. */
export type ArrayType = {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericData;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericData;
};

/** Layout says how elements of a dtype lie in memory and on the wire. */
export interface Layout {
  readonly name: string;
  readonly enumName: string;
  /** array is the typed array of the elements; undefined for string, resource and variant. */
  readonly array: ArrayType | undefined;
  /** width is how many array entries one element takes: 2 for complex, else 1. */
  readonly width: number;
  /** field is the TensorProto field that carries values of this dtype (tensor.proto); 0 if there is none. */
  readonly field: number;
  /** kind is the wire type of one value in that field. */
  readonly kind: "fixed32" | "fixed64" | "varint" | "bytes" | "raw";
}

function layout(name: string, enumName: string, array: unknown, field: number, kind: Layout["kind"], width = 1): Layout {
  return { name, enumName, array: array as ArrayType | undefined, width, field, kind };
}

// int4, int2 and their like take a whole byte per element on the wire too: parse_tensor of TensorFlow 2.21 reads content
// 01 0e 01 as [1, -2, 1] of int4, and refuses two elements packed in one byte.
const layouts: Readonly<Record<DType, Layout>> = {
  [DType.Float]: layout("float", "DT_FLOAT", Float32Array, 5, "fixed32"),
  [DType.Double]: layout("double", "DT_DOUBLE", Float64Array, 6, "fixed64"),
  [DType.Int32]: layout("int32", "DT_INT32", Int32Array, 7, "varint"),
  [DType.UInt8]: layout("uint8", "DT_UINT8", Uint8Array, 7, "varint"),
  [DType.Int16]: layout("int16", "DT_INT16", Int16Array, 7, "varint"),
  [DType.Int8]: layout("int8", "DT_INT8", Int8Array, 7, "varint"),
  [DType.String]: layout("string", "DT_STRING", undefined, 8, "bytes"),
  [DType.Complex64]: layout("complex64", "DT_COMPLEX64", Float32Array, 9, "fixed32", 2),
  [DType.Int64]: layout("int64", "DT_INT64", BigInt64Array, 10, "varint"),
  [DType.Bool]: layout("bool", "DT_BOOL", Uint8Array, 11, "varint"),
  [DType.QInt8]: layout("qint8", "DT_QINT8", Int8Array, 7, "varint"),
  [DType.QUInt8]: layout("quint8", "DT_QUINT8", Uint8Array, 7, "varint"),
  [DType.QInt32]: layout("qint32", "DT_QINT32", Int32Array, 7, "varint"),
  [DType.BFloat16]: layout("bfloat16", "DT_BFLOAT16", Uint16Array, 13, "varint"),
  [DType.QInt16]: layout("qint16", "DT_QINT16", Int16Array, 7, "varint"),
  [DType.QUInt16]: layout("quint16", "DT_QUINT16", Uint16Array, 7, "varint"),
  [DType.UInt16]: layout("uint16", "DT_UINT16", Uint16Array, 7, "varint"),
  [DType.Complex128]: layout("complex128", "DT_COMPLEX128", Float64Array, 12, "fixed64", 2),
  [DType.Half]: layout("half", "DT_HALF", Uint16Array, 13, "varint"),
  [DType.Resource]: layout("resource", "DT_RESOURCE", undefined, 0, "raw"),
  [DType.Variant]: layout("variant", "DT_VARIANT", undefined, 0, "raw"),
  [DType.UInt32]: layout("uint32", "DT_UINT32", Uint32Array, 16, "varint"),
  [DType.UInt64]: layout("uint64", "DT_UINT64", BigUint64Array, 17, "varint"),
  [DType.Float8E5M2]: layout("float8_e5m2", "DT_FLOAT8_E5M2", Uint8Array, 18, "raw"),
  [DType.Float8E4M3FN]: layout("float8_e4m3fn", "DT_FLOAT8_E4M3FN", Uint8Array, 18, "raw"),
  [DType.Float8E4M3FNUZ]: layout("float8_e4m3fnuz", "DT_FLOAT8_E4M3FNUZ", Uint8Array, 18, "raw"),
  [DType.Float8E4M3B11FNUZ]: layout("float8_e4m3b11fnuz", "DT_FLOAT8_E4M3B11FNUZ", Uint8Array, 18, "raw"),
  [DType.Float8E5M2FNUZ]: layout("float8_e5m2fnuz", "DT_FLOAT8_E5M2FNUZ", Uint8Array, 18, "raw"),
  [DType.Int4]: layout("int4", "DT_INT4", Int8Array, 7, "varint"),
  [DType.UInt4]: layout("uint4", "DT_UINT4", Uint8Array, 7, "varint"),
  [DType.Int2]: layout("int2", "DT_INT2", Int8Array, 7, "varint"),
  [DType.UInt2]: layout("uint2", "DT_UINT2", Uint8Array, 7, "varint"),
  [DType.Float4E2M1FN]: layout("float4_e2m1fn", "DT_FLOAT4_E2M1FN", Uint8Array, 18, "raw"),
};

/** layoutOf gives a dtype's memory layout and wire field. */
export function layoutOf(dtype: DType): Layout {
  return layouts[dtype];
}

/** A reference type of TF1 variables is its base type plus 100 (types.proto, DT_FLOAT_REF and on). */
const refOffset = 100;

/** toDType narrows a number from the wire; a reference type gives its base type, an unknown number undefined. */
export function toDType(n: number): DType | undefined {
  const base = n > refOffset ? n - refOffset : n;
  return Object.hasOwn(layouts, base) ? (base as DType) : undefined;
}

/** dtypeName gives TensorFlow's own name: "float", "int32", "half", "complex64". */
export function dtypeName(dtype: DType): string {
  return layouts[dtype].name;
}

/** dtypeEnumName gives the proto's name: "DT_FLOAT". */
export function dtypeEnumName(dtype: DType): string {
  return layouts[dtype].enumName;
}

const byName = new Map<string, DType>();
for (const dtype of Object.values(DType)) {
  byName.set(layouts[dtype].name, dtype);
  byName.set(layouts[dtype].enumName, dtype);
}
byName.set("float32", DType.Float);
byName.set("float64", DType.Double);
byName.set("float16", DType.Half);

/** parseDType reads "float", "float32" or "DT_FLOAT"; undefined if there is no such type. */
export function parseDType(name: string): DType | undefined {
  return byName.get(name);
}

/** elementSize gives bytes per element in memory and in tensor_content: 0 for string, resource and variant. */
export function elementSize(dtype: DType): number {
  const { array, width } = layouts[dtype];
  return array === undefined ? 0 : array.BYTES_PER_ELEMENT * width;
}
