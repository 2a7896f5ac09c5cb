import { type DType, DType as Types } from "@tfs/tensor";

/**
 * What OpenVINO computes as TensorFlow does. Its CPU plugin knows float32 and what becomes float32 (half, bfloat16) well; int64, uint32 and double it narrows
 * silently, and integers it may compute as floats. So arithmetic is given to it in floats only, or where integers come from shapes, which are small; other
 * integers are only moved about.
 */
export type Kind =
  /** heavy: what acceleration is for. What the host does after one of these waits for the native part. */
  | "heavy"
  /** float: arithmetic on floats, and on what comes from shapes. */
  | "float"
  /** move: elements go elsewhere as they are. */
  | "move"
  /** logic: on booleans only. */
  | "logic"
  /** shape: gives sizes, whatever its input is. */
  | "shape"
  /** cast: between dtypes that hold each other's values. */
  | "cast"
  /** gather: by index, which OpenVINO does not check. */
  | "gather"
  /** sizes: integers that come from shapes only. */
  | "sizes"
  /** norm: batch normalization, for inference, its first output only. */
  | "norm";

function kinds(kind: Kind, names: string): readonly (readonly [string, Kind])[] {
  return names.split(" ").map((name) => [name, kind]);
}

/** nativeOps gives the kind of every op that may be native. What is not here stays with the embedded engine. */
export const nativeOps: ReadonlyMap<string, Kind> = new Map([
  ...kinds("heavy", "MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Conv2D DepthwiseConv2dNative MaxPool AvgPool Einsum"),
  ...kinds(
    "float",
    "Add AddV2 BiasAdd AddN Sub Mul RealDiv Div DivNoNan Maximum Minimum SquaredDifference Pow Relu Relu6 Elu Selu LeakyRelu Softplus Softsign",
  ),
  ...kinds(
    "float",
    "Sigmoid Tanh Exp Expm1 Log Log1p Sqrt Rsqrt Sin Cos Tan Asin Acos Atan Sinh Cosh Erf Erfc Reciprocal Inv Square Neg Abs Sign Floor Ceil Rint",
  ),
  ...kinds("float", "Round Less LessEqual Greater GreaterEqual Equal NotEqual Sum Mean Prod Max Min ArgMax ArgMin Softmax LogSoftmax"),
  ...kinds("move", "Reshape Squeeze ExpandDims Transpose Pack Unpack ConcatV2 Split SplitV Tile BroadcastTo Pad PadV2"),
  ...kinds("move", "StridedSlice Slice SelectV2 Select ZerosLike OnesLike Fill"),
  ...kinds("logic", "LogicalAnd LogicalOr LogicalNot"),
  ...kinds("shape", "Shape Size Rank"),
  ...kinds("cast", "Cast"),
  ...kinds("gather", "Gather GatherV2 ResourceGather"),
  ...kinds("sizes", "Range FloorDiv FloorMod"),
  ...kinds("norm", "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3"),
]);

export const floats: ReadonlySet<DType> = new Set([Types.Float, Types.Half, Types.BFloat16]);
/** moved are the dtypes whose elements come out of the native part as they went in. */
export const moved: ReadonlySet<DType> = new Set([...floats, Types.Int32, Types.Bool, Types.UInt8, Types.Int8]);
export const integers: ReadonlySet<DType> = new Set([Types.Int32, Types.Int64]);
