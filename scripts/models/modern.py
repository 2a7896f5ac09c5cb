"""Models in TF2 form: functions, resource variables, Keras exports."""

import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from golden import ROOT, Golden, example, run, to_json


def fresh(model: str, version: int):
    path = ROOT / model / str(version)
    shutil.rmtree(path, ignore_errors=True)
    return path


def _strip(path) -> None:
    """Drops what serving never reads."""
    for junk in ("keras_metadata.pb", "debug"):
        target = path / junk
        shutil.rmtree(target, ignore_errors=True) if target.is_dir() else target.unlink(missing_ok=True)


def variables(layer) -> list[tf.Variable]:
    """A tf.Module saves the variables it can see; Keras 3 keeps its own inside wrappers."""
    return [v.value for v in layer.variables]


def save(module, path, signatures) -> None:
    tf.saved_model.save(module, str(path), signatures=signatures, options=tf.saved_model.SaveOptions(save_debug_info=False))
    _strip(path)


def half_plus_two_tf2() -> None:
    class Module(tf.Module):
        def __init__(self):
            self.a = tf.Variable(0.5, name="a")
            self.b = tf.Variable(2.0, name="b")
            self.c = tf.Variable(3.0, name="c")

        def parse(self, serialized):
            return tf.io.parse_example(serialized, {"x": tf.io.FixedLenFeature([1], tf.float32), "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0])})

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def predict(self, x):
            return {"y": self.a * x + self.b}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def regress(self, inputs):
            return {"outputs": self.a * self.parse(inputs)["x"] + self.b}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def classify(self, inputs):
            return {"scores": self.a * self.parse(inputs)["x"] + self.b}

    module, path = Module(), fresh("half_plus_two_tf2", 1)
    save(module, path, {"serving_default": module.predict, "regress_x_to_y": module.regress, "classify_x_to_y": module.classify})
    golden = Golden("half_plus_two_tf2")
    golden.add(1, "serving_default", run(path, "serving_default", {"three": {"x": np.array([1, 2, 5], np.float32)}, "none": {"x": np.zeros(0, np.float32)}}))
    batch = {"inputs": np.array([example(x=[80.0]), example(x=[20.0], x2=[4.0])], object)}
    bad = {"inputs": np.array([b"no example"], object)}
    for name in ("regress_x_to_y", "classify_x_to_y"):
        extra = {"two examples": {"examples": [{"x": [80.0]}, {"x": [20.0], "x2": [4.0]}]}}
        golden.add(1, name, run(path, name, {"two examples": batch, "bytes that are no example": bad}, extra=extra), method=name.split("_")[0])
    golden.write()


def pixel_mean() -> None:
    """The mean of each channel: a large image in, three numbers out, next to no work between."""

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "image")])
        def predict(self, image):
            return {"mean": tf.reduce_mean(image, axis=[1, 2])}

    module, path = Module(), fresh("pixel_mean", 1)
    save(module, path, {"serving_default": module.predict})
    golden = Golden("pixel_mean")
    image = np.arange(2 * 2 * 3 * 3, dtype=np.float32).reshape(2, 2, 3, 3) / 8
    golden.add(1, "serving_default", run(path, "serving_default", {"two images": {"image": image}, "no image": {"image": image[:0]}, "an image without pixels": {"image": image[:, :0]}}))
    golden.write()


