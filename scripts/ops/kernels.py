"""Writes packages/engine/testdata/kernels.json: single ops over edge shapes, as TensorFlow computes them. Run with tensorflow-cpu 2.21."""
import json
import pathlib

from rows import ml_dtypes, np, row, rows, tf

TARGET = pathlib.Path(__file__).resolve().parents[2] / "packages/engine/testdata/kernels.json"
rng = np.random.default_rng(11)

f = lambda *s: rng.standard_normal(s).astype(np.float32)
i32 = lambda *v: np.array(v, np.int32)
pairs = [(f(2, 3), f(2, 3)), (f(2, 3), f(3)), (f(3), f(2, 3)), (f(2, 1, 3), f(4, 1)), (f(2, 3), np.float32(2)), (f(0, 3), f(3)), (f(2, 3), f(2, 1)), (f(2), f(3))]
for op in ["AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference", "DivNoNan", "Less", "GreaterEqual", "Equal", "NotEqual", "Atan2", "FloorDiv", "FloorMod"]:
    for a, b in pairs:
        row(op, [a, b])
special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.5, -2.5], np.float32)
for op in ["AddV2", "Mul", "RealDiv", "Maximum", "Minimum", "Less", "Equal", "DivNoNan", "FloorDiv", "FloorMod", "Pow"]:
    row(op, [special[:, None], special[None, :]], label="special floats")
ints = np.array([7, -7, 8, -8, 2**31 - 1, -(2**31), 1], np.int32)
divisors = np.array([2, -2, 3, -3, 5, 7, -1], np.int32)
for op in ["AddV2", "Sub", "Mul", "FloorDiv", "FloorMod", "TruncateDiv", "Maximum", "Minimum", "Less", "Equal"]:
    pick = slice(0, 5) if op in ("FloorDiv", "FloorMod", "TruncateDiv") else slice(0, 7)
    row(op, [ints[pick], divisors[pick]], label="int32")
    row(op, [ints[pick].astype(np.int64) * 2**20, divisors[pick].astype(np.int64)], label="int64")
for op in ["FloorDiv", "FloorMod"]:
    row(op, [i32(1, 2), i32(1, 0)], label="by zero")
for t in (np.float16, ml_dtypes.bfloat16, np.float64):
    for op in ["AddV2", "Mul", "RealDiv", "Sub", "Maximum"]:
        row(op, [f(3, 2).astype(t), f(2).astype(t)], label=np.dtype(t).name, tolerance=0 if t != np.float64 else 1e-12)
for t in (np.uint8, np.int8, np.int16, np.uint16):
    row("AddV2", [np.array([250, 3]).astype(t), np.array([10, 4]).astype(t)], label=np.dtype(t).name + " wraps")
    row("Mul", [np.array([250, 3]).astype(t), np.array([10, 4]).astype(t)], label=np.dtype(t).name + " wraps")
row("AddV2", [np.array([1 + 2j, 3j], np.complex64), np.array([1, -1j], np.complex64)], label="complex")
row("Mul", [np.array([1 + 2j, 3j], np.complex64), np.array([1, -1j], np.complex64)], label="complex")
x = np.concatenate([f(20) * 3, special])
for op, tol in [("Relu", 0), ("Relu6", 0), ("Elu", 1e-6), ("Selu", 1e-6), ("Softplus", 1e-6), ("Softsign", 1e-6), ("Sigmoid", 1e-6), ("Tanh", 1e-6), ("Exp", 1e-5), ("Expm1", 1e-5), ("Square", 0), ("Neg", 0), ("Abs", 0), ("Sign", 0), ("Floor", 0), ("Ceil", 0), ("Rint", 0), ("Round", 0), ("Sin", 1e-6), ("Cos", 1e-6), ("Tan", 1e-4), ("Atan", 1e-6), ("Sinh", 1e-5), ("Cosh", 1e-5), ("Erf", 1e-6), ("Erfc", 1e-6), ("IsNan", 0), ("IsInf", 0), ("IsFinite", 0)]:
    finite = x if op not in ("Sin", "Cos", "Tan") else x[:20]
    row(op, [finite[~np.isnan(finite)] if op in ("Relu", "Relu6", "Sign") else finite], tolerance=tol)
