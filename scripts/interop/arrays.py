"""Numpy against the REST API of a server of ours: arrays go in and come out as numpy.save, numpy.savez and numpy.load have them.

usage: arrays.py URL MODELS

Calls every model of the folder MODELS by its golden file. Prints one JSON object a line: {"name": …} for what held, {"name": …, "error": …} for what did not.
"""

import base64
import io
import json
import pathlib
import sys
import traceback
import urllib.error
import urllib.request

import ml_dtypes
import numpy as np

TIMEOUT_S = 60
NPY, NPZ = "application/x-npy", "application/x-npz"
# What TensorFlow has and numpy has not: its name, and what an answer's array is viewed as.
OWN = {
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e5m2": ml_dtypes.float8_e5m2,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float4_e2m1fn": ml_dtypes.float4_e2m1fn,
    "int4": ml_dtypes.int4,
    "uint4": ml_dtypes.uint4,
    "int2": ml_dtypes.int2,
    "uint2": ml_dtypes.uint2,
    "qint8": np.int8,
    "quint8": np.uint8,
    "qint16": np.int16,
    "quint16": np.uint16,
    "qint32": np.int32,
    "half": np.float16,
    "float": np.float32,
    "double": np.float64,
}


def dtype_of(golden):
    name = golden["dtype"].removeprefix("DT_").lower()
    return np.dtype(OWN.get(name, name))


def array(golden):
    return np.frombuffer(base64.b64decode(golden["content"]), dtype_of(golden)).reshape(golden["shape"])


def saved(value):
    out = io.BytesIO()
    np.save(out, value)
    return out.getvalue()


def savedz(arrays, compressed):
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, **arrays)
    return out.getvalue()


def viewed(got, want):
    """Arrays of dtypes that numpy has no name for come as raw bytes, or as integers of one byte."""
    return got.view(want) if got.dtype != want and got.dtype.itemsize == want.itemsize else got


def close(got, want, tolerance, what):
    got = viewed(got, want.dtype)
    if (got.dtype, got.shape) != (want.dtype, want.shape):
        raise AssertionError(f"{what}: {got.dtype}{got.shape}, want {want.dtype}{want.shape}")
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(got.astype(wide), want.astype(wide), rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what)


class Client:
    def __init__(self, url):
        self.url = url

    def post(self, model, signature, body, sent, wanted):
        request = urllib.request.Request(
            f"{self.url}/v1/models/{model}:predict?signature_name={signature}", body, {"content-type": sent, "accept": wanted}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
                if reply.headers["content-type"] != wanted:
                    raise AssertionError(f"content-type {reply.headers['content-type']}")
                return reply.read()
        except urllib.error.HTTPError as err:
            raise AssertionError(f"{err.code} {err.read().decode()}") from err


def run(name, call):
    line = {"name": name}
    try:
        call()
    except Exception:  # whatever went wrong is the answer
        line["error"] = traceback.format_exc()
    print(json.dumps(line), flush=True)


def main(url, models):
    client = Client(url)
    for path in sorted(pathlib.Path(models).glob("*/golden.json")):
        model = path.parent.name
        versions = json.loads(path.read_text())["versions"]
        for signature, found in versions[max(versions, key=int)]["signatures"].items():
            for case in found["cases"]:
                tensors = [*case["inputs"].values(), *case.get("outputs", {}).values()]
                if "outputs" not in case or not case["inputs"] or any("strings" in t for t in tensors):
                    continue
                inputs = {alias: array(t) for alias, t in case["inputs"].items()}
                outputs = {alias: array(t) for alias, t in case["outputs"].items()}
                title = f"{model} {signature}: {case['name']}"

                def zipped(compressed):
                    got = np.load(io.BytesIO(client.post(model, signature, savedz(inputs, compressed), NPZ, NPZ)))
                    if sorted(got.files) != sorted(outputs):
                        raise AssertionError(f"outputs {got.files}, want {sorted(outputs)}")
                    for alias, want in outputs.items():
                        close(got[alias], want, case["tolerance"], alias)

                def single():
                    (value,) = inputs.values()
                    ((alias, want),) = outputs.items()
                    close(np.load(io.BytesIO(client.post(model, signature, saved(value), NPY, NPY))), want, case["tolerance"], alias)

                run(f"npz: {title}", lambda: zipped(False))
                run(f"compressed npz: {title}", lambda: zipped(True))
                if len(inputs) == 1 and len(outputs) == 1:
                    run(f"npy: {title}", single)


if __name__ == "__main__":
    main(*sys.argv[1:])
