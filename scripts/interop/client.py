"""TensorFlow Serving's published Python client against a server of ours.

usage: client.py TARGET MODELS

Calls every model of the folder MODELS by its golden file, then what goldens do not hold: metadata, status, multi-inference, errors, compression.
Prints one JSON object a line: {"name": …} for what held, {"name": …, "error": …} for what did not.
"""

import base64
import json
import pathlib
import sys
import traceback

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, get_model_status_pb2, inference_pb2, input_pb2
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc, regression_pb2

TIMEOUT_S = 60
METHOD = "tensorflow/serving/"


def dtype_of(golden):
    return tf.as_dtype(golden["dtype"].removeprefix("DT_").lower())


def array(golden):
    dtype = dtype_of(golden)
    if dtype == tf.string:
        return np.array([base64.b64decode(s) for s in golden["strings"]], object).reshape(golden["shape"])
    return np.frombuffer(base64.b64decode(golden["content"]), dtype.as_numpy_dtype).reshape(golden["shape"])


def proto(golden):
    return tf.make_tensor_proto(array(golden), dtype=dtype_of(golden), shape=golden["shape"])


def expect(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def close(got, want, tolerance, what):
    expect((got.dtype, got.shape), (want.dtype, want.shape), f"{what}: dtype and shape")
    if got.dtype == object or tolerance == 0:
        expect(got.tolist(), want.tolist(), what)
    elif got.dtype.kind == "c":
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=tolerance, atol=tolerance, equal_nan=True)


