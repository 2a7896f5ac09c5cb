"""The other side of tensorflow.mjs: TensorFlow from Python, as fast as it goes, which is a callable of a session over numpy arrays.

Reads a JSON request a line, answers with a JSON line: {"load": dir, "feeds": {name: golden tensor}, "fetches": [name]} gives a number, and
{"run": that number, "calls": n} the microseconds of n calls.
"""

import base64
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def array(golden):
    dtype = tf.dtypes.DType(getattr(tf, golden["dtype"][3:].lower(), tf.float32).as_datatype_enum).as_numpy_dtype
    if "strings" in golden:
        return np.array([base64.b64decode(s) for s in golden["strings"]], dtype=object).reshape(golden["shape"])
    return np.frombuffer(base64.b64decode(golden["content"]), dtype).reshape(golden["shape"])


def load(request):
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        tf.compat.v1.saved_model.load(session, ["serve"], request["load"])
    feeds = request["feeds"]
    call = session.make_callable(request["fetches"], feed_list=list(feeds))
    values = [array(golden) for golden in feeds.values()]
    return lambda: call(*values)


loaded = []
for line in sys.stdin:
    request = json.loads(line)
    if "load" in request:
        loaded.append(load(request))
        answer = len(loaded) - 1
    else:
        run, answer = loaded[request["run"]], []
        for _ in range(request["calls"]):
            start = time.perf_counter()
            run()
            answer.append((time.perf_counter() - start) * 1e6)
    print(json.dumps(answer), flush=True)
