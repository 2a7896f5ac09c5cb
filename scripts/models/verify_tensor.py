"""Reads the JSON form of tensors that golden.py writes."""

import base64

import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

assert ml_dtypes  # registers bfloat16 with numpy


def from_json(tensor: dict) -> np.ndarray:
    if tensor["dtype"] == "DT_STRING":
        return np.array([base64.b64decode(s) for s in tensor["strings"]], object).reshape(tensor["shape"])
    dtype = tf.as_dtype(types_pb2.DataType.Value(tensor["dtype"])).as_numpy_dtype
    return np.frombuffer(base64.b64decode(tensor["content"]), dtype).reshape(tensor["shape"])