positive = np.abs(f(20)) + 0.01
for op in ["Log", "Log1p", "Sqrt", "Rsqrt", "Reciprocal"]:
    row(op, [positive], tolerance=1e-5)
row("LeakyRelu", [x[:20]], alpha=0.3)
for op in ["Asin", "Acos"]:
    row(op, [np.linspace(-1, 1, 9, dtype=np.float32)], tolerance=1e-6)
row("Pow", [positive, f(20)], tolerance=1e-5)
row("Pow", [i32(2, -3, 0, 5), i32(3, 3, 0, 1)])
row("Pow", [i32(2), i32(-1)])
row("LogicalAnd", [np.array([True, False]), np.array([[True], [False]])])
row("LogicalOr", [np.array([True, False]), np.array([[True], [False]])])
row("LogicalNot", [np.array([True, False])])
row("Equal", [np.array([b"a", b"b"], object), np.array([b"a", b"c"], object)])
row("SelectV2", [np.array([[True], [False]]), f(2, 3), f(3)])
row("Select", [np.array([True, False]), f(2, 3), f(2, 3)])
row("Where", [np.array([[True, False], [False, True]])])
for src, dst in [(np.array([1.9, -1.9, 3e9, np.nan], np.float32), tf.int32), (np.array([1.5, -2.5], np.float32), tf.int64), (np.array([300, -1], np.int32), tf.uint8), (np.array([2**40 + 5], np.int64), tf.int32), (np.array([0.5, 0.0], np.float32), tf.bool), (np.array([True, False]), tf.float32), (f(5), tf.float16), (f(5), tf.bfloat16), (f(5), tf.float64), (np.array([1, 2], np.int32), tf.complex64), (np.array([1.5], np.float16), tf.float32), (np.array([2**53 + 1], np.int64), tf.float64)]:
    row("Cast", [src], DstT=dst, tolerance=0, label=f"{src.dtype.name} to {dst.name}")
m = f(3, 4, 2)
for op in ["Sum", "Mean", "Max", "Min", "Prod"]:
    for axes in ([0], [1, 2], [-1], [], [0, 1, 2]):
        row(op, [m, np.array(axes, np.int32)], keep_dims=False, tolerance=1e-5)
    row(op, [m, i32(1)], keep_dims=True, tolerance=1e-5)
    row(op, [m, i32(3)], keep_dims=False)
    row(op, [(m * 100).astype(np.int64), i32(1)], keep_dims=False, label="int64")
    row(op, [(m * 100).astype(np.int32), i32(0)], keep_dims=False, label="int32")
row("Sum", [np.zeros((0, 3), np.float32), i32(0)], keep_dims=False)
row("All", [np.array([[True, False], [True, True]]), i32(1)], keep_dims=False)
row("Any", [np.array([[True, False], [False, False]]), i32(1)], keep_dims=False)
for op in ["ArgMax", "ArgMin"]:
    row(op, [m, np.int32(1)])
    row(op, [m, np.int32(-1)], output_type=tf.int32)
