"""The forms that TensorFlow Serving's own end-to-end test serves: variables in a function, two signatures, a Keras export."""

import keras
import numpy as np
import tensorflow as tf

from golden import Golden, run
from modern import fresh, save


def product() -> None:
    """y = v1 v2 x, with 3 and 2."""
    class Module(tf.Module):
        def __init__(self):
            self.v1 = tf.Variable(3.0, name="v1")
            self.v2 = tf.Variable(2.0, name="v2")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def predict(self, x):
            return {"y": self.v1 * self.v2 * x}

    module, path = Module(), fresh("product", 1)
    save(module, path, {"serving_default": module.predict})
    golden = Golden("product")
    golden.add(1, "serving_default", run(path, "serving_default", {"two": {"x": np.array([2, -1], np.float32)}}))
    golden.write()


def two_signatures() -> None:
    """serving_default gives x back, custom_signature_key gives 2 x; both name their output alike."""
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def once(self, x):
            return {"output": tf.identity(x)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def twice(self, x):
            return {"output": x * 2.0}

    module, path = Module(), fresh("two_signatures", 1)
    save(module, path, {"serving_default": module.once, "custom_signature_key": module.twice})
    golden = Golden("two_signatures")
    for name in ("serving_default", "custom_signature_key"):
        golden.add(1, name, run(path, name, {"three": {"x": np.array([1, 2, 5], np.float32)}}))
    golden.write()


def keras_identity() -> None:
    """A Sequential without weights, as model.export writes it."""
    model = keras.Sequential([keras.layers.Input((1,), name="x"), keras.layers.Identity()])
    path = fresh("keras_identity", 1)
    model.export(str(path), verbose=False)
    golden = Golden("keras_identity")
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    (alias,) = signature.structured_input_signature[1]
    golden.add(1, "serving_default", run(path, "serving_default", {"a batch of three": {alias: np.array([[2], [0], [-1]], np.float32)}}))
    golden.write()
