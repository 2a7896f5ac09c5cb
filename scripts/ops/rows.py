"""Rows of single ops: an op, its inputs and attributes, and what TensorFlow answers."""
import base64
import inspect
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2


rows = []


def tensor(value):
    a = np.asarray(value)
    if a.dtype.kind in "OSU":
        flat = [v if isinstance(v, bytes) else str(v).encode() for v in a.reshape(-1).tolist()]
        return {"dtype": "DT_STRING", "shape": list(a.shape), "strings": [base64.b64encode(v).decode() for v in flat]}
    name = "bfloat16" if a.dtype == ml_dtypes.bfloat16 else a.dtype.name
    return {"dtype": types_pb2.DataType.Name(tf.as_dtype(name).as_datatype_enum), "shape": list(a.shape), "content": base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()}


def attr(value):
    """One attribute as the proto's JSON form of AttrValue."""
    if isinstance(value, bool):
        return {"b": value}
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"f": value}
    if isinstance(value, str):
        return {"s": base64.b64encode(value.encode()).decode()}
    if isinstance(value, tf.DType):
        return {"type": types_pb2.DataType.Name(value.as_datatype_enum)}
    if isinstance(value, tf.TensorShape):
        return {"shape": {"unknownRank": True} if value.rank is None else {"dim": [{"size": str(-1 if d is None else d)} for d in value.as_list()]}}
    if isinstance(value, list) and value and isinstance(value[0], tf.TensorShape):
        return {"list": {"shape": [attr(v)["shape"] for v in value]}}
    if isinstance(value, list) and value and isinstance(value[0], tf.DType):
        return {"list": {"type": [types_pb2.DataType.Name(v.as_datatype_enum) for v in value]}}
    if isinstance(value, list) and value and isinstance(value[0], float):
        return {"list": {"f": value}}
    if isinstance(value, list):
        return {"list": {"s": [base64.b64encode(v.encode()).decode() for v in value]} if value and isinstance(value[0], str) else {"i": [str(v) for v in value]}}
    raise TypeError(value)


def row(op, inputs, tolerance=1e-6, label="", **attrs):
    arrays = [np.asarray(i) for i in inputs]
    case = {"op": op, "name": label or " ".join(str(list(a.shape)) + a.dtype.name for a in arrays), "inputs": [tensor(a) for a in arrays], "attrs": {k: attr(v) for k, v in attrs.items()}, "tolerance": tolerance}
    args = {k: v for k, v in attrs.items() if k != "N"}  # which raw_ops counts itself
    try:
        with tf.device("/cpu:0"):
            out = getattr(tf.raw_ops, op)(**dict(zip(names(op), grouped(op, inputs))), **args)
        out = list(out) if isinstance(out, (list, tuple)) else [out]
        flat = []
        for o in out:
            flat += list(o) if isinstance(o, (list, tuple)) else [o]
        case["outputs"] = [tensor(o.numpy()) for o in flat]
    except tf.errors.OpError as err:
        case["error"] = {"code": err.error_code, "message": str(err.message).split("\n")[0].split(" [Op:")[0].split("} ")[-1]}
    rows.append(case)


from tensorflow.python.framework import op_def_registry


def names(op):
    """The Python names of an op's inputs, which may differ from the op's own; they come first, in order."""
    count = len(op_def_registry.get(op).input_arg)
    return list(inspect.signature(getattr(tf.raw_ops, op)).parameters)[:count]


def grouped(op, inputs):
    """Inputs of list arguments are given flat here and grouped for raw_ops; where an op has several, they are as long as each other."""
    args = op_def_registry.get(op).input_arg
    lists = [i for i, a in enumerate(args) if a.number_attr or a.type_list_attr]
    if not lists:
        return list(inputs)
    count, rest = (len(inputs) - len(args)) // len(lists) + 1, iter(inputs)
    return [[next(rest) for _ in range(count)] if i in lists else next(rest) for i in range(len(args))]
