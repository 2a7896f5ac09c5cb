"""peer.py THREADS: TensorFlow's side of a comparison. Reads commands as lines of JSON and answers each with one.

{"load": DIR}            -> {"input": {shape, dtype, content}, "output": {…}}: a model, with its input and what the signature gives for it
{"run": DIR, "calls": N} -> {"session": [µs, …], "signature": [µs, …]}: N calls each of Session.make_callable's callable and of the signature's function
"""
import base64
import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf

threads = int(sys.argv[1])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
models = {}


def plain(array):
    return {"shape": list(array.shape), "dtype": str(array.dtype), "content": base64.b64encode(array.tobytes()).decode()}


def load(path):
    example = np.load(f"{path}/input.npy")
    saved = tf.saved_model.load(f"{path}/1")
    function = saved.signatures["serving_default"]
    (alias,) = function.structured_input_signature[1]
    constant = tf.constant(example)
    signature = lambda: next(iter(function(**{alias: constant}).values())).numpy()
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        meta = tf.compat.v1.saved_model.load(session, ["serve"], f"{path}/1").signature_def["serving_default"]
        fetch = next(iter(meta.outputs.values())).name
        call = session.make_callable(fetch, feed_list=[next(iter(meta.inputs.values())).name])
    models[path] = {"session": lambda: call(example), "signature": signature, "saved": saved}
    return {"input": plain(example), "output": plain(call(example))}


def run(path, calls):
    times = {}
    for who in ("session", "signature"):
        times[who] = []
        for _ in range(calls):
            begun = time.perf_counter()
            models[path][who]()
            times[who].append((time.perf_counter() - begun) * 1e6)
    return times


for line in sys.stdin:
    command = json.loads(line)
    answer = load(command["load"]) if "load" in command else run(command["run"], command["calls"])
    print(json.dumps(answer), flush=True)
