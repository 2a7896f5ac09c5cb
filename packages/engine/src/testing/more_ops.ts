// Ops that mutated models are extended by.
import type { AttrValueSchema, DataType } from "@tfs/proto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { DType } from "@tfs/tensor";

type Value = NonNullable<MessageInitShape<typeof AttrValueSchema>["value"]>;

export interface MoreOp {
  readonly op: string;
  /** args has a letter for each input: the first is what the op is put behind, floats; i is int32, l int64, f float, b bool. */
  readonly args: string;
  readonly attr: Readonly<Record<string, Value>>;
  /** gives is the dtype of the first output; default float. */
  readonly gives?: DType;
}

const type = (value: DType): Value => ({ case: "type", value: value as number as DataType });
const text = (value: string): Value => ({ case: "s", value: new TextEncoder().encode(value) });
const int = (value: number): Value => ({ case: "i", value: BigInt(value) });
const flag = (value: boolean): Value => ({ case: "b", value });
const list = (...i: number[]): Value => ({ case: "list", value: { i: i.map(BigInt) } });
const [T, I, L] = [type(DType.Float), type(DType.Int32), type(DType.Int64)];
const format = { padding: text("SAME"), data_format: text("NHWC") };
const window = { T, ksize: list(1, 2, 2, 1), strides: list(1, 2, 2, 1), ...format };

