"""The guide's Python client. usage: client.py TARGET MODELS CONFIG_DIR

Prints one JSON object a line: {"name": …} for what held, {"name": …, "error": …} for what did not.
"""

import json
import pathlib
import sys
import traceback

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

TIMEOUT_S = 60
target, models, configs = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
channel = grpc.insecure_channel(target)
prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
service = model_service_pb2_grpc.ModelServiceStub(channel)


def golden(version):
    case = json.loads((models / "first_model/golden.json").read_text())["versions"][str(version)]["signatures"]["serving_default"]["cases"][0]
    array = lambda t, dtype: np.frombuffer(tf.io.decode_base64(t["content"].replace("+", "-").replace("/", "_").rstrip("=")).numpy(), dtype).reshape(t["shape"])
    return array(case["inputs"]["input_1"], np.int64), array(case["outputs"]["output_1"], np.float32)


def predict(label=None, version=None, output_filter=()):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "first_model"
    request.model_spec.signature_name = "serving_default"
    if label is not None:
        request.model_spec.version_label = label
    if version is not None:
        request.model_spec.version.value = version
    request.inputs["input_1"].CopyFrom(tf.make_tensor_proto(golden(0)[0]))
    request.output_filter.extend(output_filter)
    return prediction.Predict(request, TIMEOUT_S)


def answers(want, **how):
    response = predict(**how)
    np.testing.assert_allclose(np.array(response.outputs["output_1"].float_val, np.float32), golden(want)[1].reshape(-1), rtol=1e-5, atol=1e-5)
    assert response.model_spec.version.value == want, response.model_spec
    assert list(response.outputs) == ["output_1"], list(response.outputs)


def refused(code, text, **how):
    try:
        predict(**how)
    except grpc.RpcError as err:
        assert (err.code(), err.details()) == (code, text), (err.code(), err.details())
        return
    raise AssertionError("it answered")


def reload(name):
    text = (configs / name).read_text().replace('"/models/', f'"{models}/')
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    response = service.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(config=config), TIMEOUT_S)
    assert (response.status.error_code, response.status.error_message) == (0, ""), response.status


def status():
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "first_model"
    response = service.GetModelStatus(request, TIMEOUT_S)
    seen = [(s.version, s.state, s.status.error_code) for s in response.model_version_status]
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert seen == [(1, available, 0), (0, available, 0)], seen


def roll_over():
    for name, version in (("labels_moved.config", 1), ("labels.config", 0)):
        reload(name)
        answers(version, label="stable")


def text_files():
    for name in sorted(p.name for p in configs.iterdir() if "version" in p.name or "label" in p.name or p.name == "models.config"):
        text_format.Parse((configs / name).read_text(), model_server_config_pb2.ModelServerConfig())


CASES = {
    "the greatest version, values by float_val": lambda: answers(1),
    "version_label stable": lambda: answers(0, label="stable"),
    "version_label canary": lambda: answers(1, label="canary"),
    "a version by number, 0 among them": lambda: (answers(0, version=0), answers(1, version=1)),
    "output_filter": lambda: answers(0, label="stable", output_filter=["output_1"]),
    "an unknown output in the filter": lambda: refused(grpc.StatusCode.INVALID_ARGUMENT, "output tensor alias not found in signature: y Outputs expected to be in the set {output_1}.", output_filter=["y"]),
    "an unknown label": lambda: refused(grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: none", label="none"),
    "status of both versions": status,
    "a label rolls over and back by HandleReloadConfigRequest": roll_over,
    "the guide's files are what TensorFlow Serving's own parser reads": text_files,
}

for name, case in CASES.items():
    line = {"name": name}
    try:
        case()
    except Exception:
        line["error"] = traceback.format_exc(limit=2)
    print(json.dumps(line), flush=True)
