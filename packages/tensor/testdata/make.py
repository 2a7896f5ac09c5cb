"""Writes tensors.json: TensorProto bytes as TensorFlow reads and writes them, and float conversions. Run with tensorflow-cpu 2.21."""
import base64, json, os, pathlib
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

b64 = lambda b: base64.b64encode(b).decode()
rows = []
samples = {
    "DT_FLOAT": np.array([[1.5, -2.25, np.inf], [np.nan, 0.0, -0.0]], np.float32),
    "DT_DOUBLE": np.array([1e300, -1e-300], np.float64),
    "DT_INT32": np.array([0, -1, 2**31 - 1, -(2**31)], np.int32),
    "DT_UINT8": np.array([0, 255], np.uint8),
    "DT_INT16": np.array([-32768, 32767], np.int16),
    "DT_INT8": np.array([-128, 127], np.int8),
    "DT_INT64": np.array([0, -1, 2**63 - 1, -(2**63), 2**53 + 1], np.int64),
    "DT_BOOL": np.array([True, False, True]),
    "DT_UINT16": np.array([0, 65535], np.uint16),
    "DT_UINT32": np.array([0, 2**32 - 1], np.uint32),
    "DT_UINT64": np.array([0, 2**64 - 1], np.uint64),
    "DT_COMPLEX64": np.array([1 + 2j, -3.5j], np.complex64),
    "DT_COMPLEX128": np.array([1 + 2j, -3.5j], np.complex128),
    "DT_HALF": np.array([1.0, -0.5, 65504, np.inf, 6e-8], np.float16),
    "DT_BFLOAT16": np.array([1.0, -0.5, 3e38], ml_dtypes.bfloat16),
    "DT_FLOAT8_E5M2": np.array([1.0, -0.5, 57344], ml_dtypes.float8_e5m2),
    "DT_FLOAT8_E4M3FN": np.array([1.0, -0.5, 448], ml_dtypes.float8_e4m3fn),
    "DT_INT4": np.array([1, -8, 7], ml_dtypes.int4),
    "DT_UINT4": np.array([0, 15], ml_dtypes.uint4),
    "DT_INT2": np.array([1, -2, -1, 0], ml_dtypes.int2),
    "DT_UINT2": np.array([0, 3, 1], ml_dtypes.uint2),
    "DT_FLOAT8_E4M3FNUZ": np.array([1.0, -0.5, 240, np.nan], ml_dtypes.float8_e4m3fnuz),
    "DT_FLOAT8_E4M3B11FNUZ": np.array([1.0, -0.5, 30, np.nan], ml_dtypes.float8_e4m3b11fnuz),
    "DT_FLOAT8_E5M2FNUZ": np.array([1.0, -0.5, 57344, np.nan], ml_dtypes.float8_e5m2fnuz),
    "DT_FLOAT4_E2M1FN": np.array([1.0, -0.5, 6], ml_dtypes.float4_e2m1fn),
    "DT_QINT8": np.array([-128, 127], np.int8),
    "DT_QUINT8": np.array([0, 255], np.uint8),
    "DT_QINT16": np.array([-32768, 32767], np.int16),
    "DT_QUINT16": np.array([0, 65535], np.uint16),
    "DT_QINT32": np.array([-(2**31), 2**31 - 1], np.int32),
}
MASKS = {"DT_INT4": 15, "DT_UINT4": 15, "DT_INT2": 3, "DT_UINT2": 3}


def meaning(name, content):
    """The bits that count: ml_dtypes leaves the upper bits of a sub-byte value to chance."""
    return bytes(b & MASKS[name] for b in content) if name in MASKS else content


def fill(p, name, flat):
    if name == "DT_FLOAT": p.float_val.extend(flat.tolist())
    elif name == "DT_DOUBLE": p.double_val.extend(flat.tolist())
    elif name in ("DT_HALF", "DT_BFLOAT16"): p.half_val.extend(flat.view(np.uint16).tolist())
    elif name == "DT_INT64": p.int64_val.extend(flat.tolist())
    elif name == "DT_UINT32": p.uint32_val.extend(flat.tolist())
    elif name == "DT_UINT64": p.uint64_val.extend(flat.tolist())
    elif name == "DT_BOOL": p.bool_val.extend(flat.tolist())
    elif name == "DT_COMPLEX64": p.scomplex_val.extend(flat.view(np.float32).tolist())
    elif name == "DT_COMPLEX128": p.dcomplex_val.extend(flat.view(np.float64).tolist())
    elif name.startswith("DT_FLOAT8") or name.startswith("DT_FLOAT4"): p.float8_val = flat.tobytes()
    else: p.int_val.extend(int(v) for v in flat)


