"""Runs every committed model and compares with its golden file, and ops.json with the graphs. Exit 1 and a line per difference."""

import base64
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2

import ops
from golden import ROOT


def from_json(tensor: dict) -> np.ndarray:
    if tensor["dtype"] == "DT_STRING":
        return np.array([base64.b64decode(s) for s in tensor["strings"]], object).reshape(tensor["shape"])
    dtype = tf.as_dtype(types_pb2.DataType.Value(tensor["dtype"])).as_numpy_dtype
    return np.frombuffer(base64.b64decode(tensor["content"]), dtype).reshape(tensor["shape"])


def same(got: np.ndarray, want: np.ndarray, tolerance: float) -> bool:
    if got.shape != want.shape:
        return False
    if got.dtype.kind in "OSUb" or want.dtype.kind in "OiuSb" or tolerance == 0:
        return got.tobytes() == want.tobytes() if want.dtype != object else got.tolist() == want.tolist()
    return np.allclose(got.astype(np.complex128), want.astype(np.complex128), rtol=tolerance, atol=tolerance, equal_nan=True)


def differing(path: str, steps: list) -> list:
    """Runs steps one after the other in a session of their own, and gives those whose outputs are others."""
    found = []
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], path)
        for name, case in steps:
            signature = meta.signature_def[name]
            feeds = {signature.inputs[alias].name: from_json(t) for alias, t in case["inputs"].items()}
            aliases = sorted(signature.outputs)
            options = config_pb2.CallableOptions(feed=list(feeds), fetch=[signature.outputs[a].name for a in aliases])
            try:
                got = session._make_callable_from_options(options)(*feeds.values())
                ok = "outputs" in case and all(same(np.asarray(g), from_json(case["outputs"][a]), case.get("tolerance", 0) or 0) for a, g in zip(aliases, got))
            except tf.errors.OpError as err:
                ok = case.get("error") == {"code": err.error_code, "message": err.message.split("\n")[0]}
            if not ok:
                found.append(f"{name}: {case.get('name', '')}")
    return found


def main() -> int:
    compared, wrong = 0, 0
    for path in sorted(ROOT.glob("*/golden.json")):
        golden = json.loads(path.read_text())
        for version, content in golden["versions"].items():
            cases = [(name, case) for name, s in content["signatures"].items() for case in s["cases"]]
            script = [(step["signature"], step) for step in content.get("script", [])]
            # A model with a script keeps state: each case begins anew, and so does the script.
            for steps in [[case] for case in cases] + [script] if script else [cases]:
                compared += len(steps)
                for what in differing(str(path.parent / version), steps):
                    wrong += 1
                    print(f"{golden['model']}/{version} {what} differs")
    for model in sorted(p.name for p in ROOT.iterdir() if p.is_dir() and not (p / "golden.json").exists()):
        wrong += 1
        print(f"{model}: no golden.json")
    if json.loads((ROOT / "ops.json").read_text()) != ops.find():
        wrong += 1
        print("ops.json differs from the graphs: run ops.py")
    print(f"{compared} cases compared, {wrong} differ")
    return 1 if wrong else 0


assert ml_dtypes  # registers bfloat16 with numpy
sys.exit(main())