row("Softmax", [m], tolerance=1e-6)
row("LogSoftmax", [m], tolerance=1e-6)
row("Cumsum", [m, np.int32(1)], tolerance=1e-5)
row("Cumsum", [m, np.int32(0)], exclusive=True, reverse=True, tolerance=1e-5)
row("TopKV2", [f(3, 5), np.int32(2)])
row("TopKV2", [f(3, 5), np.int32(6)])
row("Reshape", [m, i32(4, -1)])
row("Reshape", [m, i32(5, -1)])
row("Reshape", [m, i32(5, 5)])
row("Reshape", [np.zeros((0, 2), np.float32), i32(-1, 2)])
row("Squeeze", [f(1, 3, 1)])
row("Squeeze", [f(1, 3, 1)], axis=[0])
row("ExpandDims", [f(2, 3), np.int32(-1)])
row("ExpandDims", [f(2, 3), np.int32(1)])
row("Transpose", [m, i32(2, 0, 1)])
row("Shape", [m])
row("Shape", [m], out_type=tf.int64)
row("Size", [m])
row("Rank", [m])
row("Pack", [f(2, 3), f(2, 3)], axis=1)
row("Pack", [f(2, 3), f(3, 2)], axis=0)
row("Unpack", [f(2, 3)], num=3, axis=1)
row("ConcatV2", [f(2, 3), f(2, 1), np.int32(1)])
row("ConcatV2", [f(2, 3), f(1, 3), np.int32(-2)])
row("ConcatV2", [f(2, 3), f(1, 2), np.int32(0)])
row("Split", [np.int32(1), f(2, 6)], num_split=3)
row("Split", [np.int32(1), f(2, 5)], num_split=3)
row("SplitV", [f(2, 6), i32(1, -1, 2), np.int32(1)], num_split=3)
row("Slice", [m, i32(1, 0, 0), i32(2, -1, 1)])
row("Slice", [m, i32(1, 0, 0), i32(3, 1, 1)])
big = f(5, 6, 4)
for begin, end, stride, masks in [((1, 0, 0), (4, 6, 4), (1, 2, 1), {}), ((-1, 0, 0), (0, 6, 4), (-1, 1, 1), {"begin_mask": 1, "end_mask": 1}), ((2,), (3,), (1,), {"shrink_axis_mask": 1}), ((0, 1), (0, 2), (1, 1), {"ellipsis_mask": 1, "shrink_axis_mask": 2}), ((0, 0), (0, 2), (1, 1), {"new_axis_mask": 1}), ((10,), (20,), (1,), {}), ((4, 3), (1, 0), (-2, -1), {}), ((7,), (8,), (1,), {"shrink_axis_mask": 1})]:
    row("StridedSlice", [big, i32(*begin), i32(*end), i32(*stride)], label=f"{begin} {end} {stride} {masks}", **masks)
row("Fill", [i32(2, 3), np.float32(7)])
row("Fill", [i32(2, 0), np.int64(7)])
row("ZerosLike", [m])
row("OnesLike", [np.array([1, 2], np.int64)])
row("Range", [np.int32(2), np.int32(11), np.int32(3)])
row("Range", [np.float32(0), np.float32(1), np.float32(0.25)])
row("Range", [np.int32(5), np.int32(0), np.int32(-2)])
row("Range", [np.int32(0), np.int32(5), np.int32(0)])
row("Tile", [f(2, 3), i32(2, 2)])
row("Tile", [np.array([b"a", b"b"], object), i32(2)])
row("BroadcastTo", [f(1, 3), i32(4, 2, 3)])
row("BroadcastTo", [f(2, 3), i32(4, 3)])
row("Pad", [f(2, 3), np.array([[1, 0], [0, 2]], np.int32)])
row("PadV2", [f(2, 3), np.array([[1, 0], [0, 2]], np.int32), np.float32(9)])
row("ReverseV2", [m, i32(0, -1)])
row("OneHot", [i32(0, 2, -1, 5), np.int32(3), np.float32(1), np.float32(0)])
row("OneHot", [np.array([[0], [1]], np.int64), np.int32(2), np.float32(5), np.float32(-1)], axis=0)
row("InvertPermutation", [i32(2, 0, 1)])
row("GatherV2", [m, i32(2, 0), np.int32(0)])
row("GatherV2", [m, np.array([[1, 1], [0, 3]], np.int32), np.int32(1)])
row("GatherV2", [m, i32(0, 4), np.int32(1)])
row("GatherV2", [f(2, 3, 4), np.array([[0, 2], [1, 1]], np.int64), np.int32(1)], batch_dims=1)
row("GatherNd", [m, np.array([[0, 1], [2, 3]], np.int32)])
row("GatherNd", [m, np.array([[3, 1]], np.int32)])
for a, b, attrs in [(f(3, 4), f(4, 2), {}), (f(4, 3), f(4, 2), {"transpose_a": True}), (f(3, 4), f(2, 4), {"transpose_b": True}), (f(3, 4), f(3, 2), {}), (f(0, 4), f(4, 2), {}), (f(40, 50), f(50, 30), {})]:
    row("MatMul", [a, b], tolerance=1e-5, **attrs)
