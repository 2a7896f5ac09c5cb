"""One model per awkward dtype: `serving_default` gives its input back, `double` adds it to itself where TensorFlow has a CPU kernel."""

import shutil

import ml_dtypes
import numpy as np
import tensorflow as tf

from tensorflow.core.framework import types_pb2

from golden import ROOT, Golden, b64, run

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

# TensorFlow has no arithmetic on these: their models only give the input back.
IDENTITY = {
    "qint8": (tf.qint8, np.array([-128, 0, 127], np.int8)),
    "quint8": (tf.quint8, np.array([0, 128, 255], np.uint8)),
    "qint32": (tf.qint32, np.array([-(2**31), 5], np.int32)),
    "float8_e5m2": (tf.as_dtype(24), np.array([1.0, -0.5, 57344], ml_dtypes.float8_e5m2)),
    "float8_e4m3fn": (tf.as_dtype(25), np.array([1.0, -0.5, 448], ml_dtypes.float8_e4m3fn)),
    "int4": (tf.as_dtype(29), np.array([-8, 7, 1], ml_dtypes.int4)),
    "uint4": (tf.as_dtype(30), np.array([0, 15, 3], ml_dtypes.uint4)),
}


def make_identity(name: str) -> None:
    """The graph form: the function form has no kernels for some of these. What goes in comes out, which needs no TensorFlow to compute."""
    dtype, sample = IDENTITY[name]
    model = f"dtype_{name}"
    path = ROOT / model / "1"
    shutil.rmtree(path, ignore_errors=True)
    v1 = tf.compat.v1
    builder = v1.saved_model.builder.SavedModelBuilder(str(path))
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(dtype, [None], name="x")
        y = tf.identity(x, name="y")
        info = v1.saved_model.utils.build_tensor_info
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict")})
    builder.save()
    tensor = {"dtype": types_pb2.DataType.Name(dtype.as_datatype_enum), "shape": list(sample.shape), "content": b64(sample.tobytes())}
    golden = Golden(model)
    golden.add(1, "serving_default", [{"name": "sample", "inputs": {"x": tensor}, "outputs": {"y": tensor}, "tolerance": 0}])
    golden.write()


def make(name: str) -> None:
    sample = SAMPLES[name]
    dtype = tf.as_dtype(name)

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], dtype, "x")])
        def same(self, x):
            return {"y": tf.identity(x)}

        @tf.function(input_signature=[tf.TensorSpec([None], dtype, "x")])
        def double(self, x):
            return {"y": tf.strings.join([x, x]) if dtype == tf.string else tf.logical_not(x) if dtype == tf.bool else x + x}

    model = f"dtype_{name}"
    path = ROOT / model / "1"
    shutil.rmtree(path, ignore_errors=True)
    module = Module()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.same, "double": module.double}, options=tf.saved_model.SaveOptions(save_debug_info=False))
    golden = Golden(model)
    empty = sample[:0]
    for signature in ("serving_default", "double"):
        golden.add(1, signature, run(path, signature, {"sample": {"x": sample}, "empty": {"x": empty}}, tolerance=0))
    golden.write()
