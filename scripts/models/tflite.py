"""Writes packages/engine/testdata/tflite and tflite_unserved: .tflite files by TensorFlow's converter, with golden files by TensorFlow's own interpreter. usage: tflite.py [MODEL...]

The layout is that of testdata/models, with model.tflite in each version's folder.
"""

import os
import pathlib
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import flatbuffers
import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.lite.python import schema_py_generated as schema

import golden
from golden import Golden, example, to_json

ROOT = pathlib.Path(__file__).resolve().parents[2] / "packages" / "engine" / "testdata" / "tflite"
golden.ROOT = ROOT
F = tf.float32


def module(**functions) -> tf.Module:
    """A module whose functions take what their specs say: name=(specs, function)."""
    made = tf.Module()
    for name, (specs, function) in functions.items():
        setattr(made, name, tf.function(function, input_signature=specs, autograph=False))
    return made


def convert(made: tf.Module, names: list[str], **settings) -> bytes:
    signatures = {name: getattr(made, name).get_concrete_function() for name in names}
    scratch = pathlib.Path("/tmp") / f"tfs-tflite-{os.getpid()}"
    tf.saved_model.save(made, str(scratch), signatures={("serving_default" if i == 0 else n): s for i, (n, s) in enumerate(signatures.items())})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(scratch))
    for name, value in settings.items():
        setattr(converter, name, value)
    try:
        return converter.convert()
    finally:
        shutil.rmtree(scratch)


def edited(data: bytes, edit) -> bytes:
    """The file after `edit` has changed its tables."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    edit(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def write(name: str, data: bytes, root: pathlib.Path = ROOT) -> None:
    folder = root / name / "1"
    shutil.rmtree(root / name, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(data)


def interpreted(data: bytes, cases: dict[str, dict], signature: str | None = None, tolerance: float = 1e-5) -> list[dict]:
    """Runs the cases, whose inputs are by alias; without a signature in the file, aliases are tensor names."""
    done = []
    for name, inputs in cases.items():
        runner = tf.lite.Interpreter(model_content=data)
        table = runner.get_signature_list()
        if table:
            run = runner.get_signature_runner(signature)
            got = run(**inputs)
        else:
            short = lambda detail: detail["name"].split(":")[0]
            for detail in runner.get_input_details():
                runner.resize_tensor_input(detail["index"], np.asarray(inputs[short(detail)]).shape)
            runner.allocate_tensors()
            for detail in runner.get_input_details():
                runner.set_tensor(detail["index"], np.asarray(inputs[short(detail)]))
            runner.invoke()
            got = {short(detail): runner.get_tensor(detail["index"]) for detail in runner.get_output_details()}
        done.append({"name": name, "inputs": {k: to_json(v) for k, v in inputs.items()}, "tolerance": tolerance, "outputs": {k: to_json(v) for k, v in got.items()}})
    return done


def computed(function, cases: dict[str, dict], tolerance: float = 1e-5) -> list[dict]:
    """Runs the cases in TensorFlow itself: what its interpreter's Python does not feed, lacks the operator for, or gives back wrongly."""
    done = []
    for name, inputs in cases.items():
        got = function(**{k: tf.constant(v) for k, v in inputs.items()})
        done.append({"name": name, "inputs": {k: to_json(v) for k, v in inputs.items()}, "tolerance": tolerance, "outputs": {k: to_json(v) for k, v in got.items()}})
    return done


def save(name: str, data: bytes, signatures: dict[str, list[dict]]) -> None:
    write(name, data)
    file = Golden(name)
    for signature, cases in signatures.items():
        file.add(1, signature, cases)
    file.write()


def column(*values, dtype=np.float32) -> np.ndarray:
    return np.array([[v] for v in values], dtype)


def half(names: dict[str, str]) -> bytes:
    made = module(run=([tf.TensorSpec([1, 1], F, "x")], lambda x: {"y": 0.5 * x + 2.0}))

    def edit(model):
        model.signatureDefs = []
        graph = model.subgraphs[0]
        for index, name in ((graph.inputs[0], names["x"]), (graph.outputs[0], names["y"])):
            graph.tensors[index].name = name.encode()

    return edited(convert(made, ["run"]), edit)


HALF = {"one": {"x": column(2)}, "two rows": {"x": column(2, -6)}, "a vector": {"x": np.array([1, 2, 3], np.float32)}}


def half_plus_two() -> None:
    """As converters of TensorFlow 1 left it: no signatures."""
    data = half({"x": "x", "y": "y"})
    save("half_plus_two", data, {"serving_default": interpreted(data, HALF)})