row("MatMul", [np.arange(6, dtype=np.int32).reshape(2, 3), np.arange(6, dtype=np.int32).reshape(3, 2)], label="int32")
row("BatchMatMulV2", [f(2, 3, 4), f(2, 4, 5)], tolerance=1e-5)
row("BatchMatMulV2", [f(2, 1, 3, 4), f(3, 4, 5)], tolerance=1e-5)
row("BatchMatMulV2", [f(2, 3, 4), f(2, 5, 4)], adj_y=True, tolerance=1e-5)
for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        row("Conv2D", [f(2, 7, 6, 3), f(3, 3, 3, 4)], strides=[1, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"{padding} {stride}")
        row("DepthwiseConv2dNative", [f(2, 7, 6, 3), f(3, 3, 3, 2)], strides=[1, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"{padding} {stride}")
        row("MaxPool", [f(2, 7, 6, 3)], ksize=[1, 3, 2, 1], strides=[1, stride, stride, 1], padding=padding, label=f"{padding} {stride}")
        row("AvgPool", [f(2, 7, 6, 3)], ksize=[1, 3, 2, 1], strides=[1, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"{padding} {stride}")
row("Conv2D", [f(1, 9, 9, 2), f(3, 3, 2, 2)], strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 2, 1], tolerance=1e-5, label="dilated")
row("BiasAdd", [f(2, 3), f(3)])
row("StringLower", [np.array([b"Ab\xc3\x89", b""], object)])
row("StringUpper", [np.array([b"Ab\xc3\xa9", b""], object)])
row("StringLower", [np.array(["AÉ".encode()], object)], encoding="utf-8")
row("StringStrip", [np.array([b"  a b\t\n", b""], object)])
row("StringLength", [np.array(["aé".encode(), b""], object)])
row("StringLength", [np.array(["aé".encode(), b""], object)], unit="UTF8_CHAR")
row("StringJoin", [np.array([b"a", b"b"], object), np.array(b"-", object), np.array([b"c", b"d"], object)], separator="+")
row("StaticRegexReplace", [np.array([b"a1b22", b"\xff9"], object)], pattern="[0-9]+", rewrite="<\\0>")
row("StaticRegexReplace", [np.array([b"a1b22"], object)], pattern="[0-9]", rewrite="#", replace_global=False)
row("StringSplitV2", [np.array([b" a  b ", b"", b"c"], object), np.array(b"", object)])
row("StringSplitV2", [np.array([b"a,b,,c", b","], object), np.array(b",", object)])
row("StringSplitV2", [np.array([b"a b c"], object), np.array(b"", object)], maxsplit=1)
# Equations on which TensorFlow aborts or disagrees with its own shape inference (spaces, output labels of no input) are rows of kernels.test.ts.
for equation, *shapes in [
    ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->i", (2, 3)), ("ij->j", (2, 3)), ("ii->i", (3, 3)), ("ii->", (3, 3)), ("i->ii", (3,)), ("iij->ji", (2, 2, 3)),
    ("->", ()), ("i->", (0,)), ("...->...", (2, 3)), ("i...->...", (2, 3, 4)), ("...ij->...ji", (5, 2, 3)), ("...ii->...i", (5, 3, 3)), ("ij->ij...", (2, 3)),
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,kj->ik", (2, 3), (4, 3)), ("ji,jk->ki", (3, 2), (3, 4)), ("ij,jk->", (2, 3), (3, 4)), ("i,j->ij", (2,), (3,)),
    ("i,i->", (3,), (3,)), ("i,i->i", (3,), (3,)), (",->", (), ()), (",i->i", (), (3,)), ("ab,cd->dbca", (2, 3), (4, 5)), ("ij,ij->ij", (2, 3), (2, 3)),
    ("aab,bc->abc", (2, 2, 3), (3, 4)), ("iij,jkk->ik", (2, 2, 3), (3, 4, 4)), ("i,j->ijj", (2,), (2,)), ("Ij,jI->I", (2, 3), (3, 2)), ("ijk,l->j", (2, 3, 4), (5,)),
    ("ij,jk->ik", (0, 3), (3, 4)), ("ij,jk->ik", (2, 0), (0, 4)), ("ij,jk->ik", (40, 50), (50, 30)), ("abcd,ebcf->eafd", (2, 3, 4, 5), (6, 3, 4, 7)),
    ("BTNH,BSNH->BNTS", (2, 3, 2, 4), (2, 5, 2, 4)), ("BNTS,BSNH->BTNH", (2, 2, 3, 5), (2, 5, 2, 4)), ("abc,cde->abde", (2, 3, 4), (4, 2, 5)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)), ("...ij,jk->...ik", (5, 1, 2, 3), (3, 4)), ("...ij,jk->ik...", (5, 2, 3), (3, 4)), ("...,...->...", (1, 3), (2, 3)),
    ("...ij,...jk->ik", (2, 3), (3, 4)), ("ij...,jk...->ik...", (2, 3, 4), (3, 5, 1)), ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 4)), ("...,i->...i", (2, 3), (4,)),
    # refused
    ("ij,jk", (2, 3), (3, 4)), ("i->->i", (2,)), ("a,b,c->abc", (2,), (2,), (2,)), ("ij,jk->ik", (2, 3), (4, 4)), ("ij,jk->ik", (2,), (3, 4)), ("ii->i", (2, 3)),
    ("i->i", (3, 3)), ("ij,ij->ij", (1, 3), (2, 3)), ("...i->i", (4, 2, 3)), ("...i,...i->i", (1, 3), (2, 3)), ("...ij->...", (3,)),
    ("...ij,...jk->...ik", (5, 2, 3), (4, 3, 4)),
]:
    row("Einsum", [f(*s) if s else np.float32(1.5) for s in shapes], equation=equation, tolerance=1e-5, label=f"{equation} {' '.join(str(list(s)) for s in shapes)}")
