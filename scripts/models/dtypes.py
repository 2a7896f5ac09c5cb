"""One model per awkward dtype: `serving_default` gives its input back, `double` adds it to itself where TensorFlow can."""

import shutil

import ml_dtypes
import numpy as np
import tensorflow as tf

from golden import ROOT, Golden, run

SAMPLES = {
    "half": np.array([1.0, -0.5, 65504, np.inf], np.float16),
    "bfloat16": np.array([1.0, -0.5, 3e38], ml_dtypes.bfloat16),
    "double": np.array([1e300, -1e-300, 0.1]),
    "int8": np.array([-128, 127, 3], np.int8),
    "uint8": np.array([0, 255, 3], np.uint8),
    "int16": np.array([-32768, 32767, 3], np.int16),
    "uint16": np.array([0, 65535, 3], np.uint16),
    "int32": np.array([-(2**31), 2**31 - 1, 3], np.int32),
    "uint32": np.array([0, 2**32 - 1, 3], np.uint32),
    "int64": np.array([-(2**63), 2**63 - 1, 2**53 + 1], np.int64),
    "uint64": np.array([0, 2**64 - 1, 2**53 + 1], np.uint64),
    "bool": np.array([True, False]),
    "string": np.array([b"", b"plain", b"nul\x00inside", b"\xff\xfe"], object),
    "complex64": np.array([1 + 2j, -3.5j], np.complex64),
    "complex128": np.array([1 + 2j, -3.5j], np.complex128),
}

# TensorFlow's arithmetic refuses these when the function is traced: their models only give the input back.
IDENTITY = {
    "qint8": (tf.qint8, np.array([-128, 0, 127], np.int8)),
    "quint8": (tf.quint8, np.array([0, 128, 255], np.uint8)),
    "qint16": (tf.qint16, np.array([-32768, 0, 32767], np.int16)),
    "quint16": (tf.quint16, np.array([0, 32768, 65535], np.uint16)),
    "qint32": (tf.qint32, np.array([-(2**31), 5], np.int32)),
    "float8_e5m2": (tf.as_dtype(24), np.array([1.0, -0.5, 57344], ml_dtypes.float8_e5m2)),
    "float8_e4m3fn": (tf.as_dtype(25), np.array([1.0, -0.5, 448], ml_dtypes.float8_e4m3fn)),
    "float4_e2m1fn": (tf.as_dtype(33), np.array([1.0, -0.5, 6], ml_dtypes.float4_e2m1fn)),
    "int2": (tf.as_dtype(31), np.array([-2, 1, 0], ml_dtypes.int2)),
    "uint2": (tf.as_dtype(32), np.array([0, 3, 1], ml_dtypes.uint2)),
    "int4": (tf.as_dtype(29), np.array([-8, 7, 1], ml_dtypes.int4)),
    "uint4": (tf.as_dtype(30), np.array([0, 15, 3], ml_dtypes.uint4)),
}


def make(name: str) -> None:
    dtype, sample = IDENTITY.get(name) or (tf.as_dtype(name), SAMPLES[name])
    sample = sample.astype(dtype.as_numpy_dtype)  # the quantized ones are structured types to numpy

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], dtype, "x")])
        def same(self, x):
            return {"y": tf.identity(x)}

    class Arithmetic(Module):
        @tf.function(input_signature=[tf.TensorSpec([None], dtype, "x")])
        def double(self, x):
            return {"y": tf.strings.join([x, x]) if dtype == tf.string else tf.logical_not(x) if dtype == tf.bool else x + x}

    model = f"dtype_{name}"
    path = ROOT / model / "1"
    shutil.rmtree(path, ignore_errors=True)
    module = Module() if name in IDENTITY else Arithmetic()
    signatures = {"serving_default": module.same} if name in IDENTITY else {"serving_default": module.same, "double": module.double}
    tf.saved_model.save(module, str(path), signatures=signatures, options=tf.saved_model.SaveOptions(save_debug_info=False))
    golden = Golden(model)
    for signature in signatures:
        golden.add(1, signature, run(path, signature, {"sample": {"x": sample}, "empty": {"x": sample[:0]}}, tolerance=0))
    golden.write()