def half_plus_two_kept() -> None:
    """SignatureDefs in the metadata, whose names have the :0 that the tensors lack."""
    plain = half({"x": "tflite_input", "y": "y"})
    cases = interpreted(plain, {name: {"tflite_input": inputs["x"]} for name, inputs in HALF.items()})
    for case in cases:
        case["inputs"] = {"x": case["inputs"]["tflite_input"]}

    def edit(model):
        info = lambda name: meta_graph_pb2.TensorInfo(name=name, dtype=types_pb2.DT_FLOAT)
        defs = {key: meta_graph_pb2.SignatureDef(inputs={"x": info("tflite_input:0")}, outputs={"y": info("y:0")}, method_name=method)
                for key, method in (("serving_default", "tensorflow/serving/predict"), ("regress", "tensorflow/serving/regress"))}
        builder = flexbuffers.Builder()
        with builder.Map():
            for key, value in sorted(defs.items()):
                builder.Blob(key, value.SerializeToString(deterministic=True))
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(bytes(builder.Finish()), np.uint8)
        model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = b"signature_defs_metadata", len(model.buffers) - 1
        model.metadata = [*(model.metadata or []), entry]

    save("half_plus_two_kept", edited(plain, edit), {"serving_default": cases, "regress": cases})


def two_graphs() -> None:
    """Two signatures, each with a graph of its own, whose outputs have one name."""
    made = module(
        once=([tf.TensorSpec([None, 2], F, "b"), tf.TensorSpec([None, 2], F, "a")], lambda b, a: {"less": a - b, "more": a + b}),
        twice=([tf.TensorSpec([None, 2], F, "a")], lambda a: {"less": a * 2.0}),
    )
    data = convert(made, ["once", "twice"])
    a, b = np.array([[1, 2], [3, 4]], np.float32), np.array([[10, 20], [30, 40]], np.float32)
    save("two_graphs", data, {
        "serving_default": interpreted(data, {"two rows": {"a": a, "b": b}, "one": {"a": a[:1], "b": b[:1]}}, "serving_default"),
        "twice": interpreted(data, {"two rows": {"a": a}}, "twice"),
    })


def weights(rng, *sizes: int) -> list[tuple]:
    return [(tf.constant(rng.normal(0, n ** -0.5, (n, m)).astype(np.float32)), tf.constant(rng.normal(0, 0.1, m).astype(np.float32))) for n, m in zip(sizes, sizes[1:])]


def dense(layers):
    def run(x):
        for i, (w, b) in enumerate(layers):
            x = x @ w + b
            x = tf.nn.relu(x) if i + 1 < len(layers) else x
        return {"y": tf.nn.softmax(x)}
    return run


def mlp() -> None:
    """Rows that vary in number."""
    rng = np.random.default_rng(7)
    data = convert(module(run=([tf.TensorSpec([None, 8], F, "x")], dense(weights(rng, 8, 16, 4)))), ["run"])
    x = rng.normal(size=(5, 8)).astype(np.float32)
    save("mlp", data, {"serving_default": interpreted(data, {"five": {"x": x}, "one": {"x": x[:1]}}, "serving_default")})


