"""TFRecord files by TensorFlow's own reader and writer, and the messages of TensorFlow Serving's published package in them.

usage: records.py read FILE ...        prints, for each record, {"file", "sha256", "kind", "signature", "x"}, and {"file", "error"} where a file ends before its end
       records.py write FILE LENGTH …  writes a file with records of those lengths, the bytes of the i-th (i + k) mod 251
       records.py warm FILE            writes warm-up requests for the model half_plus_two, one of each kind
"""

import hashlib
import json
import os
import sys

import tensorflow as tf
from google.protobuf import message
from tensorflow_serving.apis import prediction_log_pb2


def read(path):
    name = os.path.basename(path)
    try:
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            print(json.dumps({"file": name, "sha256": hashlib.sha256(record).hexdigest(), **described(record)}, default=bytes.decode))
    except tf.errors.DataLossError as err:
        print(json.dumps({"file": name, "error": str(err)}))


def described(record):
    log = prediction_log_pb2.PredictionLog()
    try:
        log.ParseFromString(record)
    except message.DecodeError:
        return {}
    kind = log.WhichOneof("log_type")
    x = None
    if kind == "predict_log":
        x = tf.make_ndarray(log.predict_log.request.inputs["x"]).tolist()
    return {"kind": kind, "signature": log.log_metadata.model_spec.signature_name, "x": x}


def write(path, lengths):
    with tf.io.TFRecordWriter(path) as writer:
        for i, length in enumerate(lengths):
            writer.write(bytes((i + k) % 251 for k in range(length)))


def warm(path):
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    logs = [prediction_log_pb2.PredictionLog() for _ in range(4)]
    logs[0].predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto([2.0], dtype=tf.float32))
    logs[1].classify_log.request.model_spec.signature_name = "classify_x_to_y"
    logs[1].classify_log.request.input.example_list.examples.append(example)
    logs[2].regress_log.request.model_spec.signature_name = "regress_x_to_y"
    logs[2].regress_log.request.input.example_list.examples.append(example)
    task = logs[3].multi_inference_log.request.tasks.add(method_name="tensorflow/serving/regress")
    task.model_spec.name = "any"
    task.model_spec.signature_name = "regress_x_to_y"
    logs[3].multi_inference_log.request.input.example_list.examples.append(example)
    with tf.io.TFRecordWriter(path) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def main(verb, path, *more):
    if verb == "read":
        for each in (path, *more):
            read(each)
    elif verb == "write":
        write(path, [int(length) for length in more])
    elif verb == "warm":
        warm(path)
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