class Client:
    def __init__(self, target, models):
        channel = grpc.insecure_channel(target)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(channel)
        self.models = models

    def predict(self, model, signature, inputs, **options):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        for alias, value in inputs.items():
            request.inputs[alias].CopyFrom(value)
        return self.prediction.Predict(request, TIMEOUT_S, **options)

    def golden(self, model, version, signature, case):
        inputs = {alias: proto(t) for alias, t in case["inputs"].items()}
        if "error" in case:
            try:
                self.predict(model, signature, inputs)
            except grpc.RpcError as err:
                expect(err.code().value[0], case["error"]["code"], "code")
                return
            raise AssertionError("answered where TensorFlow refuses")
        response = self.predict(model, signature, inputs)
        expect(response.model_spec.version.value, version, "version")
        expect(response.model_spec.signature_name, signature, "signature")
        expect(sorted(response.outputs), sorted(case["outputs"]), "outputs")
        for alias, want in case["outputs"].items():
            close(tf.make_ndarray(response.outputs[alias]), array(want), case["tolerance"], alias)

    def examples(self, model, signature, method, case):
        serialized = [tf.train.Example.FromString(e) for e in array(case["inputs"]["inputs"])]
        given = input_pb2.Input(example_list=input_pb2.ExampleList(examples=serialized))
        (want,) = case["outputs"].values()
        if method == "classify":
            request = classification_pb2.ClassificationRequest(input=given)
            request.model_spec.name, request.model_spec.signature_name = model, signature
            rows = self.prediction.Classify(request, TIMEOUT_S).result.classifications
            got = [c.score for row in rows for c in row.classes]
        else:
            request = regression_pb2.RegressionRequest(input=given)
            request.model_spec.name, request.model_spec.signature_name = model, signature
            got = [r.value for r in self.prediction.Regress(request, TIMEOUT_S).result.regressions]
        close(np.array(got, np.float32), array(want).reshape(-1), case["tolerance"], method)

    def script(self, model, steps):
        for step in steps:
            response = self.predict(model, step["signature"], {alias: proto(t) for alias, t in step["inputs"].items()})
            for alias, want in step["outputs"].items():
                close(tf.make_ndarray(response.outputs[alias]), array(want), 0, step["signature"])

    def metadata(self, model, version):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = model
        response = self.prediction.GetModelMetadata(request, TIMEOUT_S)
        expect((response.model_spec.name, response.model_spec.version.value), (model, version), "spec")
        got = get_model_metadata_pb2.SignatureDefMap()
        if not response.metadata["signature_def"].Unpack(got):
            raise AssertionError("signature_def is no SignatureDefMap")
        saved = saved_model_pb2.SavedModel.FromString((self.models / model / str(version) / "saved_model.pb").read_bytes())
        (graph,) = [g for g in saved.meta_graphs if list(g.meta_info_def.tags) == ["serve"]]
        expect(dict(got.signature_def), dict(graph.signature_def), "signatures")

    def status(self, model, version):
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        (entry,) = self.model.GetModelStatus(request, TIMEOUT_S).model_version_status
        got = (entry.version, entry.state, entry.status.error_code, entry.status.error_message)
        expect(got, (version, get_model_status_pb2.ModelVersionStatus.AVAILABLE, 0, ""), "status")

    def multi_inference(self):
        example = tf.train.Example()
        example.features.feature["x"].float_list.value.append(2.0)
        request = inference_pb2.MultiInferenceRequest()
        request.input.example_list.examples.append(example)
        for signature, method in (("regress_x_to_y", "regress"), ("classify_x_to_y", "classify")):
            task = request.tasks.add(method_name=METHOD + method)
            task.model_spec.name, task.model_spec.signature_name = "half_plus_two", signature
            task.model_spec.version.value = 2
        first, second = self.prediction.MultiInference(request, TIMEOUT_S).results
        expect(first.regression_result.regressions[0].value, 4.0, "regress")
        expect(second.classification_result.classifications[0].classes[0].score, 4.0, "classify")

    def refused(self, call, code, details):
        try:
            call()
        except grpc.RpcError as err:
            expect((err.code(), err.details()), (code, details), "status")
            return
        raise AssertionError("was not refused")

    def gzip(self):
        x = np.arange(10_000, dtype=np.float32)
        response = self.predict("half_plus_two", "", {"x": tf.make_tensor_proto(x)}, compression=grpc.Compression.Gzip)
        close(tf.make_ndarray(response.outputs["y"]), x / 2 + 3, 1e-5, "y")

    def large(self):
        x = np.arange(900_000, dtype=np.float32)
        response = self.predict("half_plus_two", "", {"x": tf.make_tensor_proto(x)})
        close(tf.make_ndarray(response.outputs["y"]), x / 2 + 3, 1e-5, "y")

    def cases(self):
        for path in sorted(self.models.glob("*/golden.json")):
            golden = json.loads(path.read_text())
            model = golden["model"]
            version = max(map(int, golden["versions"]))
            held = golden["versions"][str(version)]
            for signature, value in held["signatures"].items():
                for case in value["cases"]:
                    title = f"{model} {signature}: {case['name']}"
                    yield f"Predict {title}", lambda: self.golden(model, version, signature, case)
                    if "examples" in case:
                        yield f"{value['method'].capitalize()} {title}", lambda: self.examples(model, signature, value["method"], case)
            if "script" in held:
                yield f"Predict {model} keeps its state", lambda: self.script(model, held["script"])
            yield f"GetModelMetadata {model}", lambda: self.metadata(model, version)
            yield f"GetModelStatus {model}", lambda: self.status(model, version)
        yield "MultiInference half_plus_two", self.multi_inference
        yield "a gzipped request", self.gzip
        yield "a tensor of 3.6 MB both ways", self.large
        code = grpc.StatusCode
        half = {"x": tf.make_tensor_proto(1.0)}
        for name, call, want, details in (
            ("an unknown model", lambda: self.predict("none", "", half), code.NOT_FOUND, "Servable not found for request: Latest(none)"),
            ("an unknown signature", lambda: self.predict("half_plus_two", "nope", half), code.FAILED_PRECONDITION, 'Serving signature key "nope" not found.'),
            (
                "a tensor of another dtype",
                lambda: self.predict("half_plus_two", "", {"x": tf.make_tensor_proto(True)}),
                code.INVALID_ARGUMENT,
                "Expects arg[0] to be float but bool is provided",
            ),
            (
                "a text that is cut",
                lambda: self.predict("n" * 2000, "", half),
                code.NOT_FOUND,
                ("Servable not found for request: Latest(" + "n" * 2000)[:1024] + "...TRUNCATED",
            ),
        ):
            yield f"refused: {name}", lambda: self.refused(call, want, details)


def main(target, models):
    client = Client(target, pathlib.Path(models))
    for name, run in client.cases():
        try:
            run()
            print(json.dumps({"name": name}), flush=True)
        except Exception:  # every case is told, whatever ends it
            print(json.dumps({"name": name, "error": traceback.format_exc(limit=3)}), flush=True)


main(*sys.argv[1:])
