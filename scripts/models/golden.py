"""The golden file of a model: inputs and outputs as TensorFlow computes them from the SavedModel on disk.

A tensor is {"dtype": "DT_FLOAT", "shape": [2, 1], "content": base64 of tensor_content}; a string tensor has "strings": [base64, ...] instead;
short numeric ones carry "values" for the reader's eye. testdata/models/README.md describes the rest.
"""

import base64
import json
import math
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "models"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def to_json(value, declared: int = 0) -> dict:
    """The tensor as JSON. `declared` is the signature's DataType: numpy has no quantized types of its own and calls qint8 int8."""
    array = value.numpy() if hasattr(value, "numpy") else np.asarray(value)
    if array.dtype.kind in "OSU":
        flat = [v if isinstance(v, bytes) else str(v).encode() for v in array.reshape(-1).tolist()]
        return {"dtype": "DT_STRING", "shape": list(array.shape), "strings": [b64(v) for v in flat]}
    enum = tf.as_dtype(array.dtype).as_datatype_enum
    if declared in (types_pb2.DT_QINT8, types_pb2.DT_QUINT8, types_pb2.DT_QINT16, types_pb2.DT_QUINT16, types_pb2.DT_QINT32):
        enum = declared
    out = {"dtype": types_pb2.DataType.Name(enum), "shape": list(array.shape), "content": b64(np.ascontiguousarray(array).tobytes())}
    if array.size <= 16 and array.dtype.kind in "fiu":
        out["values"] = [v if isinstance(v, int) or math.isfinite(v) else str(v) for v in array.astype(float if array.dtype.kind == "f" else object).reshape(-1).tolist()]
        if array.dtype.itemsize == 8 and array.dtype.kind in "iu":
            out["values"] = [str(v) for v in out["values"]]
    return out


class Golden:
    """Collects the cases of one model and writes golden.json beside its versions."""

    def __init__(self, model: str):
        self.model = model
        self.versions: dict = {}

    def add(self, version: int, signature: str, cases: list[dict], method: str = "predict") -> None:
        signatures = self.versions.setdefault(str(version), {"signatures": {}})["signatures"]
        signatures[signature] = {"method": method, "cases": cases}

    def write(self) -> None:
        path = ROOT / self.model / "golden.json"
        path.write_text(json.dumps({"model": self.model, "versions": self.versions}, indent=1) + "\n")


def run(path, signature: str, named_inputs: dict[str, dict], tolerance: float = 1e-5, tags=("serve",), extra: dict | None = None) -> list[dict]:
    """Runs each case through the graph's own tensors, as a session-based server does, in order and from one fresh load."""
    cases = []
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        meta = tf.compat.v1.saved_model.load(session, list(tags), str(path))
        signature_def = meta.signature_def[signature]
        for name, inputs in named_inputs.items():
            feeds = {signature_def.inputs[alias].name: value for alias, value in inputs.items()}
            fetches = {alias: info.name for alias, info in signature_def.outputs.items()}
            case = {"name": name, "inputs": {k: to_json(v, signature_def.inputs[k].dtype) for k, v in inputs.items()}, "tolerance": tolerance}
            try:
                # A raw callable skips Python's own check of fed shapes, which a server does not make.
                aliases = sorted(fetches)
                options = config_pb2.CallableOptions(feed=list(feeds), fetch=[fetches[a] for a in aliases])
                got = session._make_callable_from_options(options)(*[np.asarray(v) for v in feeds.values()])
                case["outputs"] = {alias: to_json(value, signature_def.outputs[alias].dtype) for alias, value in zip(aliases, got)}
            except tf.errors.FailedPreconditionError:
                raise  # a variable or table that was not saved: the model is wrong, not the case
            except tf.errors.OpError as err:
                case["error"] = {"code": err.error_code, "message": err.message.split("\n")[0]}
            case.update((extra or {}).get(name, {}))
            cases.append(case)
    return cases


def example(**features) -> bytes:
    """One serialised tf.Example: a list of floats, ints or byte strings per feature."""
    feature = {}
    for name, values in features.items():
        if isinstance(values[0], float):
            feature[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        elif isinstance(values[0], int):
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)
