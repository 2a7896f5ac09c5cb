"""Keras layers that work over a sequence: a recurrent one and an attentive one, as small as they come."""

import keras
import numpy as np
import tensorflow as tf

from golden import Golden, run
from modern import fresh, save, variables


def _rows(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 6, 4)).astype(np.float32)


def _publish(name: str, model: keras.Model) -> None:
    class Module(tf.Module):
        def __init__(self):
            self.model = model
            self.tracked = variables(model)

        @tf.function(input_signature=[tf.TensorSpec([None, 6, 4], tf.float32, "sequence")])
        def predict(self, sequence):
            return {"y": self.model(sequence, training=False)}

    module, path = Module(), fresh(name, 1)
    save(module, path, {"serving_default": module.predict})
    rows = _rows(6, 3)
    golden = Golden(name)
    golden.add(1, "serving_default", run(path, "serving_default", {
        "three rows": {"sequence": rows}, "one row": {"sequence": rows[:1]}, "no row": {"sequence": rows[:0]},
    }))
    golden.write()


def lstm_tiny() -> None:
    """An LSTM over six steps: a While over TensorLists."""
    keras.utils.set_random_seed(11)
    _publish("lstm_tiny", keras.Sequential([keras.layers.Input((6, 4)), keras.layers.LSTM(8), keras.layers.Dense(2)]))


def attention_tiny() -> None:
    """Self-attention of two heads with a residual and a layer norm: Einsum, Softmax, moments."""
    keras.utils.set_random_seed(12)
    x = keras.layers.Input((6, 4))
    attended = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x)
    y = keras.layers.LayerNormalization()(keras.layers.Add()([x, attended]))
    _publish("attention_tiny", keras.Model(x, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(y))))