for t, tolerance in ((np.float64, 1e-12), (np.float16, 2e-3), (ml_dtypes.bfloat16, 2e-2), (np.int32, 0), (np.int64, 0)):
    row("Einsum", [(f(2, 3) * 9).astype(t), (f(4, 3) * 9).astype(t)], equation="ij,kj->ik", tolerance=tolerance, label=f"ij,kj->ik {np.dtype(t).name}")
row("Einsum", [(f(3, 3) + 1j * f(3, 3)).astype(np.complex64)], equation="ii->i", label="ii->i complex64")
row("TensorListFromTensor", [f(3, 1, 5), i32(-1, 4)], label="an element of another shape")
row("TensorListFromTensor", [f(3, 5), i32(-1, 5)], label="an element of another rank")
row("TensorListFromTensor", [f(), i32()], label="no list in a scalar")
some = np.array([[b"a1b22"], [b"caf\xc3\xa9\xff"]], object)
for op in ["RegexReplace", "RegexFullMatch"]:
    rest = [np.array(b"x", object)] if op == "RegexReplace" else []
    row(op, [some, np.array(b"\\pL+.*", object), *rest], label="a pattern")
    row(op, [some, np.array(b"(", object), *rest], label="a bad pattern")
    row(op, [some, np.array([b"a"], object), *rest], label="a pattern that is no scalar")
row("RegexReplace", [some, np.array(b"a", object), np.array([b"x"], object)], label="a rewrite that is no scalar")
row("StaticRegexReplace", [some], pattern="(", rewrite="", label="a bad pattern")
row("StaticRegexFullMatch", [some], pattern="[a-z]+[0-9].*", label="a pattern")
row("StaticRegexFullMatch", [some], pattern="a**", label="a bad pattern")
for shape, axis in (((3, 0), 0), ((0, 3), 0), ((2, 3, 0), 1)):
    row("GatherV2", [np.zeros(shape, np.float32), i32(0, 4), np.int32(axis)], label=f"indices past the end of {list(shape)}, by {axis}")
TARGET.parent.mkdir(parents=True, exist_ok=True)
TARGET.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
print(len(rows), len({r["op"] for r in rows}), TARGET.stat().st_size)