/** moreOps are ops whose kernels look at values, shapes or both. */
export const moreOps: readonly MoreOp[] = [
  { op: "Transpose", args: "fi", attr: { T, Tperm: I } },
  { op: "Pad", args: "fi", attr: { T, Tpaddings: I } },
  { op: "PadV2", args: "fif", attr: { T, Tpaddings: I } },
  { op: "MirrorPad", args: "fi", attr: { T, Tpaddings: I, mode: text("REFLECT") } },
  { op: "Slice", args: "fii", attr: { T, Index: I } },
  {
    op: "StridedSlice",
    args: "fiii",
    attr: { T, Index: I, begin_mask: int(1), end_mask: int(0), ellipsis_mask: int(2), new_axis_mask: int(4), shrink_axis_mask: int(1) },
  },
  { op: "SplitV", args: "fii", attr: { T, Tlen: I, num_split: int(2) } },
  { op: "ConcatV2", args: "ffi", attr: { T, Tidx: I, N: int(2) } },
  { op: "Cumsum", args: "fi", attr: { T, Tidx: I, exclusive: flag(false), reverse: flag(true) } },
  { op: "ReverseV2", args: "fi", attr: { T, Tidx: I } },
  { op: "Roll", args: "fii", attr: { T, Tshift: I, Taxis: I } },
  { op: "Reshape", args: "fi", attr: { T, Tshape: I } },
  { op: "Tile", args: "fi", attr: { T, Tmultiples: I } },
  { op: "BroadcastTo", args: "fi", attr: { T, Tidx: I } },
  { op: "Pack", args: "ff", attr: { T, N: int(2), axis: int(-1) } },
  { op: "Unpack", args: "f", attr: { T, num: int(2), axis: int(0) } },
  { op: "ExpandDims", args: "fi", attr: { T, Tdim: I } },
  { op: "Squeeze", args: "f", attr: { T, squeeze_dims: list(0) } },
  { op: "TopKV2", args: "fi", attr: { T, sorted: flag(true) } },
  { op: "InTopKV2", args: "fii", attr: { T: I }, gives: DType.Bool },
  { op: "ArgMax", args: "fi", attr: { T, Tidx: I, output_type: L }, gives: DType.Int64 },
  { op: "GatherV2", args: "fii", attr: { Tparams: T, Tindices: I, Taxis: I, batch_dims: int(0) } },
  { op: "GatherNd", args: "fi", attr: { Tparams: T, Tindices: I } },
  { op: "TensorScatterUpdate", args: "fif", attr: { T, Tindices: I } },
  { op: "TensorScatterAdd", args: "fif", attr: { T, Tindices: I } },
  { op: "SegmentSum", args: "fi", attr: { T, Tindices: I } },
  { op: "SegmentMean", args: "fi", attr: { T, Tindices: I } },
  { op: "SparseSegmentMean", args: "fii", attr: { T, Tidx: I, Tsegmentids: I } },
  { op: "SparseSegmentSumWithNumSegments", args: "fiii", attr: { T, Tidx: I, Tnumsegments: I, Tsegmentids: I } },
  { op: "UnsortedSegmentSum", args: "fii", attr: { T, Tindices: I, Tnumsegments: I } },
  { op: "ReverseSequence", args: "fi", attr: { T, Tlen: I, seq_dim: int(1), batch_dim: int(0) } },
  { op: "MatrixBandPart", args: "fii", attr: { T, Tindex: I } },
  { op: "MatrixDiagV3", args: "fiiif", attr: { T, align: text("RIGHT_LEFT") } },
  { op: "MatrixSetDiagV3", args: "ffi", attr: { T, align: text("RIGHT_LEFT") } },
  { op: "MatMul", args: "ff", attr: { T, transpose_a: flag(false), transpose_b: flag(true) } },
  { op: "BatchMatMulV2", args: "ff", attr: { T, adj_x: flag(false), adj_y: flag(true) } },
  { op: "Einsum", args: "ff", attr: { T, N: int(2), equation: text("ab,bc->ac") } },
  { op: "MaxPool", args: "f", attr: window },
  { op: "AvgPool", args: "f", attr: window },
  { op: "MaxPoolV2", args: "fii", attr: { T, ...format } },
  { op: "FractionalMaxPool", args: "f", attr: { T, pooling_ratio: { case: "list", value: { f: [1, 1.4, 1.4, 1] } } } },
  { op: "Conv2D", args: "ff", attr: { T, strides: list(1, 1, 1, 1), ...format } },
  { op: "Conv2DBackpropInput", args: "fff", attr: { T, strides: list(1, 1, 1, 1), ...format } },
  { op: "DepthwiseConv2dNative", args: "ff", attr: { T, strides: list(1, 1, 1, 1), ...format } },
  { op: "Dilation2D", args: "ff", attr: { T, strides: list(1, 1, 1, 1), rates: list(1, 1, 1, 1), padding: text("SAME") } },
  { op: "FusedBatchNormV3", args: "fffff", attr: { T, U: T, data_format: text("NHWC"), is_training: flag(false) } },
  { op: "LRN", args: "f", attr: { T, depth_radius: int(5) } },
  { op: "BiasAdd", args: "ff", attr: { T, data_format: text("NHWC") } },
  { op: "Softmax", args: "f", attr: { T } },
  { op: "SpaceToDepth", args: "f", attr: { T, block_size: int(2), data_format: text("NHWC") } },
  { op: "DepthToSpace", args: "f", attr: { T, block_size: int(2), data_format: text("NHWC") } },
  { op: "SpaceToBatchND", args: "fii", attr: { T, Tblock_shape: I, Tpaddings: I } },
  { op: "BatchToSpaceND", args: "fii", attr: { T, Tblock_shape: I, Tcrops: I } },
  { op: "ResizeBilinear", args: "fi", attr: { T, align_corners: flag(true), half_pixel_centers: flag(false) } },
  { op: "ResizeNearestNeighbor", args: "fi", attr: { T, align_corners: flag(false), half_pixel_centers: flag(true) } },
  { op: "ResizeArea", args: "fi", attr: { T, align_corners: flag(false) } },
  { op: "CropAndResize", args: "ffii", attr: { T, method: text("bilinear"), extrapolation_value: { case: "f", value: 0 } } },
  { op: "ExtractImagePatches", args: "f", attr: { T, ksizes: list(1, 2, 2, 1), strides: list(1, 1, 1, 1), rates: list(1, 1, 1, 1), padding: text("SAME") } },
  { op: "AdjustHue", args: "ff", attr: { T } },
  { op: "Where", args: "f", attr: { T }, gives: DType.Int64 },
  { op: "Cross", args: "ff", attr: { T } },
  { op: "ClipByValue", args: "fff", attr: { T } },
  { op: "DynamicPartition", args: "fi", attr: { T, num_partitions: int(2) } },
  { op: "Unique", args: "f", attr: { T, out_idx: I } },
  { op: "UniqueV2", args: "fi", attr: { T, Taxis: I, out_idx: I } },
  { op: "ListDiff", args: "ff", attr: { T, out_idx: I } },
  { op: "Bucketize", args: "f", attr: { T, boundaries: { case: "list", value: { f: [0, 1] } } }, gives: DType.Int32 },
  { op: "SearchSorted", args: "ff", attr: { T, out_type: I }, gives: DType.Int32 },
  { op: "LowerBound", args: "ff", attr: { T, out_type: I }, gives: DType.Int32 },
  { op: "HistogramFixedWidth", args: "ffi", attr: { T, dtype: I }, gives: DType.Int32 },
  { op: "Bitcast", args: "f", attr: { T, type: I }, gives: DType.Int32 },
  { op: "QuantizeAndDequantizeV4", args: "fff", attr: { T, signed_input: flag(true), num_bits: int(8), range_given: flag(true), axis: int(0) } },
  { op: "FakeQuantWithMinMaxVars", args: "fff", attr: { num_bits: int(8), narrow_range: flag(false) } },
  { op: "FakeQuantWithMinMaxVarsPerChannel", args: "fff", attr: { num_bits: int(8), narrow_range: flag(false) } },
  { op: "QuantizeV2", args: "fff", attr: { T: type(DType.QUInt8), mode: text("MIN_FIRST"), axis: int(0) }, gives: DType.QUInt8 },
  { op: "RaggedTensorFromVariant", args: "f", attr: { Tvalues: T, Tsplits: L, input_ragged_rank: int(1), output_ragged_rank: int(1) } },
  { op: "RaggedTensorToTensor", args: "flfll", attr: { T, Tshape: L, Tindex: L, num_row_partition_tensors: int(2) } },
  { op: "Qr", args: "f", attr: { T, full_matrices: flag(false) } },
  { op: "Svd", args: "f", attr: { T, compute_uv: flag(true), full_matrices: flag(false) } },
  { op: "MatrixInverse", args: "f", attr: { T, adjoint: flag(false) } },
  { op: "Cholesky", args: "f", attr: { T } },
  { op: "TridiagonalSolve", args: "ff", attr: { T, partial_pivoting: flag(true) } },
  { op: "CTCGreedyDecoder", args: "fi", attr: { T, merge_repeated: flag(true) }, gives: DType.Int64 },
  { op: "NonMaxSuppressionV3", args: "ffiff", attr: { T, T_threshold: T }, gives: DType.Int32 },
  { op: "CombinedNonMaxSuppression", args: "ffiiff", attr: { pad_per_class: flag(false), clip_boxes: flag(true) } },
  { op: "BlockLSTM", args: "lffffffff", attr: { T } },
  { op: "RFFT", args: "fi", attr: { Treal: T, Tcomplex: type(DType.Complex64) }, gives: DType.Complex64 },
  { op: "Betainc", args: "fff", attr: { T } },
  { op: "AsString", args: "f", attr: { T, precision: int(-1), width: int(-1), fill: text("") }, gives: DType.String },
  { op: "Requantize", args: "fffff", attr: {} },
  { op: "Print", args: "f", attr: { T, U: { case: "list", value: {} }, message: text(""), first_n: int(-1), summarize: int(3) } },
];