def mlp_int8() -> None:
    """All in integers of eight bits, inputs and outputs too."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(32, 8)).astype(np.float32)
    data = convert(
        module(run=([tf.TensorSpec([None, 8], F, "x")], dense(weights(rng, 8, 16, 4)))), ["run"], optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([row[None]] for row in x),
        target_spec=tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]), inference_input_type=tf.int8, inference_output_type=tf.int8,
    )
    given = rng.integers(-128, 128, (4, 8), np.int8)
    save("mlp_int8", data, {"serving_default": interpreted(data, {"four": {"x": given}, "one": {"x": given[:1]}}, "serving_default", 0)})


def cnn() -> None:
    """A convolution with its bias, pooled, and a dense layer."""
    rng = np.random.default_rng(9)
    kernel, bias = rng.normal(0, 0.3, (3, 3, 1, 4)).astype(np.float32), rng.normal(0, 0.1, 4).astype(np.float32)
    ((w, b),) = weights(rng, 4 * 4 * 4, 3)

    def run(x):
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
        return {"y": tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), [-1, 64]) @ w + b}

    data = convert(module(run=([tf.TensorSpec([None, 8, 8, 1], F, "x")], run)), ["run"])
    x = rng.normal(size=(3, 8, 8, 1)).astype(np.float32)
    save("cnn", data, {"serving_default": interpreted(data, {"three": {"x": x}, "one": {"x": x[:1]}}, "serving_default")})


def strings() -> None:
    """Strings in, in another order out."""
    made = module(run=([tf.TensorSpec([None], tf.string, "s"), tf.TensorSpec([None], tf.int32, "i")], lambda s, i: {"t": tf.gather(s, i)}))
    data = convert(made, ["run"])
    cases = {
        "three of two": {"s": np.array([b"a\x00b", b"\xff"], object), "i": np.array([1, 0, 1], np.int32)},
        "empty ones": {"s": np.array([b"", b""], object), "i": np.array([0], np.int32)},
        "long ones": {"s": np.array([b"x" * 9000, b"y"], object), "i": np.array([0, 1, 0, 0, 0], np.int32)},
    }
    save("strings", data, {"serving_default": computed(made.run, cases, 0)})


def types() -> None:
    """A value of each type that is served, back as it came but for what is done to it; one signature a type."""
    made = module(**{
        name: ([tf.TensorSpec([None], dtype, "x")], function)
        for name, dtype, function in (
            ("int32", tf.int32, lambda x: {"y": x + 1}), ("int64", tf.int64, lambda x: {"y": x + 1}), ("bool", tf.bool, lambda x: {"y": tf.logical_not(x)}),
            ("int16", tf.int16, lambda x: {"y": tf.concat([x, x], 0)}), ("uint8", tf.uint8, lambda x: {"y": tf.concat([x, x], 0)}),
            ("int8", tf.int8, lambda x: {"y": tf.concat([x, x], 0)}),
        )
    }, complex64=([tf.TensorSpec([8], F, "x")], lambda x: {"y": tf.signal.rfft(x, [8])}))
    names = ["int32", "int64", "bool", "int16", "uint8", "int8", "complex64"]
    data = convert(made, names)
    values = {
        "int32": np.array([1, -(2**31)], np.int32), "int64": np.array([2**53 + 1, -(2**63)], np.int64), "bool": np.array([True, False]), "int16": np.array([-(2**15), 7], np.int16),
        "uint8": np.array([0, 255], np.uint8), "int8": np.array([-128, 127], np.int8), "complex64": np.arange(8, dtype=np.float32),
    }
    save("types", data, {("serving_default" if n == "int32" else n): interpreted(data, {n: {"x": values[n]}}, "serving_default" if n == "int32" else n) for n in names})


def found() -> None:
    """How many values there are in the output, only the values of the input tell: once after an operator that passes them on, once not."""
    made = module(
        passed=([tf.TensorSpec([None], F, "x")], lambda x: {"y": tf.abs(tf.boolean_mask(x, x > 0))}),
        bare=([tf.TensorSpec([None], F, "x")], lambda x: {"y": tf.where(x > 0)}),
    )
    for name in ("passed", "bare"):
        data = convert(made, [name])
        x = np.arange(-5, 60, dtype=np.float32)
        cases = interpreted(data, {"many": {"x": x}, "few": {"x": x[:8]}}, "serving_default")
        save(f"found_{name}", data, {"serving_default": [*cases, *computed(getattr(made, name), {"none": {"x": x[:3]}})]})


def examples() -> None:
    """ParseExample, which is TensorFlow Serving's addition to TFLite's operators, and arithmetic on what it gives."""
    features = {"x": tf.io.FixedLenFeature([2], F), "n": tf.io.FixedLenFeature([1], tf.int64, default_value=[7])}

    def run(examples):
        parsed = tf.io.parse_example(examples, features)
        return {"y": parsed["x"] * 0.5 + 2.0, "n": parsed["n"]}

    made = module(run=([tf.TensorSpec([None], tf.string, "examples")], run))
    data = convert(made, ["run"], allow_custom_ops=True)
    given = np.array([example(x=[1.0, 2.0], n=[3]), example(x=[-4.0, 8.0])], object)
    save("examples", data, {"serving_default": computed(made.run, {"two": {"examples": given}, "one": {"examples": given[1:]}})})


def unserved() -> None:
    """An operator of TensorFlow's own, and a type that TensorFlow Serving does not serve."""
    root = ROOT.parent / "tflite_unserved"
    made = module(run=([tf.TensorSpec([None], tf.string, "s")], lambda s: {"t": tf.strings.upper(s)}))
    write("operator", convert(made, ["run"], allow_custom_ops=True), root)
    made = module(run=([tf.TensorSpec([1], tf.float64, "x")], lambda x: {"y": tf.cast(x, F)}))
    write("type", convert(made, ["run"]), root)


MAKERS = {f.__name__: f for f in (half_plus_two, half_plus_two_kept, two_graphs, mlp, mlp_int8, cnn, strings, types, found, examples, unserved)}
for name in sys.argv[1:] or MAKERS:
    MAKERS[name]()
    print(name)
