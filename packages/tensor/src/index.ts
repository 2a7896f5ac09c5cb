/**
 * Package tensor is one value: dtype, shape, data. It reads and writes both TensorProto wire forms by hand, and knows nothing of models,
 * requests or graphs. It runs in browsers.
 *
 *     const t = newTensor(DType.Float, [2, 1], Float32Array.of(1, 2));
 *     const wire = encode(t); // TensorProto bytes, tensor_content
 *     decode(wire, { name: "x" }).data; // a view of wire where it is aligned
 *
 * @module
 */
export { fromBytes, toBytes } from "./content.ts";
export type { DecodeOptions } from "./decode.ts";
export { decode, defaultMaxBytes, defaultMaxFillBytes, maxStrings } from "./decode.ts";
export type { Layout, NumericData, TensorData } from "./dtype.ts";
export { DType, dtypeEnumName, dtypeName, elementSize, layoutOf, parseDType, toDType } from "./dtype.ts";
export type { Encoding, Form } from "./encode.ts";
export { encode, prepare } from "./encode.ts";
export type { Float8 } from "./float8.ts";
export { float8ToFloat32, float32ToFloat8 } from "./float8.ts";
export { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "./half.ts";
export { fromMessage, toMessage } from "./message.ts";
export { concat, pad, rowCount, slice } from "./rows.ts";
export type { Tensor } from "./tensor.ts";
export { allocate, copyOf, elementCount, fromStrings, maxRank, newTensor, numeric, reshape, shapeText, strings } from "./tensor.ts";
