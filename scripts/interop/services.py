"""A server's own services, by Python's gRPC and the messages of TensorFlow Serving's published package.

usage: services.py TARGET

TARGET serves the model half_plus_two, and SessionRun. Prints one JSON object a line, as client.py does.
"""

import json
import sys
import traceback

import grpc
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow_serving.apis import predict_pb2, session_service_pb2

TIMEOUT_S = 60
MODEL = "half_plus_two"


def message(name, fields, pool=descriptor_pool.Default()):
    """message declares a message of optional fields, (name, number, type, full type name), that the published package lacks."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="declared", syntax="proto3", dependency=[predict_pb2.DESCRIPTOR.name])
    desc = file.message_type.add(name=name)
    for field, number, kind, type_name in fields:
        desc.field.add(name=field, number=number, type=kind, label=1, type_name=type_name)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"declared.{name}"))


INT32, STRING, MESSAGE, BYTES = 5, 9, 11, 12
# google.rpc.Status and tfs.serving.v1.PredictStreamResponse, by their field numbers.
Status = message("Status", [("code", 1, INT32, None), ("message", 2, STRING, None)])
Answer = message("Answer", [("response", 1, MESSAGE, ".tensorflow.serving.PredictResponse"), ("error", 2, BYTES, None)])


def predict(x, name=MODEL):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(x, dtype=tf.float32))
    return request


def expect(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def said(answer):
    if answer.HasField("response"):
        return tf.make_ndarray(answer.response.outputs["y"]).tolist()
    status = Status.FromString(answer.error)
    return (status.code, status.message)


def stream(channel):
    call = channel.stream_stream(
        "/tfs.serving.v1.ServingService/PredictStream",
        request_serializer=predict_pb2.PredictRequest.SerializeToString,
        response_deserializer=Answer.FromString,
    )
    requests = [predict([x, x + 1], "none" if x % 10 == 3 else MODEL) for x in range(100)]
    got = [said(answer) for answer in call(iter(requests), timeout=TIMEOUT_S)]
    none = (grpc.StatusCode.NOT_FOUND.value[0], "Servable not found for request: Latest(none)")
    expect(got, [none if x % 10 == 3 else [x / 2 + 3, (x + 1) / 2 + 3] for x in range(100)], "answers")


def session(channel):
    call = channel.unary_unary(
        "/tensorflow.serving.SessionService/SessionRun",
        request_serializer=session_service_pb2.SessionRunRequest.SerializeToString,
        response_deserializer=session_service_pb2.SessionRunResponse.FromString,
    )
    request = session_service_pb2.SessionRunRequest(fetch=["y:0", "x:0"])
    request.model_spec.name = MODEL
    feed = request.feed.add(name="x:0")
    feed.tensor.CopyFrom(tf.make_tensor_proto([2, 4], dtype=tf.float32))
    response = call(request, timeout=TIMEOUT_S)
    expect([(t.name, tf.make_ndarray(t.tensor).tolist()) for t in response.tensor], [("y:0", [4, 5]), ("x:0", [2, 4])], "tensors")
    expect(response.model_spec.version.value, 2, "version")


def main():
    channel = grpc.insecure_channel(sys.argv[1])
    for name, case in (("PredictStream: a hundred requests", stream), ("SessionRun", session)):
        line = {"name": name}
        try:
            case(channel)
        except Exception:  # noqa: BLE001 - whatever it is, it is this case's
            line["error"] = traceback.format_exc()
        print(json.dumps(line), flush=True)


main()