for name, a in samples.items():
    number = types_pb2.DataType.Value(name)
    for form in ("content", "values"):
        p = tensor_pb2.TensorProto(dtype=number)
        for d in a.shape:
            p.tensor_shape.dim.add().size = d
        if form == "content":
            p.tensor_content = a.tobytes()
        else:
            fill(p, name, a.reshape(-1))
        wire = p.SerializeToString()
        got = tf.io.parse_tensor(wire, tf.as_dtype(number)).numpy()  # TensorFlow's own reading of both forms
        assert meaning(name, got.tobytes()) == meaning(name, a.tobytes()), (name, form)
        rows.append({"dtype": name, "form": form, "shape": list(a.shape), "proto": b64(wire), "content": b64(a.tobytes())})

words = [b"", b"abc", bytes(200), "\u00e9".encode()]
lengths = b"".join(bytes([len(w)]) if len(w) < 128 else bytes([len(w) & 127 | 128, len(w) >> 7]) for w in words)
content = lengths + b"".join(words)
for form in ("content", "values"):
    p = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING)
    p.tensor_shape.dim.add().size = len(words)
    if form == "content":
        p.tensor_content = content
    else:
        p.string_val.extend(words)
    wire = p.SerializeToString()
    assert list(tf.io.parse_tensor(wire, tf.string).numpy()) == words, form
    rows.append({"dtype": "DT_STRING", "form": form, "shape": [len(words)], "proto": b64(wire), "content": b64(content)})

halves = np.arange(65536, dtype=np.uint16)
f8 = np.arange(256, dtype=np.uint8)
narrow = {"half": np.float16, "bfloat16": ml_dtypes.bfloat16, "float8_e5m2": ml_dtypes.float8_e5m2, "float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz, "float8_e4m3b11fnuz": ml_dtypes.float8_e4m3b11fnuz, "float8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz}


def ties(t):
    """What lies exactly between two neighbours of a format, and just beside it; for 16-bit formats of a sample of codes."""
    bits = np.dtype(t).itemsize * 8
    word = np.uint8 if bits == 8 else np.uint16
    codes = np.arange(127, dtype=np.uint16) if bits == 8 else np.random.default_rng(3).integers(0, 0x7C00, 60).astype(np.uint16)
    low, high = codes.astype(word).view(t).astype(np.float64), (codes + 1).astype(word).view(t).astype(np.float64)
    middle = ((low + high) / 2)[np.isfinite(low) & np.isfinite(high)].astype(np.float32)
    beside = [np.nextafter(middle, np.float32(0)), middle, np.nextafter(middle, np.float32(np.inf))]
    return np.concatenate(beside + [-b for b in beside])


probe = np.concatenate(
    [np.array([0, -0.0, 1, 2049, 65504, 65519.99, 65520, 1e-8, 2**-25, 2**-24 * 1.5, np.inf, -np.inf, np.nan, -np.nan, 1e-40, -1e-45, 448, 464, 465, 57344, 61440, 61441, 1e9, -1e9, 0.4375, 3.3895e38, 3.4e38], np.float32)]
    + [np.random.default_rng(7).standard_normal(200).astype(np.float32) * np.float32(100), (np.random.default_rng(8).standard_normal(100) * 1e-6).astype(np.float32)]
    + [ties(t) for t in narrow.values()]
)
conversions = {"probe": b64(probe.tobytes()), "narrow": {}, "widen": {}}
for name, t in narrow.items():
    conversions["narrow"][name] = b64(probe.astype(t).tobytes())
    if name.startswith("float8"):
        conversions["widen"][name] = b64(f8.view(t).astype(np.float32).tobytes())
import hashlib
wide = halves.view(np.float16).astype(np.float32)
wide[np.isnan(wide)] = np.nan
conversions["halfSha256"] = hashlib.sha256(np.where(np.isnan(wide), np.float32(0), wide).astype(np.float32).tobytes()).hexdigest()
pathlib.Path(__file__).with_name("tensors.json").write_text(json.dumps({"tensors": rows, "conversions": conversions}, indent=1) + "\n")
print(len(rows), "tensors,", len(probe), "floats")