def digits() -> None:
    """A CNN on scikit-learn's bundled 8 x 8 digits; golden inputs are held-out images."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    keras.utils.set_random_seed(7)
    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[..., None]
    train_x, test_x, train_y, test_y = train_test_split(images, data.target, test_size=0.2, random_state=7, stratify=data.target)
    model = keras.Sequential([
        keras.layers.Input((8, 8, 1), name="image"),
        keras.layers.Conv2D(16, 3, activation="relu", padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_x, train_y, epochs=30, batch_size=32, verbose=0)
    accuracy = float(model.evaluate(test_x, test_y, verbose=0)[1])
    assert accuracy >= 0.97, accuracy
    path = fresh("digits", 1)

    class Module(tf.Module):
        def __init__(self):
            self.model = model
            self.tracked = variables(model)

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, "image")])
        def predict(self, image):
            scores = self.model(image, training=False)
            return {"scores": scores, "digit": tf.argmax(scores, axis=1)}

    module = Module()
    save(module, path, {"serving_default": module.predict})
    golden = Golden("digits")
    pick = np.concatenate([np.flatnonzero(test_y == d)[:2] for d in range(10)])[:16]
    golden.add(1, "serving_default", run(path, "serving_default", {
        "sixteen held-out images": {"image": test_x[pick]}, "one held-out image": {"image": test_x[pick[:1]]}, "no image": {"image": np.zeros((0, 8, 8, 1), np.float32)},
    }, extra={"sixteen held-out images": {"labels": [int(v) for v in test_y[pick]]}}))
    golden.write()
    print(f"digits: held-out accuracy {accuracy:.4f}")


def text() -> None:
    """Strings in, sentiment out: a lookup table over a vocabulary file, embedding, mean, dense."""
    words = ["good", "great", "love", "fine", "happy", "bad", "poor", "hate", "awful", "sad", "not", "very", "movie", "food", "day"]
    weights = np.zeros((len(words) + 2, 2), np.float32)
    for i, word in enumerate(words):
        weights[i + 2] = [1.0, 0.2] if i < 5 else [-1.0, 0.1] if i < 10 else [0.05 * (i - 11), -0.3]
    vocabulary = Path("vocabulary.txt")
    vocabulary.write_text("\n".join(words) + "\n")

    class Module(tf.Module):
        def __init__(self):
            init = tf.lookup.TextFileInitializer(str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
            self.table = tf.lookup.StaticHashTable(init, -1)
            self.embedding = tf.Variable(weights, name="embedding")
            self.kernel = tf.Variable([[2.0], [0.5]], name="kernel")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
        def predict(self, text):
            clean = tf.strings.regex_replace(tf.strings.lower(text), "[^a-z ]", "")
            ids = self.table.lookup(tf.strings.split(clean).to_tensor(default_value="")) + 2
            known = tf.cast(ids > 1, tf.float32)[..., None]
            mean = tf.reduce_sum(tf.gather(self.embedding, ids) * known, 1) / tf.maximum(tf.reduce_sum(known, 1), 1.0)
            score = tf.sigmoid(tf.squeeze(mean @ self.kernel, 1))
            return {"score": score, "label": tf.where(score >= 0.5, "positive", "negative")}

    module, path = Module(), fresh("text", 1)
    save(module, path, {"serving_default": module.predict})
    vocabulary.unlink()
    golden = Golden("text")
    golden.add(1, "serving_default", run(path, "serving_default", {
        "three sentences": {"text": np.array([b"What a GREAT movie!", b"I hate this, awful food", b"a very happy day"], object)},
        "unknown words, none, and bytes that are not UTF-8": {"text": np.array([b"xyzzy", b"", b"\xff good"], object)},
        "no sentence": {"text": np.array([], object)},
    }))
    golden.write()


def first_model() -> None:
    golden = Golden("first_model")
    for version in (0, 1):
        keras.utils.set_random_seed(version + 1)
        model = keras.Sequential([keras.layers.Input((31,), dtype="int64", name="input_1"), keras.layers.Embedding(50, 8), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
        path = fresh("first_model", version)

        class Module(tf.Module):
            def __init__(self):
                self.model = model
                self.tracked = variables(model)

            @tf.function(input_signature=[tf.TensorSpec([None, 31], tf.int64, "input_1")])
            def predict(self, input_1):
                return {"output_1": self.model(input_1, training=False)}

        module = Module()
        save(module, path, {"serving_default": module.predict})
        ids = np.random.default_rng(3).integers(0, 50, (3, 31))
        golden.add(version, "serving_default", run(path, "serving_default", {"three rows": {"input_1": ids}, "an id that is not in the table": {"input_1": np.full((1, 31), 50)}, "no row": {"input_1": ids[:0]}}))
    golden.write()


def second_model() -> None:
    keras.utils.set_random_seed(5)
    dense = keras.layers.Dense(3, activation="tanh")
    dense.build((None, 4))

    class Module(tf.Module):
        def __init__(self):
            self.dense = dense
            self.tracked = variables(dense)

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "features"), tf.TensorSpec([None, 3], tf.int32, "counts")])
        def predict(self, features, counts):
            hidden = self.dense(features)
            return {"weighted": hidden * tf.cast(counts, tf.float32), "total": tf.reduce_sum(counts, axis=1)}

    module, path = Module(), fresh("second_model", 1)
    save(module, path, {"serving_default": module.predict})
    golden = Golden("second_model")
    rng = np.random.default_rng(4)
    golden.add(1, "serving_default", run(path, "serving_default", {
        "two rows": {"features": rng.standard_normal((2, 4)).astype(np.float32), "counts": np.array([[1, 2, 3], [-4, 5, 6]], np.int32)},
        "rows that do not match": {"features": rng.standard_normal((2, 4)).astype(np.float32), "counts": np.zeros((3, 3), np.int32)},
        "a column too many": {"features": np.zeros((1, 5), np.float32), "counts": np.zeros((1, 3), np.int32)},
        "no row": {"features": np.zeros((0, 4), np.float32), "counts": np.zeros((0, 3), np.int32)},
    }))
    golden.write()


def mlp() -> None:
    keras.utils.set_random_seed(9)
    layers = [keras.layers.Dense(256, activation="relu"), keras.layers.Dense(256, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.layers.Input((64,)), *layers])

    class Module(tf.Module):
        def __init__(self):
            self.model = model
            self.tracked = variables(model)

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def predict(self, x):
            return {"y": self.model(x, training=False)}

    module, path = Module(), fresh("mlp", 1)
    save(module, path, {"serving_default": module.predict})
    golden = Golden("mlp")
    x = np.random.default_rng(1).standard_normal((8, 64)).astype(np.float32)
    golden.add(1, "serving_default", run(path, "serving_default", {"eight rows": {"x": x}, "one row": {"x": x[:1]}, "no row": {"x": x[:0]}}))
    golden.write()


def cond_loop() -> None:
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([], tf.int32, "n")])
        def predict(self, x, n):
            _, doubled = tf.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, v * 2.0), [tf.constant(0), x], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])])
            return {"y": tf.cond(n > 2, lambda: doubled + 1.0, lambda: doubled - 1.0)}

    module, path = Module(), fresh("cond_loop", 1)
    save(module, path, {"serving_default": module.predict})
    golden = Golden("cond_loop")
    x = np.array([1, -2, 0.5], np.float32)
    golden.add(1, "serving_default", run(path, "serving_default", {f"{n} rounds": {"x": x, "n": np.int32(n)} for n in (0, 1, 2, 3, 7)}))
    golden.write()


def effects() -> None:
    """What no output depends on, and runs all the same: an assertion, and a count under a condition."""
    class Module(tf.Module):
        def __init__(self):
            self.count = tf.Variable(0.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def positive(self, x):
            tf.debugging.Assert(tf.reduce_all(x > 0), [x])
            return {"y": x * 2}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def bump(self, x):
            tf.cond(tf.reduce_all(x > 0), lambda: self.count.assign_add(1.0).read_value(), lambda: tf.constant(0.0))
            return {"y": x * 2}

        @tf.function(input_signature=[])
        def counted(self):
            return {"count": self.count.read_value()}

    module, path = Module(), fresh("effects", 1)
    save(module, path, {"serving_default": module.positive, "bump": module.bump, "counted": module.counted})
    golden = Golden("effects")
    values = {"above zero": [1, 2], "one below": [1, -2], "none": []}
    golden.add(1, "serving_default", run(path, "serving_default", {name: {"x": np.array(x, np.float32)} for name, x in values.items()}))
    steps = []
    loaded = tf.saved_model.load(str(path))
    for signature, inputs in [("counted", {}), ("bump", {"x": [1]}), ("counted", {}), ("bump", {"x": [-1]}), ("bump", {"x": [2]}), ("counted", {})]:
        feeds = {alias: np.array(value, np.float32) for alias, value in inputs.items()}
        got = loaded.signatures[signature](**{alias: tf.constant(value) for alias, value in feeds.items()})
        steps.append({"signature": signature, "inputs": {k: to_json(v) for k, v in feeds.items()}, "outputs": {k: to_json(v) for k, v in got.items()}})
    golden.versions["1"]["script"] = steps
    golden.write()


def tables() -> None:
    """Tables that change, one of them saved with entries in it: what is inserted, removed and found, and how large they are from call to call."""
    class Module(tf.Module):
        def __init__(self):
            self.ids = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, name="ids")
            self.scores = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.5, name="scores")
            self.ids.insert(["a", "b"], [10, 20])
            self.names = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([10, 20, 30], tf.constant(["ten", "twenty", "thirty"]), key_dtype=tf.int64), "none")

        @tf.function(input_signature=[tf.TensorSpec(None, tf.string, "keys")])
        def find(self, keys):
            ids = self.ids.lookup(keys)
            return {"ids": ids, "scores": self.scores.lookup(ids), "names": self.names.lookup(ids)}

        @tf.function(input_signature=[tf.TensorSpec(None, tf.string, "keys"), tf.TensorSpec(None, tf.int64, "defaults")])
        def find_or(self, keys, defaults):
            return {"ids": self.ids.lookup(keys, dynamic_default_values=defaults)}

        @tf.function(input_signature=[tf.TensorSpec(None, tf.string, "keys"), tf.TensorSpec(None, tf.int64, "ids"), tf.TensorSpec(None, tf.float32, "scores")])
        def insert(self, keys, ids, scores):
            before = self.ids.size()
            with tf.control_dependencies([before]), tf.control_dependencies([self.ids.insert(keys, ids), self.scores.insert(ids, scores)]):
                return {"before": before, "after": self.ids.size(), "scores": self.scores.size()}

        @tf.function(input_signature=[tf.TensorSpec(None, tf.string, "keys")])
        def remove(self, keys):
            with tf.control_dependencies([self.ids.remove(keys)]):
                return {"after": self.ids.size()}

        @tf.function(input_signature=[])
        def export(self):
            keys, ids = self.ids.export()
            order = tf.argsort(ids)  # a table gives them in any order
            return {"keys": tf.gather(keys, order), "ids": tf.gather(ids, order), "scores": tf.sort(self.scores.export()[1])}

    module, path = Module(), fresh("tables", 1)
    save(module, path, {"serving_default": module.find, "find_or": module.find_or, "insert": module.insert, "remove": module.remove, "export": module.export})
    strings = lambda *v: np.array(v, object)
    golden = Golden("tables")
    golden.add(1, "serving_default", run(path, "serving_default", {
        "keys that were saved, and one that was not": {"keys": strings(b"a", b"z", b"b")}, "no key": {"keys": strings()}, "a scalar": {"keys": np.array(b"b", object)},
    }))
    golden.add(1, "find_or", run(path, "find_or", {
        "a default for each key": {"keys": strings(b"y", b"a", b"z"), "defaults": np.array([7, 8, 9])}, "one for all": {"keys": strings(b"y", b"a"), "defaults": np.int64(3)},
        "too few": {"keys": strings(b"y", b"a", b"z"), "defaults": np.array([7, 8])},
    }))
    golden.add(1, "insert", run(path, "insert", {
        "fewer values than keys": {"keys": strings(b"y", b"z"), "ids": np.array([1]), "scores": np.float32([2])},
        "values of another shape": {"keys": strings(b"y"), "ids": np.array([[1]]), "scores": np.float32([[2]])},
    }))
    insert = lambda keys, ids, scores: ("insert", {"keys": strings(*keys), "ids": np.array(ids, np.int64), "scores": np.array(scores, np.float32)})
    find, export = ("serving_default", {"keys": strings(b"a", b"b", b"c", b"", b"\xff")}), ("export", {})
    script = [
        export, find, insert([b"c", b"a", b"c"], [30, 40, 50], [1, 2, 3]), find, export, ("remove", {"keys": strings(b"b", b"nobody")}), find, export,
        insert([[b"", b"\xff"], [b"b", b"e"]], [[60, 70], [80, 90]], [[4, 5], [6, 7]]), find, export, insert([], [], []),
        ("remove", {"keys": strings(b"", b"a", b"b", b"c", b"e", b"\xff")}), export, find, insert([b"again"], [10], [8]), export,
        insert([b"%d" % i for i in range(100)], range(100, 200), range(100)), ("remove", {"keys": strings(*[b"%d" % i for i in range(0, 100, 2)])}), export,
    ]
    steps = []
    loaded = tf.saved_model.load(str(path))
    for signature, inputs in script:
        got = loaded.signatures[signature](**{alias: tf.constant(value) if value.dtype != object else tf.constant(value, tf.string) for alias, value in inputs.items()})
        steps.append({"signature": signature, "inputs": {k: to_json(v) for k, v in inputs.items()}, "outputs": {k: to_json(np.asarray(v)) for k, v in got.items()}})
    golden.versions["1"]["script"] = steps
    golden.write()


def rounds() -> None:
    """Loops in loops, which change a variable with each outer round: as many as they are told, so that they may take long."""
    class Module(tf.Module):
        def __init__(self):
            self.count = tf.Variable(0, dtype=tf.int64)

        @tf.function(input_signature=[tf.TensorSpec([], tf.int32, "outer"), tf.TensorSpec([], tf.int32, "inner")])
        def predict(self, outer, inner):
            def turn(i, total):
                _, total = tf.while_loop(lambda j, _: j < inner, lambda j, t: (j + 1, tf.cond(j < 2, lambda: t + 1, lambda: t + 2)), [tf.constant(0), total])
                self.count.assign_add(1)
                return i + 1, total

            _, total = tf.while_loop(lambda i, _: i < outer, turn, [tf.constant(0), tf.constant(0)])
            return {"total": total, "count": self.count.read_value()}

        @tf.function(input_signature=[])
        def counted(self):
            return {"count": self.count.read_value()}

    module, path = Module(), fresh("rounds", 1)
    save(module, path, {"serving_default": module.predict, "counted": module.counted})
    golden = Golden("rounds")
    steps = []
    loaded = tf.saved_model.load(str(path))
    for signature, inputs in [("counted", {}), ("serving_default", {"outer": 3, "inner": 4}), ("serving_default", {"outer": 2, "inner": 0}), ("counted", {})]:
        feeds = {alias: np.array(value, np.int32) for alias, value in inputs.items()}
        got = loaded.signatures[signature](**{alias: tf.constant(value) for alias, value in feeds.items()})
        steps.append({"signature": signature, "inputs": {k: to_json(v) for k, v in feeds.items()}, "outputs": {k: to_json(np.asarray(v)) for k, v in got.items()}})
    golden.add(1, "serving_default", run(path, "serving_default", {"no round": {"outer": np.int32(0), "inner": np.int32(5)}}))
    golden.versions["1"]["script"] = steps
    golden.write()


def defaults() -> None:
    """The input `scale` has a default in the signature, which only TensorFlow Serving applies."""
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([], tf.float32, "scale")])
        def predict(self, x, scale):
            return {"y": x * scale}

    module, path = Module(), fresh("defaults", 1)
    save(module, path, {"serving_default": module.predict})
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    saved.meta_graphs[0].signature_def["serving_default"].defaults["scale"].CopyFrom(tf.make_tensor_proto(np.float32(3)))
    (path / "saved_model.pb").write_bytes(saved.SerializeToString(deterministic=True))
    golden = Golden("defaults")
    golden.add(1, "serving_default", run(path, "serving_default", {"both": {"x": np.array([1, 2], np.float32), "scale": np.float32(5)}, "no row": {"x": np.zeros(0, np.float32), "scale": np.float32(5)}}))
    golden.write()
